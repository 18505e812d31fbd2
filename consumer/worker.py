"""Whose id KCL's daemon bears: the one that is set, or the one of a slot that this process holds."""

import threading
from collections.abc import Callable
from typing import Protocol

import structlog
from psycopg2.errors import UndefinedTable
from sqlalchemy.exc import DBAPIError

from consumer.logs import describe
from consumer.patience import Pause, StoppedError
from consumer.slots import Lookout, Slot

log = structlog.get_logger(__name__)

RENEWAL_SECONDS = 2.0
LOOK_SECONDS = 0.5
SAY_AGAIN_LOOKS = 60
MIGRATE = "it is not at the revision that is needed: run `python -m consumer migrate`"


class Worker(Protocol):
    """An id, as long as it is ours. Between `take` and `release`, `keep` is called about every second."""

    @property
    def lost(self) -> bool:
        """Another process has the id: whatever bears it here must end."""

    def take(self) -> str:
        """The id; a new one where the former is lost. Waits for it; raises StoppedError if the process is to stop."""

    def keep(self) -> None: ...

    def release(self) -> None: ...


class SlotTable(Protocol):
    """`consumer.slots.Slots`: each method raises DBAPIError."""

    def all(self) -> list[Slot]: ...

    def hold(self, number: int) -> bool: ...

    def give_up(self, number: int) -> None: ...


class NamedWorker:
    """One whose id is set by its operator, who sees to it that no other has the same."""

    lost = False

    def __init__(self, name: str) -> None:
        self._name = name

    def take(self) -> str:
        return self._name

    def keep(self) -> None:
        pass

    def release(self) -> None:
        pass


class SlotWorker:
    """One whose id belongs to a slot. A database that is down keeps nobody from going on: nobody can take the slot."""

    def __init__(self, slots: SlotTable, pause: Pause, clock: Callable[[], float]) -> None:
        self._slots = slots
        self._pause = pause
        self._clock = clock
        self._number: int | None = None
        self._renewed = 0.0
        self._failures = 0
        self._turn = threading.Lock()
        self.lost = False

    def take(self) -> str:
        if self._number is None or self.lost:
            number = self._claim()
            with self._turn:
                self._number, self._renewed, self.lost = number, self._clock(), False
            log.info("holding a slot", worker=_name(number))
        assert self._number is not None
        return _name(self._number)

    def keep(self) -> None:
        with self._turn:
            if self._number is not None and not self.lost and self._clock() - self._renewed >= RENEWAL_SECONDS:
                self._renew(self._number)

    def release(self) -> None:
        """Frees the slot, if it is ours; where the database does not answer, its time runs out instead."""
        with self._turn:
            number, self._number = self._number, None
            if number is None:
                return
            try:
                self._slots.give_up(number)
            except DBAPIError as error:
                log.warning("the slot could not be given up", worker=_name(number), error=describe(error))

    def _renew(self, number: int) -> None:
        try:
            self.lost = not self._slots.hold(number)
        except DBAPIError as error:
            self._failures += 1
            if self._failures == 1:
                log.warning("the slot cannot be renewed, going on", worker=_name(number), error=describe(error))
            return
        if self._failures:
            log.info("the slot can be renewed again", worker=_name(number), failures=self._failures)
        self._failures, self._renewed = 0, self._clock()
        if self.lost:
            log.error("another process has taken the slot over", worker=_name(number))

    def _claim(self) -> int:
        """Waits, also for a database that does not answer; a time of its silence is followed by a new lookout."""
        lookout, failures = Lookout(self._clock), 0
        while True:
            try:
                number = self._chosen(lookout)
            except DBAPIError as error:
                number, lookout = None, Lookout(self._clock)
                if failures % SAY_AGAIN_LOOKS == 0:
                    log.warning("waiting for the database", reason=_reason(error), failures=failures + 1)
                failures += 1
            if number is not None:
                return number
            if self._pause(LOOK_SECONDS):
                raise StoppedError

    def _chosen(self, lookout: Lookout) -> int | None:
        number = lookout.choose(self._slots.all())
        return number if number is not None and self._slots.hold(number) else None


def _name(number: int) -> str:
    return f"worker-{number}"


def _reason(error: DBAPIError) -> str:
    return MIGRATE if isinstance(error.orig, UndefinedTable) else describe(error)
