"""Notifiers in threads of their own, over one outbox: PostgreSQL decides who composes and who sends."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from consumer.database import engine as database_engine
from consumer.login import Database
from consumer.notify import HOLD
from consumer.outbox import Outbox
from tests.integration.alerting import INTERVAL, OPS, Clock, add_alerts, rows

Result = TypeVar("Result")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def compose(outbox: Outbox) -> int | None:
    return outbox.compose(uuid4(), OPS, INTERVAL)


@contextmanager
def notifiers(database_url: str, clock: Clock, count: int) -> Iterator[list[Outbox]]:
    engines = [database_engine(Database(database_url), f"notifier-{n}") for n in range(count)]
    yield [Outbox(one, clock) for one in engines]
    for one in engines:
        one.dispose()


def at_once(outboxes: list[Outbox], work: Callable[[Outbox], Result]) -> list[Result]:
    """Every outbox does ``work`` in a thread of its own, begun together."""
    start = threading.Barrier(len(outboxes))

    def begin(outbox: Outbox) -> Result:
        start.wait()
        return work(outbox)

    with ThreadPoolExecutor(len(outboxes)) as pool:
        return list(pool.map(begin, outboxes))


def test_racing_notifiers_compose_one_email_and_send_it_once(engine: Engine, database_url: str, clock: Clock) -> None:
    with notifiers(database_url, clock, 5) as outboxes:
        for round_number in range(1, 11):
            add_alerts(engine, *["2000"] * 200)
            composed = at_once(outboxes, compose)
            assert sorted(count or 0 for count in composed) == [0, 0, 0, 0, 200]
            assert rows(engine, "SELECT count(*) FROM emails WHERE state = 'pending'") == [(1,)]
            claims = at_once(outboxes, lambda outbox: outbox.claim(HOLD))
            won = [(outbox, claim) for outbox, claim in zip(outboxes, claims, strict=True) if claim]
            assert len(won) == 1
            assert won[0][0].sent(won[0][1], f"ses-{round_number}")
            clock.advance(INTERVAL)
    assert rows(engine, "SELECT count(*), sum(alert_count) FROM emails WHERE state = 'sent'") == [(10, 2000)]


def test_racing_notifiers_of_two_lists_share_the_alerts_out(engine: Engine, database_url: str, clock: Clock) -> None:
    add_alerts(engine, *["2000"] * 2000)
    lists = iter([["a@example.com"], ["b@example.com"]] * 2)
    with notifiers(database_url, clock, 4) as outboxes:
        at_once(outboxes, lambda outbox: outbox.compose(uuid4(), next(lists), INTERVAL))
    assert rows(engine, "SELECT sum(alert_count) FROM emails") == [(2000,)]
    assert rows(engine, "SELECT count(*) FROM alerts WHERE state = 'pending'") == [(0,)]
