"""A backtest from its files to its report."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from consumer.archive import ArchiveObject
from consumer.backtest.judge import Judge
from consumer.backtest.report import Asked, Report, Reporter
from consumer.backtest.run import Advance, Counted, Run, Scope
from consumer.errors import CrashError
from consumer.rules.entries import Entry
from consumer.rules.ruleset import RuleSet
from consumer.rules.tree import Condition, renamed
from consumer.rules.windows import Declaration

if TYPE_CHECKING:
    from consumer.backtest.athena import Place

CURRENT = "CURRENT_"
"""Begins no window's own name."""


class Engine(StrEnum):
    """What decides: DuckDB here, or Spark, on as many machines as it has."""

    DUCKDB = "duckdb"
    SPARK = "spark"


@dataclass(frozen=True)
class Settings:
    """``memory`` as DuckDB writes it; what it does not hold is kept on disk, in ``folder`` or the system's own.
    ``engine`` may also be a place where Athena is.
    """

    scope: Scope
    entries: Sequence[Entry] = ()
    digest_interval: timedelta = timedelta(minutes=5)
    memory: str = "2GB"
    folder: Path | None = None
    engine: "Engine | Place" = Engine.DUCKDB


@dataclass(frozen=True)
class Tried:
    """Of ``judge``'s conditions, by their numbers, ``database`` has what was found in the table of that name."""

    database: duckdb.DuckDBPyConnection
    judge: Judge
    counted: Counted


def backtest(
    candidate: RuleSet,
    current: RuleSet | None,
    objects: Sequence[ArchiveObject],
    settings: Settings,
    advance: Advance,
) -> Report:
    """``advance`` hears of bytes that are behind. Raises CrashError, OSError or RetryError."""
    conditions, windows = _asked(candidate, current)
    with tried(conditions, windows, objects, settings, advance) as found:
        asked = Asked(candidate.rules, current.rules if current else None)
        return Reporter(found.database, found.judge, asked).report(found.counted, settings.digest_interval)


@contextmanager
def tried(
    conditions: Sequence[Condition],
    windows: Sequence[Declaration],
    objects: Sequence[ArchiveObject],
    settings: Settings,
    advance: Advance,
) -> Iterator[Tried]:
    """As `backtest`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="backtest-", dir=settings.folder)))
        database = stack.enter_context(duckdb.connect())
        database.execute("SET preserve_insertion_order = false")
        database.execute("SET enable_progress_bar = false")  # it would stand on stdout, among the data
        database.execute(f"SET temp_directory = '{folder / 'spilled'}'")
        database.execute("SET memory_limit = ?", [settings.memory])
        stack.enter_context(_in_words())
        judge = Judge(database, conditions, windows, settings.entries)
        yield Tried(database, judge, _run(database, judge, windows, folder, objects, settings, advance))


def _run(
    database: duckdb.DuckDBPyConnection,
    judge: Judge,
    windows: Sequence[Declaration],
    folder: Path,
    objects: Sequence[ArchiveObject],
    settings: Settings,
    advance: Advance,
) -> Counted:
    if settings.engine is Engine.SPARK:
        from consumer.backtest import spark  # which is not everywhere

        with spark.session() as session:
            on_spark = spark.SparkRun(session, judge, windows, folder, settings.scope)
            on_spark.read(objects, settings.entries, advance)
            return on_spark.counted
    if not isinstance(settings.engine, Engine):
        from consumer.backtest.athena import AthenaRun

        on_athena = AthenaRun(settings.engine, judge, windows, folder, settings.scope)
        on_athena.read(objects, settings.entries, advance)
        return on_athena.counted
    run = Run(database, judge, windows, folder, settings.scope)
    run.read(objects, advance)
    return run.counted


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfRangeException as error:
        raise CrashError("a window's sum has more digits than DuckDB's decimals, which have 38") from error
    except duckdb.Error as error:
        raise CrashError(f"DuckDB cannot go on: {str(error).splitlines()[0]}") from error


def _asked(candidate: RuleSet, current: RuleSet | None) -> tuple[list[Condition], list[Declaration]]:
    """All conditions, and the windows that they use; a window of the same name and another meaning is renamed."""
    conditions = [rule.condition for rule in candidate.rules]
    windows = {window.name: window for rule in candidate.rules for window in candidate.windows_of(rule)}
    for rule in current.rules if current else ():
        assert current
        names: dict[str, str] = {}
        for window in current.windows_of(rule):
            if windows.get(window.name) != window:
                names[window.name] = f"{CURRENT}{window.name}"
            name = names.get(window.name, window.name)
            windows[name] = replace(window, name=name)
        conditions.append(renamed(rule.condition, names))
    return conditions, list(windows.values())
