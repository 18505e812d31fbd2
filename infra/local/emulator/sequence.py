"""Sequence numbers that only rise.

Defect: ministack's are the wall clock's milliseconds and a counter that starts at nought in each process. They fall
when the clock steps back, so that records hide behind a checkpoint. They also begin with zeros and are compared as
text: a reader that keeps numbers as numbers asks for `1764…` and skips all of `00001764…`.
"""

import threading
from collections.abc import Callable

# Above every number of leading zeros, below the 186 bits that KCL takes apart as AWS's own.
BASE = 49 * 10**28
PER_MILLISECOND = 10**10


class SequenceNumbers:
    """``clock`` gives seconds since 1970. Safe between threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = BASE

    def next(self) -> str:
        """30 digits, above all that went before."""
        with self._lock:
            self._last = max(self._last + 1, BASE + int(self._clock() * 1000) * PER_MILLISECOND)
            return str(self._last)

    @property
    def last(self) -> int:
        """The number given last: all that come are above it."""
        return self._last

    def resume(self, last: int) -> None:
        """Goes on above ``last``, of an earlier process."""
        with self._lock:
            self._last = max(self._last, last)
