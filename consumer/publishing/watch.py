"""Follows the published rules beside KCL's daemon, and gives them to its children. What is broken changes nothing."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from consumer.errors import CrashError, RetryError
from consumer.patience import Pause, StoppedError
from consumer.publishing.place import Place
from consumer.publishing.shelf import put
from consumer.publishing.source import NONE, Published, read
from consumer.publishing.state import RulesState, write_state
from consumer.rules.book import Book, compiled

log = structlog.get_logger(__name__)

EVERY_SECONDS = 10.0
"""Three looks and more in the minute before an edition is in force."""


class RulesWatch:
    """Of a ``place``; without one, of the rules that come with this package. `take` first, then `look` about every
    second: it reads every EVERY_SECONDS, and ``report`` hears of each reading.
    """

    def __init__(
        self,
        place: Place | None,
        report: Callable[[RulesState], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.book = Book()
        self.state: RulesState | None = None
        self._place = place
        self._report = report
        self._clock = clock
        self._now = now
        self._looked = float("-inf")
        self._folder: Path | None = None

    def take(self, pause: Pause) -> None:
        """Waits until there are rules: without any, nothing may be evaluated. Raises StoppedError."""
        while not self._took():
            if pause(EVERY_SECONDS):
                raise StoppedError

    def give_to(self, folder: Path) -> None:
        """Where the children look, from now on."""
        self._folder = folder
        put(folder, compiled(self.book))
        self._tell()

    def look(self) -> None:
        if self._clock() - self._looked >= EVERY_SECONDS:
            self._took()

    def _took(self) -> bool:
        self._looked = self._clock()
        try:
            content = self._place.read() if self._place else None
            if self.state is None or (content.tag if content else NONE) != self.state.tag:
                self._take_up(read(content))
            elif self.state.fault:
                log.info("the published rules can be read again")
        except (CrashError, RetryError) as error:
            self._stay(str(error))
        else:
            assert self.state
            self.state = replace(self.state, read_at=self._now(), fault=None)
        if self.state is None:
            return False
        self._tell()
        self._report(self.state)
        return True

    def _take_up(self, found: Published) -> None:
        self.book = found.editions.book
        if self._folder:
            put(self._folder, compiled(self.book))
        self.state = RulesState(found.tag, found.editions.last_number, self._now())
        log.info("rules taken up", edition=self.state.edition)

    def _stay(self, fault: str) -> None:
        if self.state is None:
            log.error("waiting for the rules", reason=fault)
        elif self.state.fault != fault:
            log.error("the published rules cannot be taken up: the former ones stay in force", reason=fault)
        if self.state:
            self.state = replace(self.state, fault=fault)

    def _tell(self) -> None:
        if self._folder and self.state:
            write_state(self._folder, self.state)
