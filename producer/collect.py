"""POST /collector/transactions: takes a request apart and puts its valid transactions on the stream."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import msgspec
import structlog
from fastapi import Response
from starlette.types import Receive, Scope, Send

from api_keys.document import ApiKey
from producer import body, swift, wire
from producer.auth import KeyRing
from producer.envelope import split
from producer.errors import BufferFullError, OverloadedError, RequestError
from producer.head import Head
from producer.intake import Intake
from producer.metrics import Metrics
from producer.packing import Lines, Packer
from producer.problems import DETAILS, problem, request_problem
from producer.publish import Publisher
from producer.quota import Quota
from producer.receipts import Receipts, receipts
from producer.validate import FieldError, validate
from producer.wire import Transaction

RECORDS_AT_A_TIME = 200
BYTES_AT_A_TIME = 64 * 1024
RETRY_FULL_SECONDS = 1
RETRY_UNAVAILABLE_SECONDS = 5
NOT_ONE_VALID = "every record was rejected; the receipts say why"
NOTHING_PUBLISHED = "nothing could be published; send the whole request again"
JSON = (b"content-type", b"application/json")
BUFFER_FULL = "too many transactions wait to be published; send the whole request again"

_encode = msgspec.json.Encoder().encode
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RequestLimits:
    """What one request may hold, and how long its body may take to arrive."""

    records: int
    body_bytes: int
    body_seconds: float


@dataclass(frozen=True)
class Collector:
    """Answers requests: by key and room before a body is read, and then by each record of it."""

    keys: KeyRing
    quota: Quota
    packer: Packer
    publisher: Publisher
    metrics: Metrics
    limits: RequestLimits
    intake: Intake
    now: Callable[[], datetime]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The route, an ASGI application of its own: the framework would cost more than the work."""
        began = time.perf_counter()
        response = await self._answer(scope, receive)
        self.metrics.requests[str(response.status_code)].inc()
        self.metrics.request_seconds.observe(time.perf_counter() - began)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        try:
            return await self._collect(scope, receive)
        except RequestError as error:
            if isinstance(error, OverloadedError):
                self.metrics.shed_requests.labels(error.cause).inc()
            return request_problem(error)
        except Exception:
            log.exception("unexpected error")
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, DETAILS[HTTPStatus.INTERNAL_SERVER_ERROR])

    async def _collect(self, scope: Scope, receive: Receive) -> Response:
        head = Head(scope)
        key = self.keys.authenticate(head.first(b"x-api-key"))
        body.require_json(head)
        self._require_room()
        judged, parts = self._packed(await self._judge(scope, receive, head, key))
        return await self._publish(judged, parts)

    def _require_room(self) -> None:
        """What would be refused in the end is refused before it costs any work."""
        if not self.publisher.has_room:
            raise OverloadedError(BUFFER_FULL, RETRY_FULL_SECONDS, "buffer")

    async def _judge(
        self, scope: Scope, receive: Receive, head: Head, key: ApiKey
    ) -> Sequence[Transaction | list[FieldError]]:
        limits = self.limits
        with self.intake.claim() as take:
            content = await body.read(scope, receive, head, limits.body_bytes, limits.body_seconds, take)
            self.quota.take(key.id, key.rate_per_second, 1)  # a request that turns out to be refused is not free
            good = swift.read(content)
            if good is not None and len(good) <= limits.records:
                self.quota.take(key.id, key.rate_per_second, len(good), taken=1)
                return good
            records = split(content, limits.records)
            self.quota.take(key.id, key.rate_per_second, len(records), taken=1)
            return await _validated(records)

    def _packed(
        self, results: Sequence[Transaction | list[FieldError]]
    ) -> tuple[list[str | list[FieldError]], list[Lines]]:
        """What the receipts need, and what is published: all that is kept while the stream is waited for."""
        valid = [result for result in results if not isinstance(result, list)]
        parts = self.packer.pack(valid, wire.timestamp(self.now())) if valid else []
        return [result if isinstance(result, list) else result.trx_id for result in results], parts

    async def _publish(self, judged: Sequence[str | list[FieldError]], parts: Sequence[Lines]) -> Response:
        try:
            durable = await self.publisher.publish(parts)
        except BufferFullError:
            self.metrics.shed_requests.labels("buffer").inc()
            none = [False] * sum(len(part.places) for part in parts)
            return _retry(BUFFER_FULL, RETRY_FULL_SECONDS, self._count(receipts(judged, none)))
        return _response(self._count(receipts(judged, durable)))

    def _count(self, judged: Receipts) -> Receipts:
        for status in ("accepted", "rejected", "unavailable"):
            if count := getattr(judged, status):
                self.metrics.transactions[status].inc(count)
        return judged


class _Answer(Response):
    """JSON, without the looks that the framework takes at its headers."""

    def init_headers(self, _headers: Mapping[str, str] | None = None) -> None:
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), JSON]


async def _validated(records: Sequence[msgspec.Raw | bytes]) -> list[Transaction | list[FieldError]]:
    """Others have their turn in between: bad records take long."""
    results: list[Transaction | list[FieldError]] = []
    size = 0
    for count, record in enumerate(records, start=1):
        results.append(validate(record))
        size += len(record)
        if size > BYTES_AT_A_TIME or count % RECORDS_AT_A_TIME == 0:
            size = 0
            await asyncio.sleep(0)
    return results


def _response(judged: Receipts) -> Response:
    status = judged.http_status
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return problem(status, NOT_ONE_VALID, receipts=judged)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _retry(NOTHING_PUBLISHED, RETRY_UNAVAILABLE_SECONDS, judged)
    return _Answer(_encode(judged), status)


def _retry(detail: str, seconds: int, judged: Receipts) -> Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"retry-after": str(seconds)}, judged)
