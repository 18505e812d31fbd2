"""Spark finds what DuckDB finds, row by row, with the same values."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.archive import archive_objects
from consumer.backtest.backtest import Engine
from consumer.backtest.run import Scope
from consumer.rules.ruleset import RuleSet
from tests.consumer.backtest.engines import ASKED, found, write_archive
from tests.engines import spark_is_missing
from tests.engines.spark import started

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # PySpark leaves sockets open
    pytest.mark.skipif(spark_is_missing() is not None, reason=f"{spark_is_missing()}"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[object]:
    """Started once: that is most of the time."""
    with started() as session:
        yield session


@pytest.mark.parametrize(("rules", "scope"), ASKED.values(), ids=ASKED)
def test_it_finds_what_duckdb_finds(rules: RuleSet, scope: Scope, tmp_path: Path, spark: object) -> None:
    objects = archive_objects([str(write_archive(tmp_path / "archive"))])
    assert found(rules, scope, objects, Engine.SPARK) == found(rules, scope, objects)
