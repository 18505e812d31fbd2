"""The whole embedded stack: how soon a row is there, and what each process needs at full load."""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import psycopg2

from consumer.health import CHILD
from tests.bench.closed_loop import Load
from tests.bench.figures import Figure
from tests.bench.requests import transactions
from tests.bench.stage import drive
from tests.e2e.conftest import running_stack
from tests.e2e.driver import Driver
from tests.load.process import MIB, percentile

PER_SECOND = 50
LOOK_SECONDS = 0.005
PATIENCE_SECONDS = 30
CONNECTIONS, RECORDS = 4, 500
SERVICES = ("producer", "notifier")
MOST_MIB = {"producer": 120, "consumer child": 90, "notifier": 70}
VISIBLE = "SELECT transaction_id::text FROM anomalies WHERE transaction_id = ANY(%s::uuid[])"


def latency(rounds: int, seconds: float, show: Callable[[Figure], None]) -> None:
    """From the moment when a transaction was due until its row is visible to another connection."""
    medians, tails = [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_stack(Path(folder) / "stack") as driver:
        bodies = _anomalies()
        _waits(driver, bodies, 5)
        for _ in range(rounds):
            waits = _waits(driver, bodies, seconds)
            medians.append(1000 * percentile(waits, 0.5))
            tails.append(1000 * percentile(waits, 0.99))
    what = f"POST → row visible, {PER_SECOND}/s, polled every 200 ms"
    show(Figure(f"{what}: p50", "ms", medians, target=250, at_most=True))
    show(Figure(f"{what}: p99", "ms", tails, target=700, at_most=True))


def _anomalies() -> Iterator[tuple[str, bytes]]:
    for line in transactions():
        content = json.loads(line) | {"amount": "1500.25"}
        yield content["trxId"], json.dumps({"records": [content]}).encode()


def _waits(driver: Driver, bodies: Iterator[tuple[str, bytes]], seconds: float) -> list[float]:
    due: dict[str, float] = {}
    waits: list[float] = []
    sent = threading.Event()
    watching = threading.Thread(target=_watch, args=(driver.stack.local.postgres.url, due, waits, sent))
    watching.start()
    headers = {"x-api-key": _key(driver), "content-type": "application/json"}
    begin = time.perf_counter() + 0.1
    with httpx.Client(headers=headers) as client:
        for number in range(int(seconds * PER_SECOND)):
            trx_id, body = next(bodies)
            moment = begin + number / PER_SECOND
            time.sleep(max(0.0, moment - time.perf_counter()))
            due[trx_id] = moment
            client.post(f"{driver.stack.local.collector_url}/collector/transactions", content=body).raise_for_status()
    sent.set()
    watching.join()
    assert not due, f"{len(due)} rows did not come"
    return waits


def _watch(url: str, due: dict[str, float], waits: list[float], sent: threading.Event) -> None:
    ends = float("inf")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    while (due or not sent.is_set()) and time.perf_counter() < ends:
        if sent.is_set() and ends == float("inf"):
            ends = time.perf_counter() + PATIENCE_SECONDS
        cursor = connection.cursor()
        cursor.execute(VISIBLE, (list(due),))
        now = time.perf_counter()
        waits += [now - due.pop(trx_id) for (trx_id,) in cursor.fetchall()]
        time.sleep(LOOK_SECONDS)
    connection.close()


def memory(minutes: float, show: Callable[[Figure], None]) -> None:
    """What is resident, looked at every second while 500 transactions a request are posted."""
    os.environ["KEY_QUOTA_PER_SECOND"] = str(10**9)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        running_stack(Path(folder) / "stack") as driver,
        ThreadPoolExecutor(1) as pool,
    ):
        port = driver.stack.local.collector_port
        load = Load(port, CONNECTIONS, RECORDS, minutes * 60, fresh=True, key=_key(driver))
        driving = pool.submit(drive, load)
        seen: dict[str, list[float]] = {name: [] for name in MOST_MIB}
        while not driving.done():
            for name, processes in _processes(driver).items():
                seen[name] += [max(process.memory_info().rss for process in processes) / MIB] if processes else []
            time.sleep(1)
        outcome = driving.result()
        assert outcome.others == 0, f"{outcome.others} requests were answered with something else than 202"
        driver.await_settled()
        posted, evaluated = outcome.requests * RECORDS, driver.evaluated()
        assert posted <= evaluated <= posted + CONNECTIONS * RECORDS, f"{evaluated} of {posted} were evaluated"
    title = "the whole stack on two cores, emulator and client beside it, all of it evaluated"
    show(Figure(title, "transactions/s", [posted / outcome.lasted]))
    for name, sizes in seen.items():
        after_start = sizes[len(sizes) // 10 :]
        third = len(after_start) // 3
        first, last = statistics.median(after_start[:third]), statistics.median(after_start[-third:])
        title = f"{name}, {minutes:g} min at full load"
        show(Figure(f"{title}: most", "MiB", [max(sizes)], target=MOST_MIB[name], at_most=True))
        show(Figure(f"{title}: last third", "MiB", [last], "first third", [first], 1.05, at_most=True))


def _key(driver: Driver) -> str:
    return driver.stack.local.kept_secret("api_key") or ""


def _processes(driver: Driver) -> dict[str, list[psutil.Process]]:
    services = {name: [psutil.Process(driver.stack.supervisor.pid(name))] for name in SERVICES}
    return {**services, "consumer child": driver.consumers(CHILD)}
