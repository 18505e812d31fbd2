"""What `/metrics` tells, in Prometheus's own form, and that the README tells the same names."""

import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from consumer import exposed
from consumer.exposed import MailMetrics, ShardMetrics, serve
from consumer.metrics import Report
from consumer.publishing.state import RulesState
from consumer.shard_state import ShardState
from producer.metrics import Metrics as ProducerMetrics

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
BUSY = ShardState("shard-a", 1, 1000.5, 250, 4, 1.5, 40, 3, 2, 6, begun_at=1001.0, waits_since=1001.5)
RULES = RulesState("tag", 3, 1000.0, fault="no route")
IDLE = ShardState("shard-b", 2, 900.0)


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Name and the value of its one label → value."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name, next(iter(s.labels.values()), "")): s.value for family in families for s in family.samples}


def shards(*states: ShardState) -> dict[tuple[str, str], float]:
    registry = CollectorRegistry()
    registry.register(ShardMetrics(lambda: states))
    return samples(registry)


def test_each_shard_tells_how_far_behind_how_busy_and_how_well_it_is() -> None:
    found = shards(BUSY, IDLE)
    assert {name: value for (name, shard), value in found.items() if shard == "shard-a"} == {
        "consumer_lag_milliseconds": 250,
        "consumer_progress_timestamp_seconds": 1000.5,
        "consumer_in_flight_batches": 1,
        "consumer_waiting_for_database": 1,
        "consumer_transactions_total": 40,
        "consumer_anomalies_total": 3,
        "consumer_dead_letters_total": 2,
        "consumer_late_transactions_total": 6,
        "consumer_batch_seconds_count": 4,
        "consumer_batch_seconds_sum": 1.5,
    }
    assert found["consumer_in_flight_batches", "shard-b"] == found["consumer_waiting_for_database", "shard-b"] == 0


def test_a_shard_that_is_read_elsewhere_is_told_of_no_more() -> None:
    states = [BUSY]
    registry = CollectorRegistry()
    registry.register(ShardMetrics(lambda: states))
    assert samples(registry)
    states.clear()
    assert samples(registry) == {}


def test_the_notifier_tells_of_the_outbox_and_of_its_mails() -> None:
    registry = CollectorRegistry()
    metrics = MailMetrics(registry)
    for outcome in ("sent", "sent", "refused"):
        metrics.count(outcome)
    read: dict[str, float] = {"OldestPendingAlertSeconds": 12.5, "OpenDeadLetters": 3, "FailedEmails": 1}
    Report(lambda: read, metrics.show).report()
    found = samples(registry)
    assert {outcome: found["notifier_mails_total", outcome] for outcome in ("sent", "postponed", "refused")} == {
        "sent": 2,
        "postponed": 0,
        "refused": 1,
    }
    assert found["notifier_outbox_age_seconds", ""] == 12.5
    assert (found["notifier_open_dead_letters", ""], found["notifier_failed_emails", ""]) == (3, 1)


def test_it_is_served_and_a_port_that_is_taken_is_no_reason_not_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    for level in ("info", "warning"):
        monkeypatch.setattr(exposed.log, level, lambda event, **words: told.append(words), raising=False)
    serve(ShardMetrics(lambda: [BUSY]), "127.0.0.1", 0)
    port = told[0]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b'consumer_lag_milliseconds{shard="shard-a"} 250.0' in answer.read()
    serve(ShardMetrics(list), "127.0.0.1", port)
    assert told[1]["reason"] == "Address already in use"


def names_that_are_told() -> set[str]:
    registry, producers = CollectorRegistry(), CollectorRegistry()
    registry.register(ShardMetrics(lambda: [BUSY], lambda: RULES))
    MailMetrics(registry)
    ProducerMetrics(producers)
    return {family.name for each in (registry, producers) for family in each.collect()}


def test_the_readme_names_every_metric_and_no_other() -> None:
    named = set(re.findall(r"^\| `((?:consumer|notifier|collector)_\w+)`", README, re.MULTILINE))
    assert named == names_that_are_told()


def test_it_tells_of_the_rules_and_that_those_which_are_published_are_broken() -> None:
    registry = CollectorRegistry()
    registry.register(ShardMetrics(list, lambda: RULES))
    expected = {"edition": 3, "fault": 1, "read_timestamp_seconds": 1000}
    assert samples(registry) == {(f"consumer_rules_{name}", ""): value for name, value in expected.items()}
