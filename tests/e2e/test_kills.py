"""SIGKILL in the middle of a run, a new start by the supervisor, and the same truth in the end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from samples.generate import transactions
from tests.e2e.driver import Driver
from tests.e2e.truth import truth_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
COUNT = 6_000
KILLS: dict[str, Callable[[Driver], None]] = {
    "consumer child": Driver.kill_consumer_child,
    "consumer daemon": Driver.kill_daemon,
    "consumer": lambda driver: driver.kill("consumer"),
    "producer": lambda driver: driver.kill("producer"),
    "notifier": lambda driver: driver.kill("notifier"),
    "postgres": lambda driver: driver.kill("postgres"),
}


@pytest.mark.parametrize("victim", KILLS)
def test_a_kill_in_the_middle_of_a_run_loses_and_doubles_nothing(driver: Driver, tmp_path: Path, victim: str) -> None:
    lines = list(transactions(COUNT, seed=sum(victim.encode())))
    source = tmp_path / "transactions.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines))
    before = driver.evaluated()
    sending = driver.start_sending(source, "--batch", "5", "--concurrency", "1")
    driver.wait_until(lambda: driver.evaluated() > before + COUNT // 20, "the run to be under way")
    assert sending.process.poll() is None, "the run is over before the kill"
    KILLS[victim](driver)
    assert sending.summary()["accepted"] == COUNT
    driver.assert_truth(truth_of(lines))
    evaluated = driver.evaluated() - before
    # A client whose answer was lost with the producer sends again: only then is more evaluated than was sent.
    assert evaluated == COUNT or (victim == "producer" and evaluated > COUNT)
    assert max(driver.mail_copies().values()) <= 2
