"""Delivers batches until every record has its final receipt: retries, waits, splits, gives up."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from producer.client.collector import Answer, Collector, LostAnswerError
from producer.client.tally import Rejection, Tally
from producer.lines import Line

BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0
UNAUTHORIZED = 401
CARRIES_RECEIPTS = frozenset({202, 207, 422})
SEND_AGAIN = frozenset({408, 429, 502, 503, 504})
SEND_IN_HALVES = frozenset({400, 413})


@dataclass(frozen=True)
class Timing:
    """Time and chance, handed in; `pause` waits until the event is set or the seconds are over."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[threading.Event, float], object] = threading.Event.wait
    random: Callable[[], float] = random.random


@dataclass(frozen=True)
class Delivery:
    """Gives up, for all batches, when `give_up_after` seconds would pass without a receipt for any of them."""

    collector: Collector
    tally: Tally
    timing: Timing
    give_up_after: float

    def run(self, batches: Iterator[list[Line]], concurrency: int) -> None:
        """Takes a batch from the iterator only when there is a worker for it, so that memory stays bounded."""
        free = threading.BoundedSemaphore(concurrency)
        failures: list[BaseException] = []

        def finished(delivered: Future[None]) -> None:
            if error := delivered.exception():
                failures.append(error)
                self.tally.stopping.set()
            free.release()

        workers = ThreadPoolExecutor(concurrency, thread_name_prefix="send")
        try:
            while free.acquire() and not self.tally.stopping.is_set() and (batch := next(batches, None)):
                workers.submit(self._deliver, batch).add_done_callback(finished)
            workers.shutdown()
        except BaseException:
            self.tally.stopping.set()
            workers.shutdown()
            raise
        if failures:
            raise failures[0]

    def _deliver(self, batch: list[Line]) -> None:
        attempt = 0
        while batch and not self.tally.stopping.is_set():
            try:
                answer = self.collector.post([line.content for line in batch])
            except LostAnswerError as error:
                self._wait(attempt, 0.0, str(error))
            else:
                left = self._act_on(answer, batch, attempt)
                attempt, batch = (attempt if len(left) == len(batch) else 0), left
            attempt += 1

    def _act_on(self, answer: Answer, batch: list[Line], attempt: int) -> list[Line]:
        """Returns the lines to send again, after having waited as long as it takes."""
        reason = f"{answer.status} {answer.detail}"
        if answer.status in SEND_IN_HALVES:
            self._deliver_in_halves(batch, answer)
            return []
        if answer.status in CARRIES_RECEIPTS:
            batch, reason = self._settle(batch, answer), "unavailable"
        elif answer.status not in SEND_AGAIN:
            self.tally.stop(f"the collector answered {reason}", key_refused=answer.status == UNAUTHORIZED)
            return []
        if batch:
            self._wait(attempt, answer.retry_after, reason)
        return batch

    def _settle(self, batch: list[Line], answer: Answer) -> list[Line]:
        """Counts what the receipts say; returns the lines that were unavailable."""
        settled = list(zip(batch, answer.receipts, strict=True))
        self.tally.count(accepted=sum(receipt.status == "accepted" for _, receipt in settled))
        self.tally.reject(
            [
                Rejection(line.number, receipt.fields_and_messages())
                for line, receipt in settled
                if receipt.status == "rejected"
            ]
        )
        return [line for line, receipt in settled if receipt.status not in ("accepted", "rejected")]

    def _deliver_in_halves(self, batch: list[Line], answer: Answer) -> None:
        """They are too many, or one of them makes the request unreadable: find it, and send the others."""
        if len(batch) == 1:
            self.tally.reject([Rejection(batch[0].number, (("", answer.detail),))])
            return
        middle = len(batch) // 2
        self._deliver(batch[:middle])
        self._deliver(batch[middle:])

    def _wait(self, attempt: int, retry_after: float, reason: str) -> None:
        backoff = min(LONGEST_BACKOFF_SECONDS, BACKOFF_SECONDS * 2 ** min(attempt, 10))
        seconds = max(retry_after, backoff * (0.5 + self.timing.random() / 2))
        if self.tally.quiet_seconds() + seconds > self.give_up_after:
            self.tally.stop(f"no receipt for {self.give_up_after:.0f} seconds, at last: {reason}")
            return
        self.tally.count(retries=1)
        self.timing.pause(self.tally.stopping, seconds)
