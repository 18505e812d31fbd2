"""Bounds what all requests together hold in memory before their transactions wait to be published."""

from collections.abc import Callable

from producer.errors import OverloadedError

RETRY_SECONDS = 1
FULL = "too many requests arrive at once; send the whole request again"


class Intake:
    """Holds at most `most_bytes` of bodies that are being read and judged, inflated."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.bytes = 0

    def claim(self) -> "Claim":
        return Claim(self)

    def take(self, count: int) -> None:
        """Raises OverloadedError where there is no room."""
        if self.bytes + count > self._most_bytes:
            raise OverloadedError(FULL, RETRY_SECONDS, "bodies")
        self.bytes += count


class Claim:
    """A context that gives what takes room for so many bytes more, and frees all of it in the end.

    Taking raises OverloadedError where there is no room.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._claimed = 0

    def __enter__(self) -> Callable[[int], None]:
        return self._take

    def __exit__(self, *_: object) -> None:
        self._intake.bytes -= self._claimed

    def _take(self, count: int) -> None:
        self._intake.take(count)
        self._claimed += count
