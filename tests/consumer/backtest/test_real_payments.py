"""Thresholds on the real payments come to what their truth says, whatever the engine."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.archive import archive_objects
from consumer.backtest.backtest import Engine, Settings, backtest
from consumer.backtest.run import Scope
from consumer.rules import rulefile
from tests.consumer.builders import wire
from tests.e2e.truth import BERKA
from tests.engines import spark_is_missing
from tests.engines.spark import started

pytestmark = [
    pytest.mark.skipif(not BERKA.exists(), reason="the real payments are not beside the checkout"),
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # PySpark leaves sockets open
]
RULE = """
  - {{id: above-{0}, version: 1, title: T, severity: low, when: amount > {0}, explain: "{{amount}}",
     tests: [{{given: [{{}}], expect: no match}}]}}
"""
RULES = rulefile.read("rules:" + "".join(RULE.format(threshold) for threshold in (1000, 25000, 50000)))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    with gzip.open(BERKA) as file:
        payloads = [_on_the_wire(line) for line in file]
    for number, part in enumerate((payloads[:50_000], payloads[50_000:])):
        (folder / f"{number}.gz").write_bytes(gzip.compress(b"".join(part), 1))
    return folder


@pytest.fixture
def spark() -> Iterator[None]:
    with started():
        yield


def test_duckdb(archive: Path) -> None:
    assert matches(archive, Engine.DUCKDB) == (79_302, [48_582, 6_328, 436])


@pytest.mark.skipif(spark_is_missing() is not None, reason=f"{spark_is_missing()}")
def test_spark(archive: Path, spark: None) -> None:
    assert matches(archive, Engine.SPARK) == (79_302, [48_582, 6_328, 436])


def matches(archive: Path, engine: Engine) -> tuple[int, list[int]]:
    settings = Settings(Scope(), engine=engine)
    report = backtest(RULES, None, archive_objects([str(archive)]), settings, lambda _: None)
    return report.transactions, [rule.matches for rule in report.rules]


def _on_the_wire(line: bytes) -> bytes:
    fields = json.loads(line, parse_float=str)
    return wire(fields.pop("trxId"), fields.pop("amount"), **fields)
