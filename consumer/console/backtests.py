"""Rules that are tried on the archive from the console: one at a time in this process, its progress in the database."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import structlog
from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from consumer import lists
from consumer.archive import archive_objects
from consumer.backtest.backtest import Settings, backtest
from consumer.backtest.report import Report
from consumer.backtest.run import Scope
from consumer.errors import ConsumerError
from consumer.logs import describe
from consumer.rules.ruleset import RuleSet
from consumer.settings import ConsoleSettings
from consumer.tables import backtests

log = structlog.get_logger(__name__)
BEAT_SECONDS = 1.0
SILENT = timedelta(seconds=30)
"""Whoever runs one and says nothing for so long is gone."""
_columns = backtests.c
_is_silent = (_columns.ended_at.is_(None) & (_columns.seen_at < func.now() - SILENT)).label("is_silent")


class BusyError(ConsumerError):
    """One runs already."""


class Wish(NamedTuple):
    """``text`` says ``candidate``, which is compared with ``current``, the edition ``against``."""

    by: str
    text: str
    candidate: RuleSet
    against: int
    current: RuleSet
    scope: Scope


class Backtests:
    def __init__(self, engine: Engine, settings: ConsoleSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._free = threading.Lock()

    def begin(self, wish: Wish) -> int:
        """The number of what runs from now on. Raises BusyError or DBAPIError."""
        if not self._free.acquire(blocking=False):
            raise BusyError("a backtest runs already: wait until it has ended")
        try:
            with self._engine.begin() as connection:
                values = {"by": wish.by, "text": wish.text, "against": wish.against}
                scope = {"begin": wish.scope.begin, "end": wish.scope.end}
                statement = insert(backtests).values(**values, **scope).returning(_columns.id)
                number: int = connection.execute(statement).scalar_one()
            threading.Thread(target=self._run, args=(number, wish), name=f"backtest-{number}", daemon=True).start()
        except BaseException:
            self._free.release()
            raise
        return number

    def _run(self, number: int, wish: Wish) -> None:
        progress = _Progress()
        outcome: dict[str, Any]
        try:
            with self._beating(number, progress):
                report = self._tried(wish, progress)
            outcome = {"report": msgspec.to_builtins(report, str_keys=True)}
        except (ConsumerError, OSError) as error:
            outcome = {"fault": str(error)}
        except Exception as error:
            log.exception("a backtest failed", number=number)
            outcome = {"fault": f"it failed, and the console's log says where: {describe(error)}"}
        finally:
            self._free.release()
        values = {**outcome, "done": progress.done, "total": progress.total, "ended_at": func.now()}
        try:
            self._write(number, values)
        except SQLAlchemyError:
            log.exception("a backtest's end could not be stored", number=number)

    def _tried(self, wish: Wish, progress: "_Progress") -> Report:
        archive = self._settings.archive
        assert archive
        with self._engine.connect() as connection:
            entries = lists.entries(connection)
        objects = archive_objects([archive], self._settings.aws_region)
        progress.total = sum(one.size for one in objects)
        how = Settings(wish.scope, entries, memory=self._settings.backtest_memory)
        return backtest(wish.candidate, wish.current, objects, how, progress.advance)

    @contextmanager
    def _beating(self, number: int, progress: "_Progress") -> Iterator[None]:
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_SECONDS):
                try:
                    self._write(number, {"done": progress.done, "total": progress.total, "seen_at": func.now()})
                except SQLAlchemyError as error:
                    log.warning("a backtest's progress could not be stored", number=number, error=describe(error))

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            yield
        finally:
            over.set()
            beating.join()

    def _write(self, number: int, values: dict[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(backtests).where(_columns.id == number).values(**values))


class _Progress:
    """In bytes."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0

    def advance(self, size: int) -> None:
        self.done += size


def latest(connection: Connection, limit: int = 20) -> Sequence[Any]:
    shown = (_columns[name] for name in ("id", "by", "begun_at", "ended_at", "against", "done", "total", "fault"))
    return connection.execute(select(*shown, _is_silent).order_by(_columns.id.desc()).limit(limit)).all()


def one(connection: Connection, number: int) -> Row[Any] | None:
    return connection.execute(select(backtests, _is_silent).where(_columns.id == number)).one_or_none()


def report_of(row: Row[Any]) -> Report | None:
    return None if row.report is None else msgspec.convert(row.report, Report, strict=False)
