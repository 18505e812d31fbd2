"""Bounds what all requests together hold in memory before their transactions wait to be published."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from producer.errors import OverloadedError

RETRY_SECONDS = 1
FULL = "too many requests arrive at once; send the whole request again"


class Intake:
    """Holds at most `most_bytes` of bodies that are being read and judged, inflated."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.bytes = 0

    @contextmanager
    def claim(self) -> Iterator[Callable[[int], None]]:
        """Gives what takes room for so many bytes more, and frees all of it in the end.

        Taking raises OverloadedError where there is no room.
        """
        claimed = 0

        def take(count: int) -> None:
            nonlocal claimed
            if self.bytes + count > self._most_bytes:
                raise OverloadedError(FULL, RETRY_SECONDS, "bodies")
            claimed += count
            self.bytes += count

        try:
            yield take
        finally:
            self.bytes -= claimed
