"""API keys: made, hashed, looked up, kept fresh. Only a key's hash is ever stored."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol

import msgspec
import structlog
from msgspec import Meta

from producer.errors import (
    MalformedKeysError,
    NotReadyError,
    SecretEmptyError,
    SecretUnavailableError,
    UnauthorizedError,
)
from producer.metrics import Metrics

RETRY_UNLOADED_SECONDS = 1
_KEY = re.compile(r"pk_([a-z0-9]{12})_[A-Za-z0-9_-]{43}")

NOT_LOADED = "the API keys are not loaded"
NONE_YET = "there is none yet; python -m producer keys create NAME makes the first"

Moment = Annotated[datetime, Meta(tz=True)]
State = Literal["valid", "expired", "revoked"]
log = structlog.get_logger(__name__)


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


class SecretSource(Protocol):
    """Where the key document is kept."""

    async def read(self) -> str:
        """Its current text. Raises SecretUnavailableError, or its SecretEmptyError."""


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
    return text, ApiKey(key_id, name, _sha256(text), now, expires_at, None, rate)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class KeyRing:
    """The keys as last read; what can't be read, or makes no sense, never replaces them."""

    def __init__(self, source: SecretSource, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._source = source
        self._metrics = metrics
        self._now = now
        self._keys: dict[str, ApiKey] | None = None
        self._reason = ""
        self._failures = 0
        self._is_empty = False

    @property
    def is_loaded(self) -> bool:
        return self._keys is not None

    @property
    def obstacle(self) -> str | None:
        """Why nobody can be let in, in words that everybody may read; None once keys were read."""
        if self.is_loaded:
            return None
        return f"{NOT_LOADED}: {NONE_YET}" if self._is_empty else f"{NOT_LOADED}; the log says why"

    def authenticate(self, text: str | None) -> ApiKey:
        """Raises UnauthorizedError, the same whatever is wrong, or NotReadyError while no keys were ever read."""
        if self._keys is None:
            raise NotReadyError("the API keys are not loaded yet", RETRY_UNLOADED_SECONDS)
        match = _KEY.fullmatch(text or "")
        key = self._keys.get(match[1]) if match else None
        if key is None or not hmac.compare_digest(_sha256(text or ""), key.sha256):
            raise UnauthorizedError
        if key.state(self._now()) != "valid":
            raise UnauthorizedError
        return key

    async def refresh(self) -> None:
        """Reads the keys anew; counts a failure, and logs it unless it is the one that was just logged."""
        try:
            keys = parse_keys(await self._source.read())
        except (SecretUnavailableError, MalformedKeysError) as error:
            self._keep_last_good(str(error), is_empty=isinstance(error, SecretEmptyError))
        except Exception as error:  # whatever it is, the keys that were read stay in force
            self._keep_last_good(type(error).__name__)
        else:
            self._replace(keys)

    def _replace(self, keys: dict[str, ApiKey]) -> None:
        self._metrics.key_refreshes.labels("loaded").inc()
        if keys != self._keys or self._failures:
            log.info("keys loaded", keys=len(keys))
        self._keys = keys
        self._failures = 0

    def _keep_last_good(self, reason: str, *, is_empty: bool = False) -> None:
        self._is_empty = is_empty
        self._metrics.key_refreshes.labels("failed").inc()
        self._failures = self._failures + 1 if reason == self._reason else 1
        self._reason = reason
        if _is_told(self._failures):
            log.warning("keys not refreshed", reason=reason, last_good=self.is_loaded, times=self._failures)

    async def keep_fresh(self, every_seconds: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Refreshes for ever; sooner while nothing was ever read."""
        while True:
            await self.refresh()
            await sleep(every_seconds if self.is_loaded else min(every_seconds, RETRY_UNLOADED_SECONDS))


def _is_told(times: int) -> bool:
    """The first time, and then ever more rarely: 2, 4, 8, ..."""
    return times & (times - 1) == 0


def utc_now() -> datetime:
    return datetime.now(UTC)
