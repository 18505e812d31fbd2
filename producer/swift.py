"""Reads a request whose records are all good at once: in C, and with one look at each field of all of them together.

It refuses nothing by itself. Whatever it is not sure of goes the way record by record, by the same rules: see
`envelope.split` and `validate`.
"""

import re
from collections.abc import Sequence
from typing import Annotated, cast

import msgspec

from producer import amount, fields
from producer.wire import Transaction

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=fields.MAX_TEXT)]


class _Arrived(Transaction, kw_only=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """A transaction before its fields are looked at."""

    amount: msgspec.Raw  # type: ignore[assignment]  # as it stands in the request, and text from then on
    sender_id: _Text
    receiver_id: _Text
    sender_iban: _Text
    receiver_iban: _Text
    sender_bank_id: _Text
    receiver_bank_id: _Text


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    records: list[_Arrived]


_GROUP = re.compile(r"\((?!\?)")


def _each_line(pattern: str) -> str:
    """Its groups hold nothing, which is quicker."""
    return "(?:(?:" + _GROUP.sub("(?:", pattern) + ")\n)*"


_decode = msgspec.json.Decoder(_Request).decode
_TRX_IDS = re.compile(_each_line(fields.TRX_ID_PATTERN))
_TIMES, _NORMAL_TIMES = (
    re.compile(_each_line(pattern.removeprefix("^").removesuffix("$")))
    for pattern in (fields.TIME_PATTERN, fields.NORMAL_TIME_PATTERN)
)
_PLAIN = rf"(0|[1-9][0-9]{{0,{amount.MAX_DIGITS_BEFORE_POINT - 1}}})(\.[0-9]{{1,{amount.MAX_DIGITS_AFTER_POINT}}})?"
_AMOUNTS = re.compile(_each_line(f'{_PLAIN}|"{_PLAIN}"').encode())
# Two quotes a name and two a value; the amount may have two more. Around them all, "records".
_QUOTES = 4 * 9 - 2
_OTHER_QUOTES = 2


def read(body: bytes) -> list[Transaction] | None:
    """The transactions, in order, or None if there are none, or any doubt."""
    if b"\\" in body or b"\x7f" in body:
        return None
    try:
        records = _decode(body).records
    except (ValueError, RecursionError):
        return None
    amounts = b"\n".join([bytes(record.amount) for record in records]) + b"\n"
    if not records or not _names_each_field_once(body, len(records), amounts) or not _AMOUNTS.fullmatch(amounts):
        return None
    if not body.isascii() and not _all_printable(records):
        return None
    _keep(records, amounts)
    return cast("list[Transaction]", records) if _keep_ids(records) and _keep_times(records) else None


def _names_each_field_once(body: bytes, records: int, amounts: bytes) -> bool:
    """Without a backslash, quotes stand around names and texts alone: more of them, and something is there twice."""
    if amounts.count(b"\n") != records:
        return False  # one of them is no number and no text, and holds white space
    return body.count(b'"') == _OTHER_QUOTES + _QUOTES * records + amounts.count(b'"')


def _all_printable(records: Sequence[Transaction]) -> bool:
    """Also for harmless characters it may be False."""
    return all(
        (
            one.sender_id
            + one.receiver_id
            + one.sender_iban
            + one.receiver_iban
            + one.sender_bank_id
            + one.receiver_bank_id
        ).isprintable()
        for one in records
    )


def _keep(records: Sequence[Transaction], amounts: bytes) -> None:
    for record, digits in zip(records, amounts.replace(b'"', b"").decode().split("\n"), strict=False):
        record.amount = digits


def _keep_ids(records: Sequence[Transaction]) -> bool:
    written = "\n".join([record.trx_id for record in records]) + "\n"
    lower = written.lower()
    if lower != written:
        for record in records:
            record.trx_id = record.trx_id.lower()
    return _TRX_IDS.fullmatch(written) is not None


def _keep_times(records: Sequence[Transaction]) -> bool:
    written = "\n".join([record.transaction_date for record in records]) + "\n"
    normal = written.replace("+0000\n", "+00:00\n")
    if _NORMAL_TIMES.fullmatch(normal):
        for record, moment in zip(records, normal.split("\n"), strict=False):
            record.transaction_date = moment
        return True
    if not _TIMES.fullmatch(written):
        return False
    for record in records:
        record.transaction_date = fields.normal_time(record.transaction_date)
    return True
