"""Splits a request's body, `{"records": [...]}`, into its records without reading them: each is judged by itself."""

import re
from collections.abc import Iterator

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
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NO_SURROGATE = rb"\\u0041"
# Where a second "records" could follow the first.
_MAYBE_REPEATED = re.compile(rb"\][ \t\r\n]*,[ \t\r\n]*\"")
_SPACE = b" \t\r\n"
_ONE_NAME = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*\"[^\"]*\"[ \t\r\n]*:[ \t\r\n]*")
_BETWEEN = re.compile(rb"[ \t\r\n]*[\[,]?[ \t\r\n]*")


def split(body: bytes, most: int) -> list[msgspec.Raw] | list[bytes]:
    """The records, in order, as the bytes that they are in the body: 1 to `most`.

    Raises UnreadableError or TooLargeError.
    """
    text = _without_surrogates(body)
    records = _records(text)
    if not records:
        raise UnreadableError(f"records must hold 1 to {most} records")
    if len(records) > most:
        raise TooLargeError(f"records must hold at most {most} records, and holds {len(records)}")
    if _MAYBE_REPEATED.search(text) and not _ONE_NAME.fullmatch(text, 0, _start(text)):
        raise UnreadableError("records must not be given twice")
    return records if text is body else list(_same_places(body, _start(text), records))


def _without_surrogates(body: bytes) -> bytes:
    """As long as the body, and of the same structure."""
    return _SURROGATE.sub(_NO_SURROGATE, body) if _SURROGATE.search(body) else body


def _records(text: bytes) -> list[msgspec.Raw]:
    try:
        return _decode(text).records
    except msgspec.ValidationError as error:
        raise UnreadableError(_what_is_wrong(text)) from error
    except RecursionError as error:
        raise UnreadableError(TOO_DEEP) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(f"the body is not JSON: {_position(error)}") from error


def _position(error: Exception) -> str:
    """msgspec's own words hold positions and expected characters, and nothing of the body."""
    return (
        "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("JSON is malformed: ")
    )


def _what_is_wrong(text: bytes) -> str:
    try:
        fields = _decode_fields(text)
    except (ValueError, RecursionError):
        return SHAPE
    unknown = [name[:MAX_NAME] for name in fields if name != "records"]
    if unknown:
        return f"{SHAPE}, without the unknown {', '.join(unknown[:10])}"
    return f"{SHAPE}, and records must be a list" if fields else f"{SHAPE}, and records is missing"


def _start(text: bytes) -> int:
    """Where the list begins that was decoded; it is the last thing in the body, before the closing brace."""
    end = len(text.rstrip(_SPACE).removesuffix(b"}").rstrip(_SPACE))
    return end - len(bytes(_decode_fields(text)["records"]))


def _same_places(body: bytes, position: int, records: list[msgspec.Raw]) -> Iterator[bytes]:
    for record in records:
        between = _BETWEEN.match(body, position)
        begin = between.end() if between else position
        position = begin + len(bytes(record))
        yield body[begin:position]
