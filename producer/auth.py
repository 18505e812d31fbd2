"""Who may send: keys looked up and kept fresh."""

import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog

from api_keys.document import KEY, NONE_YET, ApiKey, parse_keys, sha256
from api_keys.errors import MalformedKeysError, SecretEmptyError, SecretUnavailableError
from producer.errors import NotReadyError, UnauthorizedError
from producer.metrics import Metrics

RETRY_UNLOADED_SECONDS = 1
NOT_LOADED = "the API keys are not loaded"
log = structlog.get_logger(__name__)


class SecretSource(Protocol):
    """Where the key document is kept."""

    async def read(self) -> str:
        """Its current text. Raises SecretUnavailableError, or its SecretEmptyError."""


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
        match = KEY.fullmatch(text or "")
        key = self._keys.get(match[1]) if match else None
        if key is None or not hmac.compare_digest(sha256(text or ""), key.sha256):
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
