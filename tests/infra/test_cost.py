"""The bill is true: its sizes are Terraform's, its bytes are the wire's, and the README shows what it prints."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import boto3
import msgspec
import pytest
from botocore.awsrequest import AWSPreparedRequest
from typer.testing import CliRunner

from infra.cost import lines, prices
from infra.cost.__main__ import app
from infra.cost.choices import CHOICES, changes
from infra.cost.lines import LINES, bill
from infra.cost.sizes import SIZES, deployment, sizes
from infra.cost.traffic import LINE, PUT, RECEIPT, RECORD_BYTES, SHARDS, Traffic
from producer import wire
from producer.buffer import Entry
from producer.kinesis import KinesisStream
from producer.receipts import receipts
from producer.settings import ServiceSettings
from producer.validate import validate
from producer.wire import Transaction
from tests.infra.terraform import ALARMS, CHECKOUT, CONFIGURATION, number

README = (CHECKOUT / "README.md").read_text()
SAMPLE = Path(CHECKOUT / "samples" / "transactions.jsonl").read_bytes().splitlines()
RATES = (0, 1, 10, 250, 1000, 5000, 50_000)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in result.output.splitlines())


def transactions() -> list[Transaction]:
    judged = [validate(msgspec.Raw(line)) for line in SAMPLE]
    assert all(isinstance(found, Transaction) for found in judged)
    return [found for found in judged if isinstance(found, Transaction)]


def entries() -> list[Entry]:
    received_at = wire.timestamp(datetime(2026, 11, 25, tzinfo=UTC))
    return [Entry(found.sender_id, wire.lines([found], received_at)) for found in transactions()]


def test_the_readme_shows_what_the_program_prints() -> None:
    shown = run().strip("\n")
    assert f"\n{shown}\n" in README


def test_every_size_of_terraform_is_read() -> None:
    found = sizes(CONFIGURATION["sizes"])
    assert sorted(found) == sorted(SIZES)
    assert all(members.keys() == found["production"].keys() for members in found.values())
    assert deployment("production").database.multi_az
    assert deployment("development").producer.min == 1


def test_a_size_may_hold_comments_and_nested_objects() -> None:
    text = """
      sizes = {
        a = {
          # why = "x"
          b = { c = 1, d = "db.x" }
          e = false
        }
      }
    """
    assert sizes(text) == {"a": {"b": {"c": 1, "d": "db.x"}, "e": False}}


@pytest.mark.parametrize(
    ("assumed", "file", "words"),
    [
        (lines.REQUESTS_A_TASK_AND_MINUTE, "autoscaling", 'metric = "ALBRequestCountPerTarget", value'),
        (lines.POLL_SECONDS * 1000, "containers", "POLL_INTERVAL_MS"),
        (lines.STORAGE_GB, "database", "  allocated_storage"),
        (SHARDS, "sizes", "var.stream_shards == 0 ?"),
        (lines.ZONES, "account", "sort(data.aws_availability_zones.available.names), 0,"),
        (lines.BUSY * 100, "autoscaling", 'metric = "ECSServiceAverageCPUUtilization", value'),
        ((lines.KEPT_DAYS + 1) * 24, "stream", "retention_period"),
        (lines.BUFFER_SECONDS, "delivery", "size_mib = 64, seconds"),
    ],
)
def test_the_bill_assumes_what_terraform_sets(assumed: float, file: str, words: str) -> None:
    assert assumed == number(file, words)


def test_the_bill_counts_what_terraform_makes() -> None:
    steps = len(re.findall(r"^ {4}[\w-]+\s+= \{ operator", CONFIGURATION["autoscaling"], re.MULTILINE))
    trackings = len(re.findall(r"^ {4}\w+\s+= \{ metric", CONFIGURATION["autoscaling"], re.MULTILINE))
    assert len(ALARMS) + steps + 2 * trackings == lines.ALARMS
    services = re.search(r"called_services\s+= \[(.+)\]", CONFIGURATION["endpoints"])
    assert services
    assert services[1].count('"') / 2 == lines.CALLED_SERVICES
    assert len(re.findall(r"^  rule \{", CONFIGURATION["waf"], re.MULTILINE)) == lines.WAF_RULES


def test_the_bill_assumes_what_the_services_do() -> None:
    assert ServiceSettings.model_fields["api_keys_refresh_seconds"].default == lines.KEYS_REFRESH_SECONDS
    assert ServiceSettings.model_fields["publish_record_bytes"].default == RECORD_BYTES


def test_a_transactions_bytes_are_those_of_the_sample() -> None:
    found = entries()
    assert sum(len(entry.data) for entry in found) / len(found) == pytest.approx(LINE, rel=0.01)
    answer = msgspec.json.encode(receipts([transaction.trx_id for transaction in transactions()], [True] * len(found)))
    assert len(answer) / len(found) == pytest.approx(RECEIPT, rel=0.02)


def test_a_call_of_kinesis_has_the_bytes_that_the_bill_assumes() -> None:
    client = boto3.client("kinesis", region_name=prices.REGION, aws_access_key_id="key", aws_secret_access_key="secret")
    sent: list[bytes] = []

    def refuse(request: AWSPreparedRequest, **_: object) -> None:
        assert isinstance(request.body, bytes)
        sent.append(request.body)
        raise InterruptedError

    client.meta.events.register("before-send.kinesis", refuse)
    stream = KinesisStream(client, "payment-analytics-transactions", ThreadPoolExecutor(1))
    with pytest.raises(InterruptedError):
        stream._put(entries()[:500])
    assert len(json.loads(sent[0])["Records"]) == 500
    assert len(sent[0]) / 500 == pytest.approx(PUT, rel=0.01)


@pytest.mark.parametrize("size", SIZES)
def test_more_transactions_never_cost_less(size: str) -> None:
    bills = [bill(deployment(size), Traffic(rate)) for rate in RATES]
    for less, more in pairwise(bills):
        assert all(less[line] <= more[line] for line in LINES)


def test_what_is_billed_by_the_record_is_rounded_up() -> None:
    alone, packed = Traffic(1000), Traffic(1000, per_request=100)
    assert alone.billed_gb(step_kb=5) == pytest.approx(5 * alone.billed_gb(step_kb=1))
    assert packed.billed_gb(step_kb=1) == pytest.approx(packed.billed_gb(step_kb=5))
    assert packed.line_gb < packed.billed_gb(step_kb=5) < 1.1 * packed.line_gb


def test_every_choice_changes_something() -> None:
    for size in SIZES:
        assert all(changes(deployment(size), Traffic(1000))[name] for name in CHOICES if _applies(size, name))


def _applies(size: str, choice: str) -> bool:
    """Development has these already."""
    has = {"nat_per_zone = false", "database.multi_az = false", "container_insights = false", "access_logs = true"}
    return size == "production" or choice not in has


def test_every_choice_is_a_variable_of_terraform() -> None:
    variables = set(re.findall(r'^variable "(\w+)"', "\n".join(CONFIGURATION.values()), re.MULTILINE))
    named = {re.split(r"[ .]", choice)[0] for choice in CHOICES if "=" in choice}
    assert named <= variables


def test_every_price_has_a_unit_and_a_source() -> None:
    listed = prices.listed()
    assert len(listed) > 30
    assert all(price.usd > 0 and price.unit and price.source for price in listed.values())


def test_as_json_it_is_one_object() -> None:
    told = json.loads(run("--json", "--size", "production", "--rate", "50", "--per-request", "10"))
    assert [(found["size"], found["transactionsPerSecond"]) for found in told["bills"]] == [
        ("production", 0),
        ("production", 50),
    ]
    assert set(told["bills"][0]["lines"]) == set(LINES)
