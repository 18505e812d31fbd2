"""POST /collector/transactions: takes a request apart and puts its valid transactions on the stream."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import msgspec
from fastapi import Request, Response

from producer import body, wire
from producer.auth import KeyRing
from producer.buffer import Entry
from producer.envelope import split
from producer.errors import BufferFullError, RequestError
from producer.metrics import Metrics
from producer.problems import problem, request_problem
from producer.publish import Publisher
from producer.quota import Quota
from producer.receipts import Receipts, receipts
from producer.validate import FieldError, validate
from producer.wire import Transaction

BODY_SECONDS = 30.0
RECORDS_AT_A_TIME = 200
RETRY_FULL_SECONDS = 1
RETRY_UNAVAILABLE_SECONDS = 5
NOT_ONE_VALID = "every record was rejected; the receipts say why"
NOTHING_PUBLISHED = "nothing could be published; send the whole request again"
BUFFER_FULL = "too many transactions wait to be published; send the whole request again"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class RequestLimits:
    """What one request may hold, and how long its body may take to arrive."""

    records: int
    body_bytes: int
    body_seconds: float = BODY_SECONDS


@dataclass(frozen=True)
class Collector:
    """Answers requests. It looks at the key before it reads the body, and judges each record by itself."""

    keys: KeyRing
    quota: Quota
    publisher: Publisher
    metrics: Metrics
    limits: RequestLimits
    now: Callable[[], datetime]

    async def answer(self, request: Request) -> Response:
        began = time.perf_counter()
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        try:
            response = await self._collect(request)
            status = response.status_code
        except RequestError as error:
            response = request_problem(error)
            status = response.status_code
        finally:
            self.metrics.requests.labels(str(status)).inc()
            self.metrics.request_seconds.observe(time.perf_counter() - began)
        return response

    async def _collect(self, request: Request) -> Response:
        key = self.keys.authenticate(request.headers.get("x-api-key"))
        body.require_json(request.headers)
        content = await body.read(request, self.limits.body_bytes, self.limits.body_seconds)
        self.quota.take(key.id, key.rate_per_second, 1)  # a request that turns out to be refused is not free
        records = split(content, self.limits.records)
        self.quota.take(key.id, key.rate_per_second, len(records), taken=1)
        return await self._publish(await _validated(records))

    async def _publish(self, results: Sequence[Transaction | list[FieldError]]) -> Response:
        received_at = wire.timestamp(self.now())
        valid = [result for result in results if isinstance(result, Transaction)]
        entries = [Entry(transaction.sender_id, wire.line(transaction, received_at)) for transaction in valid]
        try:
            durable = await self.publisher.publish(entries)
        except BufferFullError:
            self.metrics.buffer_full.inc()
            judged = self._count(receipts(results, [False] * len(entries)))
            return _retry(BUFFER_FULL, RETRY_FULL_SECONDS, judged)
        return _response(self._count(receipts(results, durable)))

    def _count(self, judged: Receipts) -> Receipts:
        for status in ("accepted", "rejected", "unavailable"):
            self.metrics.transactions.labels(status).inc(getattr(judged, status))
        return judged


async def _validated(records: Sequence[msgspec.Raw | bytes]) -> list[Transaction | list[FieldError]]:
    """Others have their turn in between: bad records take long."""
    results: list[Transaction | list[FieldError]] = []
    for begin in range(0, len(records), RECORDS_AT_A_TIME):
        if begin:
            await asyncio.sleep(0)
        results += map(validate, records[begin : begin + RECORDS_AT_A_TIME])
    return results


def _response(judged: Receipts) -> Response:
    status = judged.http_status
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return problem(status, NOT_ONE_VALID, receipts=judged)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _retry(NOTHING_PUBLISHED, RETRY_UNAVAILABLE_SECONDS, judged)
    return Response(_encode(judged), status, media_type="application/json")


def _retry(detail: str, seconds: int, judged: Receipts) -> Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"retry-after": str(seconds)}, judged)
