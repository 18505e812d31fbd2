"""SIGKILL to each container in the middle of a stream, a new start, and the same truth in the end.

LocalStack is left alone: it stands for AWS.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from samples.generate import transactions
from tests.e2e.compose.driver import ComposeDriver
from tests.e2e.truth import truth_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
COUNT = 800
KILLS: dict[str, Callable[[ComposeDriver], None]] = {
    "producer": lambda driver: driver.kill("producer"),
    "consumer": lambda driver: driver.kill("consumer"),
    "consumer's daemon": ComposeDriver.kill_daemon_inside,
    "notifier": lambda driver: driver.kill("notifier"),
    "postgres": lambda driver: driver.kill("postgres"),
}


@pytest.mark.parametrize("victim", KILLS)
def test_a_kill_in_the_middle_of_a_stream_loses_and_doubles_nothing(
    driver: ComposeDriver, tmp_path: Path, victim: str
) -> None:
    lines = list(transactions(COUNT, seed=sum(victim.encode())))
    source = tmp_path / "transactions.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines))
    before = driver.evaluated()
    sending = driver.start_sending(source, "--batch", "2", "--concurrency", "1")
    driver.wait_until(lambda: driver.evaluated() > before + COUNT // 20, "the run to be under way")
    assert sending.process.poll() is None, "the run is over before the kill"
    KILLS[victim](driver)
    assert sending.summary()["accepted"] == COUNT
    driver.assert_truth(truth_of(lines))
