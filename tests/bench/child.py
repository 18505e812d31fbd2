"""A consumer's child beside what a kclpy child must do at least, and beside PostgreSQL's COPY of the same rows."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psycopg2

from consumer.login import Database
from consumer.main import ChildSettings
from consumer.migrate import migrate
from infra.local.postgres import OWNER, Postgres
from tests.bench.daemon import Delivery, child, deliveries
from tests.bench.figures import Figure
from tests.bench.requests import wire_lines
from tests.consumer.child import child_settings
from tests.integration.conftest import execute, own_server, url_of

DATABASE = "bench"
ROLE = "consumer"
TRANSACTIONS_A_CALL = 5_200
WARM_UP_CALLS = 2
ROWS = "anomalies, alerts, conflicts, shard_progress, throughput, dead_letters"
COLUMNS = (
    "transaction_id, rule_id, rule_version, reason, amount, sender_id, receiver_id, sender_iban, receiver_iban, "
    "sender_bank_id, receiver_bank_id, transaction_date, received_at, stream_incarnation, shard_id, sequence_number, "
    "line"
)


class Case(NamedTuple):
    """``target``: of the bare child, or of COPY where it is told."""

    anomalies: float
    lines: int
    target: float
    copies: bool = False

    @property
    def title(self) -> str:
        return f"consumer child, {self.anomalies:.0%} anomalies, {self.lines} line{'s'[: self.lines - 1]} a record"


CASES = (
    *(Case(0, lines, 0.5) for lines in (1, 13)),
    *(Case(0.01, lines, 0.45) for lines in (1, 13)),
    *(Case(0.61, lines, 0.5, copies=True) for lines in (1, 13)),
)


class Measured(NamedTuple):
    """Seconds of each candidate's round."""

    bare: float
    ours: float
    copy: float


def measure(rounds: int, seconds: float, show: Callable[[Figure], None]) -> None:
    """``seconds`` tell how much work a round is: about so long for the child."""
    with database() as server:
        for case in CASES:
            calls = max(3, int(seconds * (2 if case.copies else 8)))
            told = list(
                deliveries(
                    calls + WARM_UP_CALLS, TRANSACTIONS_A_CALL // case.lines, case.lines, wire_lines(case.anomalies)
                )
            )
            found = [_round(server, case, told) for _ in range(rounds)]
            for figure in _figures(case, calls * (TRANSACTIONS_A_CALL // case.lines) * case.lines, found):
                show(figure)


def _round(server: Postgres, case: Case, told: Sequence[Delivery]) -> Measured:
    bare = delivered("tests.bench.bare_child", told)
    empty(server)
    ours = delivered("consumer.main", told, **settings(server).environment())
    return Measured(bare, ours, copied(server, len(told)) if case.copies else 0)


def delivered(module: str, told: Sequence[Delivery], **environment: str) -> float:
    with child(module, **environment) as daemon:
        daemon.deliver(told[:WARM_UP_CALLS])
        return daemon.deliver(told[WARM_UP_CALLS:])


def _figures(case: Case, transactions: int, found: Sequence[Measured]) -> Iterator[Figure]:
    rates = [transactions / one.ours for one in found]
    bare = [transactions / one.bare for one in found]
    aim = None if case.copies else case.target
    yield Figure(case.title, "transactions/s", rates, "bare child", bare, aim)
    if case.copies:
        copies = [transactions / one.copy for one in found]
        yield Figure(case.title, "transactions/s", rates, "COPY", copies, case.target)


@contextmanager
def database() -> Iterator[Postgres]:
    """A migrated server of its own, on the other core, as durable as PostgreSQL is by itself."""
    with own_server() as server:
        execute(server, f"CREATE DATABASE {DATABASE}")
        migrate(Database(url_of(server, DATABASE)))
        execute(server, f"ALTER ROLE {ROLE} PASSWORD '{server.password}'")
        yield server


def settings(server: Postgres) -> ChildSettings:
    return child_settings(url_of(server, DATABASE, ROLE))


def empty(server: Postgres) -> None:
    execute(server, f"TRUNCATE {ROWS} CASCADE", DATABASE)
    execute(server, "CHECKPOINT", DATABASE)


def copied(server: Postgres, calls: int) -> float:
    """Seconds to copy the rows that lie there once more, in as many transactions as the child's timed calls."""
    with contextlib.closing(psycopg2.connect(url_of(server, DATABASE, OWNER))) as connection:
        cursor, out = connection.cursor(), io.StringIO()
        cursor.copy_expert(f"COPY (SELECT {COLUMNS} FROM anomalies ORDER BY id) TO STDOUT", out)
        connection.commit()
        rows = out.getvalue().splitlines(keepends=True)
        empty(server)
        parts = [rows[len(rows) * number // calls : len(rows) * (number + 1) // calls] for number in range(calls)]
        texts = [io.StringIO("".join(part)) for part in parts]
        for text in texts[:WARM_UP_CALLS]:
            cursor.copy_expert(f"COPY anomalies ({COLUMNS}) FROM STDIN", text)
            connection.commit()
        began = time.perf_counter()
        for text in texts[WARM_UP_CALLS:]:
            cursor.copy_expert(f"COPY anomalies ({COLUMNS}) FROM STDIN", text)
            connection.commit()
        return time.perf_counter() - began
