"""Athena finds what DuckDB finds: its SQL is run by Trino, of which Athena is made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.archive import archive_objects
from consumer.backtest.athena import Place
from consumer.backtest.run import Scope
from consumer.rules.ruleset import RuleSet
from tests.consumer.backtest.engines import ASKED, found, write_archive
from tests.engines import trino_is_missing
from tests.engines.athena import FakeAthena
from tests.engines.trino import Trino, lines_table, started

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(trino_is_missing() is not None, reason=f"{trino_is_missing()}"),
]
SOURCE = "s3://archive/transactions/dt=2026-11-24/"


@pytest.fixture(scope="module")
def trino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trino]:
    with started(tmp_path_factory.mktemp("trino")) as engine:
        yield engine


@pytest.mark.parametrize(("rules", "scope"), ASKED.values(), ids=ASKED)
def test_it_finds_what_duckdb_finds(
    rules: RuleSet, scope: Scope, trino: Trino, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_archive(tmp_path / "archive")
    table = lines_table(
        {f"{SOURCE}{file.name}": file.read_bytes().splitlines() for file in folder.iterdir()}
        | {"s3://archive/transactions/dt=2026-11-25/of-another-day": [b"poison"]}
    )

    def answer(query: str) -> Path:
        assert " FROM lines WHERE (" in query
        return trino.answer(query.replace(" FROM lines WHERE (", f" FROM {table} WHERE ("))

    monkeypatch.setattr("boto3.client", lambda *_, **__: FakeAthena(answer))
    objects = archive_objects([str(folder)])
    assert found(rules, scope, objects, Place("payment-analytics", [SOURCE])) == found(rules, scope, objects)
