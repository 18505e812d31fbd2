"""Spark finds what DuckDB finds, row by row, with the same values. Only where PySpark and a Java for it are."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from consumer.archive import archive_objects
from consumer.backtest.backtest import Engine, Settings, tried
from consumer.backtest.run import Scope
from consumer.rules.entries import Entry
from consumer.rules.ruleset import RuleSet
from tests.consumer.backtest.test_backtest import STATELESS, WINDOWED
from tests.integration.histories import BOOK, CHANGE, NOON, payments

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # PySpark leaves sockets open
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs a Java"),
]
ENTRIES = [Entry("blocked", "1e8481-a", NOON, NOON + timedelta(seconds=30)), Entry("blocked", "f4241-b", NOON)]


@pytest.fixture(scope="module")
def spark(monkeypatch_module: pytest.MonkeyPatch) -> Iterator[Any]:
    """Started once: that is most of the time."""
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch_module.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    found = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two objects of random histories, with copies and late ones, and a line that is none."""
    folder = tmp_path_factory.mktemp("archive")
    chance = Random(5)  # noqa: S311 - can be had again
    lines = [
        payment.line(at)
        for begin in (1_000_001, 2_000_001)
        for payment in payments(chance, 120, begin)
        for at in payment.receipts
    ]
    chance.shuffle(lines)
    (folder / "first").write_bytes(b"".join(lines[:200]) + b"poison\n")
    (folder / "second").write_bytes(b"".join(lines[200:]))
    return folder


@pytest.mark.parametrize(
    ("rules", "scope"),
    [
        (STATELESS, Scope()),
        (WINDOWED, Scope()),
        (BOOK.pages[0].rules, Scope(end=CHANGE)),
        (BOOK.pages[1].rules, Scope(begin=CHANGE)),
        (BOOK.pages[1].rules, Scope(horizon=CHANGE)),
    ],
    ids=["stateless", "windows", "first edition", "second edition", "up to a horizon"],
)
def test_it_finds_what_duckdb_finds(rules: RuleSet, scope: Scope, archive: Path, spark: object) -> None:
    assert found(rules, scope, archive, Engine.SPARK) == found(rules, scope, archive, Engine.DUCKDB)


def found(rules: RuleSet, scope: Scope, archive: Path, engine: Engine) -> tuple[object, list[str]]:
    conditions, objects = [rule.condition for rule in rules.rules], archive_objects([str(archive)])
    settings = Settings(scope, ENTRIES, engine=engine)
    with tried(conditions, rules.asked, objects, settings, lambda _: None) as run:
        rows = run.database.execute("SELECT DISTINCT * FROM found").fetchall()
    assert rows
    return run.counted, sorted(map(str, rows))
