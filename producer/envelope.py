"""Splits a request's body, `{"records": [...]}`, into its records without reading them: each is judged by itself."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec

from producer.errors import TooLargeError, UnreadableError

MAX_NAME = 64
SHAPE = 'the body must be a JSON object like {"records": [...]}'
TOO_DEEP = "the body is nested too deeply"


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    records: list[msgspec.Raw]


class _Unsplit(msgspec.Struct, forbid_unknown_fields=True):
    records: msgspec.Raw


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_unsplit = msgspec.json.Decoder(_Unsplit).decode
# A valid record has 8 commas, one more behind it, and some in its texts.
_MANY_COMMAS = 20
_FEW_BYTES = 2 * _MANY_COMMAS
# Half a surrogate pair is JSON, yet msgspec reads no further; the record it stands in is refused, not its neighbours.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATES = [f"\\u{d}{digit}".encode() for d in "dD" for digit in "89abcdefABCDEF"]
_NO_SURROGATE = rb"\u00"
# Where a second "records" could follow the first.
_MAYBE_REPEATED = re.compile(rb"\][ \t\r\n]*,[ \t\r\n]*\"")
_SPACE = b" \t\r\n"
_ONE_NAME = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*\"[^\"]*\"[ \t\r\n]*:[ \t\r\n]*")
_BETWEEN = re.compile(rb"[ \t\r\n]*[\[,]?[ \t\r\n]*")
_UNKNOWN = re.compile("Object contains unknown field `(.*)`", re.DOTALL)
_TOO_MANY = "Expected `array` of at most length"


def split(body: bytes, most: int) -> list[msgspec.Raw] | list[bytes]:
    """The records, in order, as the bytes that they are in the body: 1 to `most`.

    Raises UnreadableError or TooLargeError.
    """
    text = _without_surrogates(body)
    with _refusing(most):
        if len(text) > most * _FEW_BYTES and text.count(b",") > most * _MANY_COMMAS:
            _require_at_most(most, text)
        records = _decode(text).records
    if not records:
        raise UnreadableError(f"records must hold 1 to {most} records")
    if len(records) > most:
        raise _too_many(most)
    if _MAYBE_REPEATED.search(text):
        _require_once(text)
    return records if text is body else list(_same_places(body, _start(text), records))


def _without_surrogates(body: bytes) -> bytes:
    """As long as the body, and of the same structure; a million of them take no more memory than one."""
    if _SURROGATE.search(body):
        for surrogate in _SURROGATES:
            body = body.replace(surrogate, _NO_SURROGATE)
    return body


def _require_at_most(most: int, text: bytes) -> None:
    """Millions of tiny records would take a hundred times their bytes: it is known before one of them is made."""
    _require_once(text)
    _bounded_decoder(most)(text)


@cache
def _bounded_decoder(most: int) -> Callable[[bytes], Any]:
    """A list can't be told where to stop; a struct that is written as one can."""
    places = [(f"record{place}", msgspec.Raw, None) for place in range(most)]
    bounded = msgspec.defstruct("_Bounded", places, array_like=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(
        msgspec.defstruct("_Envelope", [("records", bounded)], forbid_unknown_fields=True)
    ).decode


def _require_once(text: bytes) -> None:
    if not _ONE_NAME.fullmatch(text, 0, _start(text)):
        raise UnreadableError("records must not be given twice")


@contextmanager
def _refusing(most: int) -> Iterator[None]:
    """Says in the client's words why msgspec can't read its body."""
    try:
        yield
    except msgspec.ValidationError as error:
        if str(error).startswith(_TOO_MANY):
            raise _too_many(most) from error
        raise UnreadableError(_what_is_wrong(str(error))) from error
    except RecursionError as error:
        raise UnreadableError(TOO_DEEP) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(f"the body is not JSON: {_position(error)}") from error


def _too_many(most: int) -> TooLargeError:
    return TooLargeError(f"records must hold at most {most} records")


def _position(error: Exception) -> str:
    """msgspec's own words hold positions and expected characters, and nothing of the body."""
    return (
        "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("JSON is malformed: ")
    )


def _what_is_wrong(message: str) -> str:
    """msgspec's words hold nothing of the body but the name of an unknown field, the first that there is."""
    if unknown := _UNKNOWN.match(message):
        return f"{SHAPE}, without the unknown {unknown[1][:MAX_NAME]}"
    if "`records`" in message:
        return f"{SHAPE}, and records is missing"
    return f"{SHAPE}, and records must be a list" if "$.records" in message else SHAPE


def _start(text: bytes) -> int:
    """Where the list begins that was decoded; it is the last thing in the body, before the closing brace."""
    end = len(text.rstrip(_SPACE).removesuffix(b"}").rstrip(_SPACE))
    return end - len(_decode_unsplit(text).records)


def _same_places(body: bytes, position: int, records: list[msgspec.Raw]) -> Iterator[bytes]:
    for record in records:
        between = _BETWEEN.match(body, position)
        begin = between.end() if between else position
        position = begin + len(record)
        yield body[begin:position]
