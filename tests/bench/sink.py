"""AWS as fast as it gets: PutRecords is answered without a look at the records, from answers made beforehand.

`python -m tests.bench.sink PORT SHARDS` serves until it is ended. That it is not the limit shows in the share of its
core that the producer takes, and the one that is measured beside it: all of it.
"""

import asyncio
import sys
from functools import cache
from typing import Any, cast

import httptools
import msgspec
import uvloop

from tests.bench.requests import KEY
from tests.producer.fakes import key_document

_MANY = 1 << 128


@cache
def _taken(count: int) -> bytes:
    one = {
        "SequenceNumber": "49590338271490256608559692538361571095921575989136588898",
        "ShardId": "shardId-000000000000",
    }
    return answer({"FailedRecordCount": 0, "Records": [one] * count})


def answer(content: Any) -> bytes:
    body = msgspec.json.encode(content)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


def _shards(count: int) -> bytes:
    bounds = [_MANY * number // count for number in range(count + 1)]
    shards = [
        {
            "ShardId": f"shardId-{number:012}",
            "HashKeyRange": {"StartingHashKey": str(bounds[number]), "EndingHashKey": str(bounds[number + 1] - 1)},
            "SequenceNumberRange": {"StartingSequenceNumber": "1"},
        }
        for number in range(count)
    ]
    return answer({"Shards": shards})


class Sink(asyncio.Protocol):
    def __init__(self, shards: int) -> None:
        self._fixed = {
            b"Kinesis_20131202.ListShards": _shards(shards),
            b"secretsmanager.GetSecretValue": answer(
                {"ARN": "arn", "Name": "payments/keys", "VersionId": "1" * 32, "SecretString": key_document(KEY)}
            ),
        }
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._records = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._records = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-amz-target":
            self._target = value
        elif name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A name that is cut in two by the network counts none: boto3 then says so, and the figure is void."""
        self._body = body if not self._records else b""
        self._records += body.count(b'"PartitionKey"')

    def on_message_complete(self) -> None:
        self._transport.write(self._fixed.get(self._target) or _taken(self._records))


async def _serve(port: int, shards: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Sink(shards), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
