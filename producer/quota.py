"""How many transactions a key may send: a token bucket a key, held by this process alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from producer.errors import QuotaSpentError


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Quota:
    """`clock` counts seconds. A bucket holds one second's worth, and never less than `largest_request`."""

    def __init__(self, default_rate: int, largest_request: int, clock: Callable[[], float]) -> None:
        self._default_rate = default_rate
        self._largest_request = largest_request
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key_id: str, rate: int | None, transactions: int, taken: int = 0) -> None:
        """Takes all or nothing, save for what was `taken` of them before. Raises QuotaSpentError.

        `rate` is the key's own, in transactions a second.
        """
        rate = rate or self._default_rate
        burst = float(max(rate, self._largest_request))
        bucket = self._filled(key_id, rate, burst)
        if bucket.tokens < transactions - taken:
            seconds = math.ceil((transactions - bucket.tokens) / rate)
            raise QuotaSpentError(f"the key's quota of {rate} transactions a second is spent", seconds)
        bucket.tokens -= transactions - taken

    def _filled(self, key_id: str, rate: int, burst: float) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(key_id, _Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        return bucket
