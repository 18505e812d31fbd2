"""Makes, replaces and revokes keys. Each change is logged with the key's id and who made it, and never with the key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from api_keys.document import ApiKey, new_key
from api_keys.errors import KeyChoiceError, SecretEmptyError
from api_keys.handover import Handover
from api_keys.store import KeyStore

LIST = "python -m producer keys list shows them"

log = structlog.get_logger(__name__)


class Issued(NamedTuple):
    """A new key, its clear text, and the key that it replaces, as it is now."""

    text: str
    key: ApiKey
    replaced: ApiKey | None = None


@dataclass(frozen=True)
class Issuer:
    """With a `handover`, a key's clear text goes there before its hash is stored: what was interrupted is repeated.

    Everything here raises SecretUnavailableError or MalformedKeysError.
    """

    store: KeyStore
    now: Callable[[], datetime]
    who: Callable[[], str]
    handover: Handover | None = None

    def holds_keys(self) -> bool:
        """Valid or not; False too if there is no secret yet."""
        try:
            return bool(self.store.keys())
        except SecretEmptyError:
            return False

    def create(self, name: str, lifetime: timedelta | None = None, rate: int | None = None) -> Issued:
        now, who = self.now(), self.who()
        issued = Issued(*new_key(name, now, now + lifetime if lifetime else None, rate))
        self._hand_over(issued)
        self.store.add(issued.key)
        log.info("key created", by=who, **_told(issued.key))
        return issued

    def rotate(self, named: str, overlap: timedelta) -> Issued:
        """A new key of the same name, rate and lifetime; the old one is valid for `overlap` more, at most.

        `named` is an id, or a name that one valid key has which was not replaced before. Raises KeyChoiceError.
        """
        now, who = self.now(), self.who()
        old = chosen(self.store.keys(), named, now)
        lifetime = old.expires_at - old.created_at if old.expires_at else None
        text, key = new_key(old.name, now, now + lifetime if lifetime else None, old.rate_per_second)
        self._hand_over(Issued(text, key))
        _, replaced = self.store.change(lambda keys: [key, _outlasting(chosen(keys, old.id, now), key, now, overlap)])
        log.info("key rotated", by=who, replaced=old.id, **_told(key))
        return Issued(text, key, replaced)

    def revoke(self, key_id: str) -> bool:
        """Whether it was in need of it. Raises KeyChoiceError if there is no key with this id."""
        now, who = self.now(), self.who()
        changed = self.store.change(lambda keys: _revoked(_known(keys, key_id), now))
        if changed:
            log.info("key revoked", by=who, **_told(changed[0]))
        return bool(changed)

    def _hand_over(self, issued: Issued) -> None:
        if self.handover:
            self.handover.put(issued.text)


def chosen(keys: Mapping[str, ApiKey], named: str, now: datetime) -> ApiKey:
    """The key that is to be replaced. Raises KeyChoiceError."""
    if key := keys.get(named):
        return _replaceable(key, now)
    fitting = [key for key in _of_name(keys, named) if key.state(now) == "valid" and not key.replaced_by]
    if not fitting:
        raise KeyChoiceError(f"there is no valid key with the id or name {named}; {LIST}")
    if len(fitting) > 1:
        raise KeyChoiceError(f"{len(fitting)} keys are named {named}; take an id:\n{_lines(fitting)}")
    return fitting[0]


def _replaceable(key: ApiKey, now: datetime) -> ApiKey:
    if key.replaced_by:
        raise KeyChoiceError(f"the key {key.id} was already replaced, by {key.replaced_by}")
    if (state := key.state(now)) != "valid":
        raise KeyChoiceError(f"the key {key.id} is {state}; python -m producer keys create makes a new one")
    return key


def _known(keys: Mapping[str, ApiKey], key_id: str) -> ApiKey:
    if key := keys.get(key_id):
        return key
    if named := _of_name(keys, key_id):
        raise KeyChoiceError(f"{key_id} is a name; to revoke, take an id:\n{_lines(named)}")
    raise KeyChoiceError(f"there is no key with the id {key_id}; {LIST}")


def _of_name(keys: Mapping[str, ApiKey], name: str) -> list[ApiKey]:
    return [key for key in keys.values() if key.name == name]


def _lines(keys: list[ApiKey]) -> str:
    return "\n".join(f"  {key.id}, created {key.created_at:%Y-%m-%dT%H:%M%z}" for key in keys)


def _outlasting(old: ApiKey, new: ApiKey, now: datetime, overlap: timedelta) -> ApiKey:
    """The old key with its end."""
    if not overlap:
        return msgspec.structs.replace(old, revoked_at=now, replaced_by=new.id)
    expires_at = min(old.expires_at, now + overlap) if old.expires_at else now + overlap
    return msgspec.structs.replace(old, expires_at=expires_at, replaced_by=new.id)


def _revoked(key: ApiKey, now: datetime) -> list[ApiKey]:
    return [] if key.revoked_at else [msgspec.structs.replace(key, revoked_at=now)]


def _told(key: ApiKey) -> dict[str, str | None]:
    return {"key_id": key.id, "name": key.name, "expires_at": key.expires_at.isoformat() if key.expires_at else None}
