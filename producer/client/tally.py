"""What became of the lines so far: counted by many threads, told to one listener at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Rejection:
    """A line that can't be accepted as it is; `errors` are (field, message), an empty field is the line itself."""

    line: int
    errors: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Summary:
    """How far sending has come. Counts are transactions, except `retries`, which are requests sent again.

    `stopped` says why sending ended before its time; None if it did not. `key_refused`: it is the API key.
    """

    read: int = 0
    accepted: int = 0
    rejected: int = 0
    retries: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    key_refused: bool = False

    @property
    def unsettled(self) -> int:
        """Read, and neither accepted nor rejected: in the end, the transactions that were given up."""
        return self.read - self.accepted - self.rejected

    @property
    def complete(self) -> bool:
        """Everything was accepted."""
        return self.stopped is None and self.read == self.accepted

    @property
    def rate(self) -> float:
        """Accepted transactions a second."""
        return self.accepted / self.seconds if self.seconds else 0.0


class Tally:
    """Counts, and tells the listeners of every receipt and retry."""

    def __init__(
        self,
        clock: Callable[[], float],
        on_progress: Callable[[Summary], None],
        on_rejection: Callable[[Rejection], None],
    ) -> None:
        self._clock = clock
        self._on_progress = on_progress
        self._on_rejection = on_rejection
        self._lock = threading.Lock()
        self._summary = Summary()
        self._began = self._last_receipt = clock()
        self.stopping = threading.Event()

    def count(self, read: int = 0, accepted: int = 0, retries: int = 0) -> None:
        with self._lock:
            self._add(read=read, accepted=accepted, retries=retries)

    def reject(self, rejections: list[Rejection]) -> None:
        with self._lock:
            for rejection in rejections:
                self._on_rejection(rejection)
            self._add(rejected=len(rejections))

    def stop(self, reason: str, key_refused: bool = False) -> None:
        """Ends the sending; the first reason is kept."""
        with self._lock:
            if not self._summary.stopped:
                self._summary = replace(self._summary, stopped=reason, key_refused=key_refused)
        self.stopping.set()

    def quiet_seconds(self) -> float:
        """Seconds since the last receipt, or since the start."""
        return self._clock() - self._last_receipt

    def summary(self) -> Summary:
        with self._lock:
            self._add()
            return self._summary

    def _add(self, read: int = 0, accepted: int = 0, rejected: int = 0, retries: int = 0) -> None:
        now = self._clock()
        before = self._summary
        self._summary = replace(
            before,
            read=before.read + read,
            accepted=before.accepted + accepted,
            rejected=before.rejected + rejected,
            retries=before.retries + retries,
            seconds=now - self._began,
        )
        if accepted or rejected:
            self._last_receipt = now
        if accepted or rejected or retries:
            self._on_progress(self._summary)
