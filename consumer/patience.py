"""Waiting for a world that is down: how long, and how to say so without flooding the log."""

import random
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from consumer.logs import describe_database_error

Result = TypeVar("Result")
Pause = Callable[[float], bool]
"""Waits so many seconds, or less; True if the process is to stop."""

LONGEST_DATABASE_WAIT = 15.0

log = structlog.get_logger()


class StoppedError(Exception):
    """The process is to stop before the work could be done."""


def backoff(attempt: int, longest: float, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the ``attempt``-th failure, from 1: doubling, of which a random half is taken off."""
    return min(longest, 2.0 ** min(attempt, 30)) * (0.5 + jitter() / 2)


class Patience:
    """Does database work until it succeeds: an outage delays it and never ends the process."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause

    def run(self, work: Callable[[], Result]) -> Result:
        """``work`` is begun anew after each failure. Raises `StoppedError` if the process is to stop first."""
        failures = 0
        while True:
            try:
                result = work()
            except DBAPIError as error:
                failures += 1
                self._wait(failures, error)
            else:
                if failures:
                    log.info("database answers again", failures=failures)
                return result

    def _wait(self, failures: int, error: DBAPIError) -> None:
        if failures & (failures - 1) == 0:  # the 1st, 2nd, 4th, 8th, …
            log.warning("database failed, waiting", failures=failures, error=describe_database_error(error))
        if self._pause(backoff(failures, LONGEST_DATABASE_WAIT)):
            raise StoppedError from error
