"""The console over ten million anomalies: how long its pages take, how much memory an export."""

import contextlib
import itertools
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx
import psutil
import psycopg2
from sqlalchemy import Connection

from consumer.console import anomalies, users
from consumer.console.roles import Role
from consumer.console.views import View, read
from consumer.database import engine
from consumer.login import Database
from consumer.rules.ruleset import Severity
from infra.local.postgres import Postgres
from tests.bench.child import DATABASE, database
from tests.bench.figures import Figure
from tests.bench.stage import free_port
from tests.integration.conftest import url_of

ROWS = 10_000_000
A_LOT = 500_000
EXPORTED = 1_000_000
USERS = 20
A_PAGE_SECONDS = 1.0
"""Each user opens one after the other, as quickly as somebody who knows where to click."""
MOST_MS = 150
USER, PASSWORD = "ann", "correct horse battery"
FILL = """
INSERT INTO anomalies (transaction_id, rule_id, rule_version, reason, rule_values, amount, sender_id, receiver_id,
    sender_iban, receiver_iban, sender_bank_id, receiver_bank_id, transaction_date, received_at, detected_at,
    stream_incarnation, shard_id, sequence_number, line, state, assignee)
SELECT gen_random_uuid(), CASE WHEN n %% 1000 = 0 THEN 'rare' WHEN n %% 10 = 0 THEN 'burst' ELSE 'large-amount' END, 1,
    'amount ' || amount || ' is greater than 1000', jsonb_build_object('amount', amount::text), amount,
    'sender-' || h %% 100000, 'receiver-' || h %% 99991, 'GR' || lpad((h %% 1000003)::text, 22, '0'),
    'GR' || lpad((h %% 999983)::text, 22, '0'), 'BANK' || h %% 60, 'BANK' || h %% 61,
    moment - h %% 3600 * interval '1 second', moment, moment, 'stream@then', 'shardId-000000000000',
    49590338271490256608559692538361571::numeric + n, 1,
    CASE WHEN n > %(last)s - 2000 THEN 'open' WHEN h %% 50 = 0 THEN 'investigating' WHEN h %% 7 = 0 THEN 'confirmed'
        ELSE 'dismissed' END,
    CASE h %% 20 WHEN 0 THEN 'ann' WHEN 1 THEN 'bob' END
FROM (SELECT n, abs(hashint8(n)::bigint) AS h, 1000 + abs(hashint8(n)::bigint) %% 1000000 / 100.0 AS amount,
          timestamptz '2026-01-01' + n * interval '2 seconds' AS moment
      FROM generate_series(%(first)s::bigint, %(end)s::bigint) AS n) AS numbered
"""
TOLD = """
INSERT INTO anomaly_events (anomaly_id, by, kind, old, new, words)
SELECT id, 'ann', 'state', 'open', state, 'a known customer ' || id % 100000
FROM anomalies WHERE state = 'dismissed' AND id % 10 = 0
"""
OTHER_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename IN ('anomalies', 'anomaly_events') AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
SEVERITIES = {"large-amount": Severity.MEDIUM, "burst": Severity.HIGH, "rare": Severity.CRITICAL}
NARROWED: Sequence[Mapping[str, str]] = (
    {},
    {"state": "open"},
    {"state": "dismissed"},
    {"rule": "rare"},
    {"rule": "large-amount"},
    {"severity": "high"},
    {"severity": "critical", "state": "dismissed"},
    {"account": "sender-77"},
    {"account": "GR0000000000000000000077"},
    {"bank": "BANK7"},
    {"bank": "BANK7", "severity": "high"},
    {"q": "sender-777"},
    {"q": "00000000-0000-0000-0000-000000000001"},
    {"q": "customer"},
    {"q": "known customer 77"},
    {"least": "10990"},
    {"from": "2026-06-01T00:00:00Z", "to": "2026-06-01T00:05:00Z"},
    {"assignee": "ann"},
    {"assignee": "nobody", "state": "investigating"},
)
ORDERS = ("newest", "oldest", "largest", "smallest", "latest")
PAGES = (
    "/",
    "/anomalies",
    "/anomalies?state=open",
    "/anomalies?state=dismissed&order=largest",
    "/anomalies?severity=high",
    "/anomalies?rule=rare",
    "/anomalies?account=sender-77",
    "/anomalies?bank=BANK7&order=latest",
    "/anomalies?q=sender-777",
    "/anomalies?q=customer",
    "/anomalies?q=customer+777&order=largest",
    "/anomalies?least=10990&order=smallest",
    "/anomalies?from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z&order=latest",
    "/anomalies/{number}",
    "/rules",
    "/rules/0",
    "/dead-letters",
    "/lists",
    "/users",
    "/log",
    "/account",
)


def fill(url: str, count: int) -> None:
    """Indexes are made once the rows are there."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(OTHER_INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for first in range(1, count + 1, A_LOT):
            cursor.execute(FILL, {"first": first, "end": min(first + A_LOT - 1, count), "last": count})
            connection.commit()
        cursor.execute(TOLD)
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for _, definition in indexes:
            cursor.execute(definition)
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM ANALYZE anomalies, anomaly_events")


def views() -> Iterator[View]:
    for given, order in itertools.product(NARROWED, ORDERS):
        yield read({**given, "order": order})


def unindexed(connection: Connection, view: View) -> list[str]:
    """What of the view's plan reads all of the anomalies, or of what people wrote about them."""
    query = anomalies.query(view, SEVERITIES, anomalies.PAGE + 1)
    compiled = query.compile(connection, compile_kwargs={"literal_binds": False})
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", compiled.params).scalar_one()
    return [node["Node Type"] for node in _nodes(plan[0]["Plan"]) if _reads_all(node)]


def _reads_all(node: Mapping[str, Any]) -> bool:
    return node.get("Relation Name") in ("anomalies", "anomaly_events") and "Seq Scan" in node["Node Type"]


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def measure(rounds: int, seconds: float, show: Callable[[Figure], None], count: int = ROWS) -> None:
    """``seconds``: how long a round lasts, of which each page gets its part."""
    with database() as server:
        _prepare(server, count)
        url = url_of(server, DATABASE)
        target = engine(Database(url), "bench")
        with target.connect() as connection:
            found = {view.query: nodes for view in views() if (nodes := unindexed(connection, view))}
        target.dispose()
        what = f"plans of {len(list(views()))} views that read every row"
        show(Figure(what, "", [float(len(found))], target=0, at_most=True))
        with served(url) as (address, process):
            for _ in range(2):  # what is read first comes from the disk
                visit(address, 5 * A_PAGE_SECONDS, count)
            took = [visit(address, seconds, count) for _ in range(rounds)]
            for page in PAGES:
                values = [_percentile(one[page]) for one in took if one.get(page)]
                if values:
                    what = f"console, {count:,} anomalies, {USERS} users, 95th percentile of {page}"
                    show(Figure(what, "ms", values, target=MOST_MS, at_most=True))
            _export(address, process, show)


def _prepare(server: Postgres, count: int) -> None:
    fill(url_of(server, DATABASE), count)
    target = engine(Database(url_of(server, DATABASE)), "bench")
    with target.begin() as connection:
        users.create(connection, USER, Role.ADMIN, PASSWORD)
    target.dispose()


@contextlib.contextmanager
def served(url: str) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    settings = {"DATABASE_URL": url, "CONSOLE_PORT": str(port), "CONSOLE_HTTPS": "false", "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "consumer", "console"]
    with subprocess.Popen(command, env={**os.environ, **settings}) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(f"{address}/login")
                    break
                assert process.poll() is None
                time.sleep(0.1)
            yield address, psutil.Process(process.pid)
        finally:
            process.terminate()


def visit(address: str, seconds: float, count: int) -> dict[str, list[float]]:
    """Milliseconds of each page, of all users together."""
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    until = time.monotonic() + seconds
    visitors = [threading.Thread(target=_visit, args=(address, until, count, took, seed)) for seed in range(USERS)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    return took


def _visit(address: str, until: float, count: int, took: dict[str, list[float]], seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311 - which page comes next
    with logged_in(address) as client:
        time.sleep(choice.random() * A_PAGE_SECONDS)
        pages = itertools.cycle(choice.sample(PAGES, len(PAGES)))
        while (begun := time.monotonic()) < until:
            page = next(pages)
            answer = client.get(page.format(number=choice.randint(1, count)))
            assert answer.status_code == 200, (page, answer.status_code)
            lasted = time.monotonic() - begun
            took[page].append(1000 * lasted)
            time.sleep(max(0.0, A_PAGE_SECONDS - lasted))


@contextlib.contextmanager
def logged_in(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        answer = client.post("/login", data={"name": USER, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


def _export(address: str, process: psutil.Process, show: Callable[[Figure], None]) -> None:
    """Memory while rows go out, as often as a tenth of them has."""
    seen = list[float]()
    with logged_in(address) as client, client.stream("GET", "/anomalies.ndjson?rule=large-amount") as answer:
        rows = 0
        for piece in answer.iter_bytes():
            rows += piece.count(b"\n")
            if rows >= EXPORTED * (len(seen) + 1) / 10:
                seen.append(process.memory_info().rss / 1024**2)
            if rows >= EXPORTED:
                break
    half = len(seen) // 2
    show(
        Figure(
            f"console, memory in the second half of an export of {EXPORTED:,} rows",
            "MiB",
            [statistics.median(seen[half:])],
            "in the first",
            [statistics.median(seen[:half])],
            1.1,
            at_most=True,
        )
    )


def _percentile(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]
