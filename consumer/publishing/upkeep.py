"""What a consumer does in the database for its rules, beside its work: it tells which it knows, and makes and drops the
partitions of `recent_transactions`. Of several consumers each does all of it.
"""

import time
from collections.abc import Callable

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from consumer.logs import describe
from consumer.publishing.reach import reach_of
from consumer.publishing.reports import report
from consumer.publishing.watch import EVERY_SECONDS, RulesWatch

log = structlog.get_logger(__name__)

TEND_SECONDS = 3_600.0
TEND_AGAIN_SECONDS = 60.0
TEND = text("SELECT tend_recent_transactions(:keep)")


class Upkeep:
    """`report` and `tend` are called about every second. A database that does not answer is asked again soon."""

    def __init__(
        self,
        engine: Engine,
        application: str,
        worker: Callable[[], str | None],
        watch: RulesWatch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._application = application
        self._worker = worker
        self._watch = watch
        self._clock = clock
        self._tend_at = float("-inf")
        self._report_at = float("-inf")
        self._told: object = None

    def report(self) -> None:
        state, worker = self._watch.state, self._worker()
        told = state and worker and (worker, state.tag, state.fault)
        if not state or not worker or (told == self._told and self._clock() < self._report_at):
            return
        self._report_at = self._clock() + EVERY_SECONDS
        try:
            with self._engine.begin() as connection:
                report(connection, self._application, worker, state)
        except DBAPIError as error:
            self._told = None
            log.debug("the rules could not be reported", error=describe(error))
        else:
            self._told = told
        finally:
            self._engine.dispose()

    def tend(self) -> None:
        if self._clock() < self._tend_at:
            return
        self._tend_at = self._clock() + TEND_AGAIN_SECONDS
        try:
            with self._engine.begin() as connection:
                said = connection.execute(TEND, {"keep": reach_of(self._watch.book)}).scalar_one()
        except DBAPIError as error:
            log.warning("partitions could not be made", error=describe(error))
            return
        finally:
            self._engine.dispose()
        log.debug("partitions tended", said=said)
        if said.startswith("partitions"):
            self._tend_at = self._clock() + TEND_SECONDS
