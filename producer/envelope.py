"""Splits a request's body, `{"records": [...]}`, into its records without reading them: each is judged by itself."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from producer.errors import TooLargeError, UnreadableError

MAX_NAME = 64
SHAPE = 'the body must be a JSON object like {"records": [...]}'
TOO_DEEP = "the body is nested too deeply"


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    records: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# Half a surrogate pair is JSON, yet msgspec reads no further; the record it stands in is refused, not its neighbours.
_MAYBE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# Where a second "records" could follow the first.
_MAYBE_REPEATED = re.compile(rb"\][ \t\r\n]*,[ \t\r\n]*\"")
_BEGIN = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*"records"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*')
_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_END = re.compile(r"[ \t\r\n]*\][ \t\r\n]*\}[ \t\r\n]*")


def split(body: bytes, most: int) -> list[msgspec.Raw] | list[bytes]:
    """The records, in order, as the bytes that they are in the body: 1 to `most`.

    Raises UnreadableError or TooLargeError.
    """
    records = _records(body)
    if not records:
        raise UnreadableError(f"records must hold 1 to {most} records")
    if len(records) > most:
        raise TooLargeError(f"records must hold at most {most} records, and holds {len(records)}")
    return records


def _records(body: bytes) -> list[msgspec.Raw] | list[bytes]:
    try:
        records = _decode(body).records
    except msgspec.ValidationError as error:
        raise UnreadableError(_what_is_wrong(body)) from error
    except RecursionError as error:
        raise UnreadableError(TOO_DEEP) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _MAYBE_SURROGATE.search(body):
            return _split_around_surrogates(body)
        raise UnreadableError(f"the body is not JSON: {_position(error)}") from error
    if _MAYBE_REPEATED.search(body) and _is_repeated(body):
        raise UnreadableError("records must not be given twice")
    return records


def _position(error: Exception) -> str:
    """msgspec's own words hold positions and expected characters, and nothing of the body."""
    return (
        "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("JSON is malformed: ")
    )


def _what_is_wrong(body: bytes) -> str:
    try:
        fields = _decode_fields(body)
    except (ValueError, RecursionError):
        return SHAPE
    unknown = [name[:MAX_NAME] for name in fields if name != "records"]
    if unknown:
        return f"{SHAPE}, without the unknown {', '.join(unknown[:10])}"
    return f"{SHAPE}, and records must be a list" if fields else f"{SHAPE}, and records is missing"


def _is_repeated(body: bytes) -> bool:
    text = body.decode("utf-8", "surrogateescape")
    try:
        names = json.loads(text, object_pairs_hook=_names, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise UnreadableError(TOO_DEEP) from error
    return len(names) > 1


def _names(pairs: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in pairs]


def _split_around_surrogates(body: bytes) -> list[bytes]:
    try:
        return list(_spans(body.decode("utf-8", "surrogateescape")))
    except RecursionError as error:
        raise UnreadableError(TOO_DEEP) from error
    except ValueError as error:
        raise UnreadableError("the body is not JSON") from error


def _spans(text: str) -> Iterator[bytes]:
    begin = _BEGIN.match(text)
    if begin is None:
        raise UnreadableError(SHAPE)
    position = begin.end()
    while True:
        _, end = _scan(text, position)
        yield text[position:end].encode("utf-8", "surrogateescape")
        comma = _COMMA.match(text, end)
        if comma is None:
            break
        position = comma.end()
    if not _END.fullmatch(text, end):
        raise ValueError(SHAPE)


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")


_scan = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant).raw_decode
