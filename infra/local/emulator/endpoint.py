"""Where Kinesis requests come in: ministack is asked in JSON alone, and what its operations answer is encoded here."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from infra.local.emulator.codecs import CBOR, JSON, Codec, codec_of
from infra.local.emulator.shapes import Answer, Body, Request
from infra.local.emulator.upstream import error_answer

Endpoint = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]
Subscribe = Callable[[Request, Codec], Answer]


def unencoded(body: Body, status: int = 200) -> Answer:
    """In the place of the operations' own encoding to JSON."""
    return status, {}, body


def speaking(endpoint: Endpoint, subscribe_to_shard: Subscribe) -> Endpoint:
    """``endpoint``, in both languages."""

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        codec = codec_of(headers.get("content-type", ""))
        try:
            if headers.get("x-amz-target", "").endswith(".SubscribeToShard"):
                return _encoded(subscribe_to_shard(codec.decode(body), codec), codec)
            if codec is CBOR and body:
                body = JSON.encode(CBOR.decode(body))
        except ValueError as error:
            return _encoded(error_answer("SerializationException", str(error), 400), codec)
        in_json = {**headers, "content-type": JSON.content_type}
        return _encoded(await endpoint(method, path, in_json, body, query), codec)

    return handle


def _encoded(answer: Answer, codec: Codec) -> Answer:
    status, headers, body = answer
    if isinstance(body, bytes):
        body = json.loads(body)
    if not isinstance(body, dict):
        return answer
    return status, {**headers, "Content-Type": codec.content_type}, codec.encode(body)
