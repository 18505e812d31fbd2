"""What every connection promises, on a real PostgreSQL."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from consumer.database import engine as database_engine
from consumer.login import Database
from consumer.logs import describe_database_error
from consumer.outbox import COMPOSING, Outbox
from tests.integration.alerting import add_alerts


def test_what_is_logged_of_an_error_shows_no_account_data(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text("SELECT CAST(:iban AS text) FROM nowhere"), {"iban": "GR1601101250000000012300695"})
    assert "GR16" in str(refused.value)  # PostgreSQL's message quotes the statement
    assert "GR16" not in describe_database_error(refused.value)


def test_nobody_composes_while_another_notifier_does(engine: Engine, database_url: str) -> None:
    add_alerts(engine, "1500")
    other = database_engine(Database(database_url), "another notifier")
    outbox = Outbox(other)
    try:
        with engine.begin() as connection:
            assert connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": COMPOSING}).scalar_one()
            assert outbox.compose(uuid4(), ["a@example.com"], timedelta()) is None
        assert outbox.compose(uuid4(), ["a@example.com"], timedelta()) == 1
    finally:
        other.dispose()
