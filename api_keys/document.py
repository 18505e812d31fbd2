"""The key document: keys made, hashed and read. Only a key's hash is ever stored."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api_keys.errors import MalformedKeysError

KEY = re.compile(r"pk_([a-z0-9]{12})_[A-Za-z0-9_-]{43}")
"""A key's text; its group is the id."""
NONE_YET = "there is none yet; python -m producer keys create NAME makes the first"

Moment = Annotated[datetime, Meta(tz=True)]
State = Literal["valid", "expired", "revoked"]


class ApiKey(msgspec.Struct, frozen=True, rename="camel"):
    """A key as the secret holds it; `sha256` is the hash of the whole key text, in hex.

    A key with `revoked_at` is invalid from then on, whatever the time says: clocks differ. `replaced_by` is the id of
    the key that a rotation made in its place.
    """

    id: Annotated[str, Meta(pattern="^[a-z0-9]{12}$")]
    name: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    created_at: Moment
    expires_at: Moment | None = None
    revoked_at: Moment | None = None
    rate_per_second: Annotated[int, Meta(ge=1)] | None = None
    replaced_by: str | None = None

    def state(self, now: datetime) -> State:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and now >= self.expires_at else "valid"


class KeyDocument(msgspec.Struct, frozen=True):
    """The secret's content. Fields that are not known here are left out when it is read."""

    keys: list[ApiKey]


def parse_keys(document: str) -> dict[str, ApiKey]:
    """The keys by their id. Raises MalformedKeysError, whose message holds nothing of the document."""
    try:
        keys = msgspec.json.decode(document, type=KeyDocument).keys
    except ValueError as error:
        where = str(error).rpartition(" - at ")[2] if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        raise MalformedKeysError(f"the secret is no key document: {where}") from None
    by_id = {key.id: key for key in keys}
    if len(by_id) < len(keys):
        raise MalformedKeysError("the secret is no key document: two keys have the same id")
    return by_id


def new_key(
    name: str, now: datetime, expires_at: datetime | None = None, rate: int | None = None
) -> tuple[str, ApiKey]:
    """The key's text, which is shown once and never stored, and what is stored."""
    key_id = secrets.token_hex(6)
    text = f"pk_{key_id}_{secrets.token_urlsafe(32)}"
    return text, ApiKey(key_id, name, sha256(text), now, expires_at, None, rate)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
