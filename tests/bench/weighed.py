"""What packing is worth: one shard's throughput, and the bytes that AWS bills."""

import itertools
import threading
import time
from collections.abc import Callable

import httpx
import msgspec

from tests.bench.closed_loop import Load
from tests.bench.figures import Figure
from tests.bench.requests import KEY_TEXT, requests
from tests.bench.scales import MIB, Weights
from tests.bench.stage import candidates, drive, served_sink

FULL_LOAD = 8  # connections with 500 transactions each under way: several times what a shard takes
SETTLING_SECONDS = 3.0
SCALES = "tests.bench.scales"
PER_REQUEST, PER_SECOND = 500, 1000


def weights(port: int) -> Weights:
    return msgspec.json.decode(httpx.get(f"http://127.0.0.1:{port}/").content, type=Weights)


def one_shard(rounds: int, seconds: float, show: Callable[[Figure], None]) -> None:
    rates, limits = [], []
    with served_sink(SCALES, 1, LIMITED="1") as sink, candidates(sink, "ours") as found:
        load = Load(found["ours"].port, FULL_LOAD, PER_REQUEST, seconds * rounds + 2 * SETTLING_SECONDS)
        driving = threading.Thread(target=drive, args=(load,))
        driving.start()
        time.sleep(SETTLING_SECONDS)
        for _ in range(rounds):
            before, began = weights(sink), time.monotonic()
            time.sleep(seconds)
            after, lasted = weights(sink), time.monotonic() - began
            taken = after.transactions - before.transactions
            rates.append(taken / lasted)
            limits.append(MIB * taken / (after.size - before.size))
        driving.join()
    show(Figure("through one shard", "transactions/s", rates, "1 MiB/s ÷ line", limits, 0.95))


def billed(rounds: int, seconds: float, show: Callable[[Figure], None]) -> None:
    """Two producers get 1,000 transactions a second together, 500 a request."""
    kinesis, firehose, sent = list[float](), list[float](), list[float]()
    with served_sink(SCALES) as sink, candidates(sink, "ours", "ours too") as found:
        addresses = itertools.cycle(f"http://127.0.0.1:{one.port}/collector/transactions" for one in found.values())
        bodies = itertools.cycle(requests(PER_REQUEST, 32))
        with httpx.Client(headers={"x-api-key": KEY_TEXT, "content-type": "application/json"}) as client:
            for _ in range(rounds):
                before = weights(sink)
                for _ in range(int(seconds * PER_SECOND / PER_REQUEST)):
                    due = time.monotonic() + PER_REQUEST / PER_SECOND
                    client.post(next(addresses), content=next(bodies)).raise_for_status()
                    time.sleep(max(0.0, due - time.monotonic()))
                after = weights(sink)
                count = after.transactions - before.transactions
                sent.append((after.size - before.size) / count)
                kinesis.append((after.kinesis - before.kinesis) / count)
                firehose.append((after.firehose - before.firehose) / count)
    what = f"billed a transaction at {PER_SECOND:,}/s, {PER_REQUEST} a request, two producers"
    show(Figure(f"Kinesis: {what}", "bytes", kinesis, "bytes sent", sent, 1.1, at_most=True))
    show(Figure(f"Firehose: {what}", "bytes", firehose, "bytes sent", sent, 1.2, at_most=True))
