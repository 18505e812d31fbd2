"""One record's bytes become a Transaction, or the list of everything that is wrong with it.

Good records take the quick way. A record that it refuses is examined field by field, by the same rules.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from producer import amount, fields
from producer.wire import Transaction

MAX_NAMED_FIELDS = 20
MAX_NAME = 64

MAX_RECORD_BYTES = 16 * 1024
TOO_LONG = f"is longer than {MAX_RECORD_BYTES} bytes"
NOT_AN_OBJECT = "must be a JSON object"
TOO_DEEP = "is nested too deeply"
MISSING = "is missing"
REPEATED = "must not be given twice"
UNKNOWN = "is not a known field"
NOT_TEXT = "must be text, not "


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with a field; an empty name stands for the record itself."""

    field: str
    message: str


def _text(description: str) -> msgspec.Meta:
    return _rule(description, minLength=1, maxLength=fields.MAX_TEXT, pattern=fields.TEXT_PATTERN)


def _rule(description: str, **schema: Any) -> msgspec.Meta:
    """What the documentation shows; the rules themselves are enforced by their functions."""
    return msgspec.Meta(description=description, extra_json_schema=schema)


class Record(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A transaction, as a client sends it."""

    trx_id: Annotated[str, _rule("UUID of any version; carried on in lower case", pattern=f"^{fields.TRX_ID_PATTERN}$")]
    amount: Annotated[msgspec.Raw, _rule(amount.DESCRIPTION, oneOf=amount.JSON_TYPES)]
    sender_id: Annotated[str, _text("Who pays")]
    receiver_id: Annotated[str, _text("Who is paid")]
    sender_iban: Annotated[str, _text("Account of the sender; masked ones are taken, check digits are not verified")]
    receiver_iban: Annotated[str, _text("Account of the receiver; as senderIban")]
    sender_bank_id: Annotated[str, _text("Bank of the sender")]
    receiver_bank_id: Annotated[str, _text("Bank of the receiver")]
    transaction_date: Annotated[str, _rule(fields.TIME_DESCRIPTION, pattern=fields.TIME_PATTERN)]


class _Number(str):
    """A JSON number's own text."""

    __slots__ = ()


_decode = msgspec.json.Decoder(Record).decode
_decode_text = msgspec.json.Decoder(str).decode
# Two quotes a name and two a value; the amount may have two more.
_QUOTES = 4 * 9 - 2
_RULES: dict[str, Callable[[str], str]] = {
    "trxId": fields.trx_id,
    "amount": amount.from_text,
    "senderId": fields.text,
    "receiverId": fields.text,
    "senderIban": fields.text,
    "receiverIban": fields.text,
    "senderBankId": fields.text,
    "receiverBankId": fields.text,
    "transactionDate": fields.transaction_date,
}
_MEMBERS = {field.encode_name: field.name for field in msgspec.structs.fields(Record)}


def validate(record: msgspec.Raw | bytes) -> Transaction | list[FieldError]:
    """Never raises, whatever the bytes are."""
    content = bytes(record)
    try:
        return _quickly(content)
    except (ValueError, RecursionError):
        return examine(content) if len(content) <= MAX_RECORD_BYTES else [FieldError("", TOO_LONG)]


def _quickly(record: bytes) -> Transaction:
    raw = _decode(record)
    text = fields.text
    digits = bytes(raw.amount)
    if _may_repeat_a_field(record, digits):
        raise ValueError(REPEATED)
    return Transaction(
        trx_id=fields.trx_id(raw.trx_id),
        amount=amount.from_text(_decode_text(digits)) if digits.startswith(b'"') else amount.plain(digits.decode()),
        sender_id=text(raw.sender_id),
        receiver_id=text(raw.receiver_id),
        sender_iban=text(raw.sender_iban),
        receiver_iban=text(raw.receiver_iban),
        sender_bank_id=text(raw.sender_bank_id),
        receiver_bank_id=text(raw.receiver_bank_id),
        transaction_date=fields.transaction_date(raw.transaction_date),
    )


def _may_repeat_a_field(record: bytes, digits: bytes) -> bool:
    """Names and texts are in quotes: more of them than nine fields need, and one is there twice or holds a quote."""
    return record.count(b'"') != _QUOTES + digits.count(b'"')


class _Pairs(list[tuple[str, Any]]):
    """An object's names and values, with the repeated ones."""


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")


_parse = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
).decode


def examine(record: bytes) -> Transaction | list[FieldError]:
    """The thorough way: what `validate` says, for any record."""
    try:
        pairs = _parse(record.decode("utf-8", "surrogateescape"))
    except RecursionError:
        return [FieldError("", TOO_DEEP)]
    except ValueError:
        return [FieldError("", NOT_AN_OBJECT)]
    if not isinstance(pairs, _Pairs):
        return [FieldError("", NOT_AN_OBJECT)]
    return _examine_fields(pairs)


def _examine_fields(pairs: _Pairs) -> Transaction | list[FieldError]:
    found = dict(pairs)
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    for name, rule in _RULES.items():
        try:
            values[_MEMBERS[name]] = _value(name, found, rule)
        except ValueError as error:
            errors.append(FieldError(name, str(error)))
    errors += _repeated(pairs) if len(found) < len(pairs) else []
    errors += _unknown([name for name in found if name not in _RULES])
    return errors or Transaction(**values)


def _value(name: str, found: dict[str, Any], rule: Callable[[str], str]) -> str:
    if name not in found:
        raise ValueError(MISSING)
    value = found[name]
    if name == "amount":
        return _amount(value)
    if not isinstance(value, str) or isinstance(value, _Number):
        raise ValueError(NOT_TEXT + _kind(value))
    return rule(value)


def _amount(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(amount.NOT_DECIMAL)
    return amount.plain(value) if isinstance(value, _Number) else amount.from_text(value)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = {_Number: "a number", bool: "true or false", _Pairs: "an object", list: "a list"}
    return kinds[type(value)]


def _repeated(pairs: _Pairs) -> list[FieldError]:
    names = [name for name, _ in pairs]
    return [FieldError(name, REPEATED) for name in _RULES if names.count(name) > 1]


def _unknown(names: list[str]) -> list[FieldError]:
    errors = [FieldError(_legible(name), UNKNOWN) for name in names[:MAX_NAMED_FIELDS]]
    if len(names) > MAX_NAMED_FIELDS:
        errors.append(FieldError("", f"holds {len(names) - MAX_NAMED_FIELDS} more unknown fields"))
    return errors


def _legible(name: str) -> str:
    return name[:MAX_NAME].encode("utf-8", "replace").decode()
