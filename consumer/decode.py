"""Record bytes ▸ lines ▸ transactions.

Tolerant where the producer is strict: unknown fields are ignored, so that old and new deploys can overlap.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec

from consumer.domain import Content, Transaction, plain
from consumer.errors import RejectedError

SCHEMA_VERSION = 1
DIGITS_BEFORE_POINT = 20
DIGITS_AFTER_POINT = 18
MOST_LINES = 20_000
FEW_LINES = 100
SHORTEST_LINE = 64  # bytes; one that can be evaluated is longer
# What the producer writes, and what needs no second look.
PLAIN_AMOUNT = re.compile(rb'"[0-9]{1,20}(?:\.[0-9]{1,18})?"')
NUL = b"\\u0000"
# Bounded, so that no exponent and no run of digits costs more than a line is worth.
AMOUNT = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _WireLine(msgspec.Struct, rename="camel"):
    v: int
    trx_id: UUID
    amount: msgspec.Raw
    sender_id: str
    receiver_id: str
    sender_iban: str
    receiver_iban: str
    sender_bank_id: str
    receiver_bank_id: str
    transaction_date: Instant
    received_at: Instant


class _Version(msgspec.Struct):
    v: int = SCHEMA_VERSION


_decode_line = msgspec.json.Decoder(_WireLine).decode
_decode_version = msgspec.json.Decoder(_Version).decode
_decode_json = msgspec.json.Decoder().decode


def lines(data: bytes) -> list[bytes]:
    """A record's lines without their line feeds. The last may be unterminated; an empty record is one empty line."""
    return data.removesuffix(b"\n").split(b"\n")


def has_too_many_lines(data: bytes) -> bool:
    """Whether so many dead letters could come of one record that they would cost more than it is worth."""
    return data.count(b"\n", 0, -1) >= min(MOST_LINES, max(FEW_LINES, len(data) // SHORTEST_LINE))


def decode(line: bytes) -> Transaction:
    """Raises RejectedError with a reason that quotes nothing of the line."""
    try:
        wire = _decode_line(line if line.isascii() else str(line, "utf-8"))
        if NUL in line:
            _require_no_nul(wire)
        return _transaction(wire)
    except RejectedError:
        raise
    except Exception as error:
        raise RejectedError(_reason(line, error)) from None


def _transaction(wire: _WireLine) -> Transaction:
    if wire.v != SCHEMA_VERSION:
        _require_version(wire.v)
    content = Content(
        _amount(wire.amount),
        wire.sender_id,
        wire.receiver_id,
        wire.sender_iban,
        wire.receiver_iban,
        wire.sender_bank_id,
        wire.receiver_bank_id,
        _instant("transactionDate", wire.transaction_date),
    )
    return Transaction(wire.trx_id, content, _instant("receivedAt", wire.received_at))


def _require_version(version: int) -> None:
    if version != SCHEMA_VERSION:
        shown = version if 0 <= version < 1_000_000 else "of this line"
        raise RejectedError(f"schema version {shown} is not supported; this consumer reads version {SCHEMA_VERSION}")


def _amount(raw: msgspec.Raw) -> Decimal:
    if PLAIN_AMOUNT.fullmatch(raw):
        return Decimal(str(raw, "utf-8")[1:-1])
    text = str(raw, "utf-8")
    if text.startswith('"'):
        text = text[1:-1] if "\\" not in text else _decode_json(text)
    if not AMOUNT.fullmatch(text):
        raise RejectedError("amount: expected a decimal number or a string with one")
    return _within_bounds(Decimal(text))


def _within_bounds(amount: Decimal) -> Decimal:
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    if exponent < -DIGITS_AFTER_POINT:
        raise RejectedError(f"amount: more than {DIGITS_AFTER_POINT} digits after the point")
    if amount and len(digits) + exponent > DIGITS_BEFORE_POINT:
        raise RejectedError(f"amount: more than {DIGITS_BEFORE_POINT} digits before the point")
    if amount < 0:
        raise RejectedError("amount: less than 0")
    return Decimal(plain(amount.copy_abs())) if exponent > 0 else amount.copy_abs()


def _require_no_nul(wire: _WireLine) -> None:
    for name, field in zip(wire.__struct_fields__, wire.__struct_encode_fields__, strict=True):
        value = getattr(wire, name)
        if isinstance(value, str) and "\0" in value:
            raise RejectedError(f"{field}: holds a NUL character, which the database cannot store")


def _instant(field: str, value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise RejectedError(f"{field}: out of range") from None


def _reason(line: bytes, error: Exception) -> str:
    if not line:
        return "empty record or line"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        return _other_version(line) or _validation_words(str(error))
    if isinstance(error, msgspec.DecodeError):
        return "not JSON"
    return f"could not be decoded ({type(error).__name__})"


def _other_version(line: bytes) -> str | None:
    """A line of a later schema may lack today's fields: its version is then the reason."""
    try:
        _require_version(_decode_version(line).v)
    except RejectedError as error:
        return str(error)
    except msgspec.DecodeError:
        return None
    return None


def _validation_words(message: str) -> str:
    """msgspec's message with the field first; it holds types and our own field names, never a value."""
    missing = re.fullmatch(r"Object missing required field `(\w+)`", message)
    if missing:
        return f"missing field {missing[1]}"
    words, _, path = message.replace("`", "").partition(" - at $.")
    return f"{path}: {words[0].lower()}{words[1:]}" if path else "not a JSON object"
