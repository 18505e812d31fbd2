"""What the producer is measured against, on the same core in the same run: its limits, and the plain way to write it.

`python -m tests.bench.rivals NAME PORT` serves one of them with uvicorn, uvloop and httptools.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import boto3
import msgspec
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

from producer.kinesis import client_config

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
STREAM = "payments"
PACKED_BYTES = 10 * 1024
_HEADERS = [(b"content-type", b"application/json")]


async def _read(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Send, body: bytes) -> None:
    await send(
        {"type": "http.response.start", "status": 202, "headers": [*_HEADERS, (b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


async def bare(scope: Message, receive: Receive, send: Send) -> None:
    """Reads the body and answers."""
    await _read(receive)
    await _answer(send, b'{"accepted":1,"rejected":0,"unavailable":0}')


class _Envelope(msgspec.Struct):
    records: list[msgspec.Raw]


class Unchecked:
    """Reads, splits, packs and puts; looks at nothing."""

    def __init__(self) -> None:
        self._client = boto3.client("kinesis", config=client_config("eu-west-1", 4))
        self._threads = ThreadPoolExecutor(4)
        self._decode = msgspec.json.Decoder(_Envelope).decode

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        records = self._decode(await _read(receive)).records
        await asyncio.get_running_loop().run_in_executor(self._threads, self._put, records)
        await _answer(send, b'{"accepted":%d,"rejected":0,"unavailable":0}' % len(records))

    def _put(self, records: list[msgspec.Raw]) -> None:
        lines = [bytes(record) + b"\n" for record in records]
        a_record = max(1, PACKED_BYTES // len(lines[0]))
        packed = [b"".join(lines[start : start + a_record]) for start in range(0, len(lines), a_record)]
        answer = self._client.put_records(
            StreamName=STREAM, Records=[{"Data": data, "PartitionKey": str(place)} for place, data in enumerate(packed)]
        )
        assert answer["FailedRecordCount"] == 0


class PlainTransaction(BaseModel):
    trxId: UUID  # noqa: N815
    amount: Decimal = Field(ge=0)
    senderId: str = Field(min_length=1, max_length=128)  # noqa: N815
    receiverId: str = Field(min_length=1, max_length=128)  # noqa: N815
    senderIban: str = Field(min_length=1, max_length=128)  # noqa: N815
    receiverIban: str = Field(min_length=1, max_length=128)  # noqa: N815
    senderBankId: str = Field(min_length=1, max_length=128)  # noqa: N815
    receiverBankId: str = Field(min_length=1, max_length=128)  # noqa: N815
    transactionDate: datetime  # noqa: N815


class PlainRequest(BaseModel):
    records: list[PlainTransaction]


def plain() -> FastAPI:
    """The application that everybody would write first."""
    app = FastAPI()
    client = boto3.client("kinesis", config=client_config("eu-west-1", 40))

    @app.post("/collector/transactions", status_code=202)
    def collect(request: PlainRequest) -> dict[str, int]:
        answer = client.put_records(
            StreamName=STREAM,
            Records=[
                {"Data": one.model_dump_json().encode() + b"\n", "PartitionKey": one.senderId}
                for one in request.records
            ],
        )
        return {"accepted": len(request.records) - answer["FailedRecordCount"]}

    return app


RIVALS: dict[str, Callable[[], Any]] = {"bare": lambda: bare, "unchecked": Unchecked, "plain": plain}

if __name__ == "__main__":
    uvicorn.run(
        RIVALS[sys.argv[1]](),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
