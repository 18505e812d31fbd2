"""Kinesis's two languages, JSON and CBOR, both ways.

Defect: in CBOR, which the Java SDK and so KCL speak, ministack answers with timestamps in seconds without a tag and
data as base64 text: arrival times read 1970, some clients read nothing. It can't read AWS's timestamps either:
milliseconds under tag 1, which a CBOR reader takes for seconds, tens of thousands of years ahead.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cbor2

# The C decoder has tag 1 built in; that of pure Python has a table.
from cbor2._decoder import CBORDecoder, loads, semantic_decoders

EPOCH_TAG = 1
TIMESTAMPS = frozenset({"ApproximateArrivalTimestamp", "StreamCreationTimestamp", "ConsumerCreationTimestamp"})


@dataclass(frozen=True)
class Codec:
    """``decode`` gives timestamps in seconds; ``encode`` takes them so, and data as bytes."""

    content_type: str
    event_type: str
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def codec_of(content_type: str) -> Codec:
    return CBOR if "cbor" in content_type else JSON


def _seconds(decoder: CBORDecoder) -> float:
    return float(decoder.decode()) / 1000


def _tagged(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _tagged(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    return cbor2.CBORTag(EPOCH_TAG, round(value * 1000)) if key in TIMESTAMPS else value


def _text(value: Any) -> str:
    assert isinstance(value, bytes), value
    return base64.b64encode(value).decode()


def _to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_text).encode()


semantic_decoders[EPOCH_TAG] = _seconds
JSON = Codec("application/x-amz-json-1.1", "application/json", json.loads, _to_json)
CBOR = Codec(
    "application/x-amz-cbor-1.1", "application/x-amz-cbor-1.1", loads, lambda value: cbor2.dumps(_tagged(value))
)
