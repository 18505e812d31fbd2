"""A load of payments on the collector, by well-behaved clients who keep each receipt."""

import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

from infra.local.demonstrate import Collector as Address
from producer.client.collector import Collector, LostAnswerError
from tests.drills.payments import Payment, as_request, payments

CARRIES_RECEIPTS = frozenset({202, 207})
SEND_AGAIN = frozenset({408, 429, 502, 503, 504})
GIVE_UP_SECONDS = 240.0
LONGEST_PAUSE = 2.0
LARGEST_BATCH = 100


class Load:
    """``accepted``: what the collector answered with accepted, by trxId; ``sent``: all that was ever posted.

    Every payment is posted until it is accepted, whole requests or only what was unavailable, as the contract says.
    ``rate``: payments a second, of all ``clients`` together.
    """

    def __init__(self, address: Address, seed: str, *, rate: float, clients: int = 4) -> None:
        self.sent: dict[str, Payment] = {}
        self.accepted: dict[str, Payment] = {}
        self.answers_lost = 0
        self.last_accepted = 0.0
        """When the collector last accepted something, in seconds since 1970."""
        self._address = address
        self._seed = seed
        self._pause = clients * LARGEST_BATCH / 2 / rate
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(clients)]
        self._extra = payments(f"{seed}/extra")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Returns when all that was posted is accepted. Raises what went wrong in a client."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()
        for failure in self._failures:
            raise failure

    def post(self, count: int) -> list[Payment]:
        """Posts so many anomalies of as many senders, and returns them when they are accepted."""
        wanted = [payment for payment in itertools.islice(self._extra, count * 4) if payment.is_anomaly][:count]
        self.deliver(wanted)
        return wanted

    def deliver(self, batch: Sequence[Payment]) -> None:
        """Posts these, and returns when they are accepted."""
        with self._collector() as collector:
            self._deliver(collector, list(batch))

    def _run(self, number: int) -> None:
        random = Random(f"{self._seed}/{number}")
        source = payments(f"{self._seed}/{number}")
        try:
            with self._collector() as collector:
                while not self._stopping.is_set() and not self._failures:
                    begun = time.monotonic()
                    self._deliver(collector, list(itertools.islice(source, random.randint(1, LARGEST_BATCH))))
                    self._stopping.wait(max(0.0, self._pause - (time.monotonic() - begun)))
        except BaseException as error:
            self._failures.append(error)

    def _collector(self) -> Collector:
        return Collector(self._address.url, self._address.api_key, connections=1)

    def _deliver(self, collector: Collector, batch: list[Payment]) -> None:
        self.sent |= _by_id(batch)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        for attempt in itertools.count():
            batch, pause = self._post(collector, batch)
            if not batch:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(batch)} payments were not accepted in {GIVE_UP_SECONDS} s")
            time.sleep(max(pause, min(LONGEST_PAUSE, 0.1 * 2**attempt)))

    def _post(self, collector: Collector, batch: list[Payment]) -> tuple[list[Payment], float]:
        """What is left to be sent again, and seconds to wait before."""
        try:
            answer = collector.post([as_request(payment) for payment in batch])
        except LostAnswerError:
            self.answers_lost += 1
            return batch, 0.0
        if answer.status in CARRIES_RECEIPTS:
            statuses = [receipt.status for receipt in answer.receipts]
            assert {*statuses} <= {"accepted", "unavailable"}, f"a payment was {statuses}"
            taken = [payment for payment, status in zip(batch, statuses, strict=True) if status == "accepted"]
            self.accepted |= _by_id(taken)
            self.last_accepted = time.time() if taken else self.last_accepted
            return [payment for payment in batch if payment.trx_id not in self.accepted], answer.retry_after
        assert answer.status in SEND_AGAIN, f"the collector answered {answer.status} {answer.detail}"
        return batch, answer.retry_after


def _by_id(batch: Iterable[Payment]) -> dict[str, Payment]:
    return {payment.trx_id: payment for payment in batch}
