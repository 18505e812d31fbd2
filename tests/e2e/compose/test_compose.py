"""`docker compose up` from nothing: what comes up, what it holds, and exactly the truth comes out of it."""

import http.client
import json
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from samples.generate import transactions
from tests.e2e.compose.driver import ComposeDriver
from tests.e2e.truth import truth_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
COUNT = 2_000
FEW = 800  # LocalStack's Kinesis slows down with every record that it holds
BASE = "python:3.13-slim-trixie"
OURS = {"bootstrap", "console", "console-user", "consumer", "migrate", "notifier", "producer", "psql", "sample"}
ONE_SHOT = {"bootstrap", "console-user", "migrate", "psql", "sample"}
MEGABYTES_OVER_BASE = {"payment-analytics/producer": 220, "payment-analytics/consumer": 550}
TOOLS = ("gcc", "cc", "make", "mvn", "pip", "javac")


def written(folder: Path, count: int, seed: int) -> tuple[Path, list[str]]:
    lines = list(transactions(count, seed=seed))
    source = folder / "transactions.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines))
    return source, lines


def post(settings: Mapping[str, str], transaction: dict[str, Any]) -> Any:
    headers = {"x-api-key": settings["COLLECTOR_API_KEY"], "content-type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(settings["COLLECTOR_URL"]).netloc, timeout=30)
    with closing(connection):
        connection.request("POST", "/collector/transactions", json.dumps({"records": [transaction]}), headers)
        response = connection.getresponse()
        return response.status, json.load(response)


def size_of(image: str) -> int:
    done = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Size}}", image], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_every_long_running_service_comes_up_healthy(driver: ComposeDriver) -> None:
    services = set(driver.compose("config", "--services").split())
    assert {service for service in services if driver.compose.is_healthy(service)} == services - ONE_SHOT
    assert {driver.compose.state(service)["ExitCode"] for service in services & ONE_SHOT} == {0}


def test_the_sample_and_psql_are_a_command_away(driver: ComposeDriver) -> None:
    shown = driver.compose("run", "--rm", "-T", "sample")
    assert "84" in shown
    assert "✗" not in shown
    counted = driver.compose("run", "--rm", "-T", "psql", "-Atc", "SELECT count(*) FROM anomaly_report")
    assert int(counted) >= 84


def test_the_console_lets_its_first_user_in(driver: ComposeDriver) -> None:
    settings = driver.settings
    form = {"name": settings["CONSOLE_USER"], "password": settings["CONSOLE_PASSWORD"]}
    with httpx.Client(base_url=settings["CONSOLE_URL"], timeout=30, follow_redirects=True) as client:
        assert "every record of the stream is stored" in client.post("/login", data=form).text
        assert "large-amount" in client.get("/rules").text
        assert "the archive" in client.get("/anomalies/1?history=archive").text


def test_two_thousand_transactions_give_exactly_the_truth(driver: ComposeDriver, tmp_path: Path) -> None:
    source, lines = written(tmp_path, COUNT, seed=4)
    assert driver.start_sending(source).summary()["accepted"] == COUNT
    truth = truth_of(lines)
    driver.assert_truth(truth)
    archived = driver.archived_ids()
    assert {trx_id: archived[trx_id] for trx_id in truth.ids} == dict.fromkeys(truth.ids, 1)


def test_a_stopped_consumer_has_checkpointed_in_its_grace_period_and_goes_on_later(
    driver: ComposeDriver, tmp_path: Path
) -> None:
    source, lines = written(tmp_path, FEW, seed=5)
    sending = driver.start_sending(source, "--batch", "10", "--concurrency", "1")
    before = driver.evaluated()
    driver.wait_until(lambda: driver.evaluated() > before, "the run to be under way")
    driver.compose("stop", "consumer")
    assert driver.compose.state("consumer")["ExitCode"] == 143, "killed, for it did not stop in time"
    assert driver.stored()
    assert driver.checkpoints() == driver.stored()
    sending.summary()
    driver.compose("start", "consumer")
    driver.assert_truth(truth_of(lines))


def test_down_and_up_keep_the_anomalies_and_take_new_transactions_at_once(
    driver: ComposeDriver, tmp_path: Path
) -> None:
    everything = "SELECT * FROM anomalies ORDER BY id"
    before = driver.sql(everything)
    assert before
    driver.compose("down")
    driver.compose.up()
    first = next(transactions(1, seed=6))
    status, answer = post(driver.settings, json.loads(first))
    assert (status, answer["accepted"]) == (202, 1)
    driver.assert_truth(truth_of([first]))
    assert driver.sql(everything)[: len(before)] == before
    source, lines = written(tmp_path, FEW, seed=7)
    driver.start_sending(source).summary()
    driver.assert_truth(truth_of(lines))


def test_our_containers_may_do_nothing_but_their_work(driver: ComposeDriver) -> None:
    found = json.loads(driver.compose("--profile", "*", "config", "--format", "json"))["services"]
    assert found.keys() == OURS | {"localstack", "postgres"}
    for name, service in found.items():
        assert service["mem_limit"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ())), name
        assert name not in OURS or (service["read_only"] and service["init"]), name


@pytest.mark.parametrize("service", ["producer", "consumer", "notifier", "console"])
def test_an_image_holds_no_tool_no_root_and_cannot_be_written_to(driver: ComposeDriver, service: str) -> None:
    script = f"id -u; command -v {' '.join(TOOLS)}; touch /app/written 2>/dev/null && echo written; true"
    assert driver.compose("exec", "-T", service, "sh", "-c", script).split() == ["10001"]


@pytest.mark.parametrize("image", MEGABYTES_OVER_BASE)
def test_an_image_is_no_larger_than_it_may_be(driver: ComposeDriver, image: str) -> None:
    assert size_of(image) - size_of(BASE) <= MEGABYTES_OVER_BASE[image] * 1_000_000
