"""A well-behaved client of the collector: batches, several requests in flight, retries of only what needs them.

from producer.client import open_lines, send

with open_lines(Path("payments.jsonl.gz")) as lines:
    summary = send(lines, url="http://127.0.0.1:8080", api_key="pk_…", on_progress=lambda summary: …)
"""

from collections.abc import Callable, Iterable, Iterator

from producer.client.collector import Collector, UnusableError
from producer.client.delivery import Delivery, Timing
from producer.client.tally import Rejection, Summary, Tally
from producer.lines import JsonLines, Line, fault, open_lines

__all__ = ["JsonLines", "Line", "Rejection", "Summary", "Timing", "UnusableError", "open_lines", "send"]

MAX_BATCH_BYTES = 4_000_000


def _ignore(_: object) -> None: ...


def send(
    lines: Iterable[Line],
    *,
    url: str,
    api_key: str,
    batch: int = 500,
    concurrency: int = 4,
    give_up_after: float = 120.0,
    on_progress: Callable[[Summary], None] = _ignore,
    on_rejection: Callable[[Rejection], None] = _ignore,
    timing: Timing | None = None,
) -> Summary:
    """Sends every line to the collector at `url` (its base, or the full path) and says what became of them.

    Ends early when `give_up_after` seconds have passed without a single receipt, or when the collector refuses the
    key or the request as such; `Summary.stopped` says why. Sending the same lines again is always safe. The callbacks
    are called from several threads, one at a time; an exception of theirs ends the sending.
    Raises UnusableError for an address or a key that no request could be made with.
    """
    timing = timing or Timing()
    tally = Tally(timing.clock, on_progress, on_rejection)
    with Collector(url, api_key, connections=concurrency) as collector:
        delivery = Delivery(collector, tally, timing, give_up_after)
        delivery.run(_batches(_sendable(lines, tally), batch), concurrency)
    return tally.summary()


def _sendable(lines: Iterable[Line], tally: Tally) -> Iterator[Line]:
    for line in lines:
        tally.count(read=1)
        if message := fault(line):
            tally.reject([Rejection(line.number, (("", message),))])
        else:
            yield line


def _batches(lines: Iterable[Line], most: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) >= most or size + len(line.content) > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.content) + 1
    if batch:
        yield batch
