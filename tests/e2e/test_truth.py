"""Real transactions through the whole stack: exactly the truth comes out, also when they are sent twice."""

import math
import os
from pathlib import Path

import pytest

from infra.local.programs import DIGEST_SECONDS
from tests.e2e.driver import Driver
from tests.e2e.truth import BERKA, Truth, berka_truth, real_lines, truth_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
ROWS = os.environ.get("BERKA_ROWS", "5000")
EMAILS = "SELECT count(*), extract(epoch FROM max(created_at) - min(created_at)) FROM emails"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "transactions.jsonl"
    path.write_text("".join(f"{line}\n" for line in real_lines(None if ROWS == "all" else int(ROWS))))
    return path


@pytest.fixture(scope="module")
def truth(source: Path) -> Truth:
    return truth_of(source.read_text().splitlines())


def test_real_transactions_give_exactly_the_truth(driver: Driver, source: Path, truth: Truth) -> None:
    summary = driver.start_sending(source).summary()
    assert summary["accepted"] == len(truth.ids)
    driver.assert_truth(truth)
    archived = driver.archived_ids()
    assert {trx_id: archived[trx_id] for trx_id in truth.ids} == dict.fromkeys(truth.ids, 1)
    ((emails, seconds),) = driver.sql(EMAILS)
    assert 1 <= emails <= 1 + math.ceil(seconds / DIGEST_SECONDS)


def test_sending_all_of_it_again_changes_no_anomaly_and_mails_nobody(
    driver: Driver, source: Path, truth: Truth
) -> None:
    before = driver.sql("SELECT * FROM anomalies ORDER BY id"), len(driver.observer.mails())
    evaluated = driver.evaluated()
    driver.start_sending(source).summary()
    driver.await_settled()
    assert driver.evaluated() == evaluated + len(truth.ids)
    assert (driver.sql("SELECT * FROM anomalies ORDER BY id"), len(driver.observer.mails())) == before
    assert driver.sql("SELECT count(*) FROM conflicts") == [(0,)]


@pytest.mark.skipif(ROWS != "all" or not BERKA.exists(), reason="needs BERKA_ROWS=all and the shared data")
def test_the_whole_file_gives_the_figures_that_stand_beside_it(driver: Driver, truth: Truth) -> None:
    known = berka_truth()
    assert len(truth.ids) == known["rows"]
    assert len(truth.anomalies) == known["anomalies"]
    assert str(truth.anomaly_sum) == known["anomalyAmountSum"]
    assert truth.anomaly_digest == known["anomalyTrxIdsSha256"]
    assert driver.anomalies(truth) == truth.anomalies
