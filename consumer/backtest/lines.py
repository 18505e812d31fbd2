"""The archive's lines as a relation of DuckDB.

A line is plain when it is written as the producer writes it; SQL then makes of it what `decode` makes of it. An object
that holds any other line is first written anew by `decode` itself, so that there is one meaning of a line.
"""

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from consumer.archive import ArchiveObject, lines_of
from consumer.decode import SCHEMA_VERSION, decode
from consumer.domain import Transaction, plain
from consumer.errors import RejectedError
from consumer.rules.sql import COLUMNS

NARROW = "DECIMAL(18, 4)"
WIDE = "DECIMAL(38, 18)"
TEXTS = [name for name in COLUMNS if name.startswith(("sender", "receiver"))]
TIMES = ("transactionDate", "receivedAt")
AMOUNT = {NARROW: r'"[0-9]{1,14}(\.[0-9]{1,4})?"', WIDE: r'"[0-9]{1,20}(\.[0-9]{1,18})?"'}
TRX_ID = r'"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"'
TIME = (
    r'"(19[7-9][0-9]|20[0-9]{{2}}|2100)-(0[1-9]|1[0-2])-{day}'
    r'T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"'
)
EVERY_MONTHS = TIME.format(day="(0[1-9]|1[0-9]|2[0-8])")
SOME_MONTHS = TIME.format(day="(29|3[01])")


class Relation(NamedTuple):
    """``sql`` has `COLUMNS`, ``trx_id``, ``filename``, the amount's digits as ``written``, and ``is_plain``, which may
    be null where it is false. ``late`` computes fields out of it once more, for those rows alone that want them.
    """

    sql: str
    late: Mapping[str, str]


def relation(files: Sequence[str], amount: str, *, are_rewritten: bool) -> Relation:
    """``amount`` is its type: NARROW or WIDE. DuckDB refuses all files where a line is no JSON object, or names a field
    twice.
    """
    kind, value = ("VARCHAR", str) if are_rewritten else ("JSON", _unquoted)
    columns = ", ".join(f"{name}: '{kind}'" for name in ("v", "trxId", *COLUMNS))
    named = ", ".join(_quoted(file) for file in files)
    how = f"format = 'newline_delimited', columns = {{{columns}}}, filename = true"
    fields = {"trx_id": value("trxId"), **{COLUMNS[name]: value(name) for name in TEXTS}}
    fields |= {COLUMNS[name]: _instant(value(name)) for name in TIMES}
    computed = [f"{expression} AS {name}" for name, expression in fields.items()]
    raw = f"SELECT * EXCLUDE (amount), amount AS digits FROM read_json([{named}], {how})"
    sql = f"""
        SELECT *, {"TRUE" if are_rewritten else _is_plain(amount)} AS is_plain, {", ".join(computed)},
            {value("digits")} AS written, try_cast({value("digits")} AS {amount}) AS amount
        FROM ({raw})
    """
    return Relation(sql, fields | {"written": value("digits")})


def rewritten(archived: ArchiveObject, to: Path) -> Iterator[Transaction | None]:
    """Writes those lines that can be evaluated into a file, plainly; yields them, and None for each of the others."""
    with archived.open() as stored, gzip.open(to, "wb", compresslevel=1) as file:
        for line in lines_of(stored):
            try:
                transaction = decode(line)
            except RejectedError:
                yield None
                continue
            file.write(plainly(transaction) + b"\n")
            yield transaction


def is_narrow(amount: Decimal) -> bool:
    return re.fullmatch(AMOUNT[NARROW], f'"{plain(amount)}"') is not None


def _is_plain(amount: str) -> str:
    parts = [f"v = '{SCHEMA_VERSION}'", _matches("trxId", TRX_ID), _matches("digits", AMOUNT[amount])]
    parts += [f"{name} LIKE '\"%\"' AND NOT contains({name}, '\\')" for name in TEXTS]
    parts += [_is_time(name) for name in TIMES]
    return " AND ".join(parts)


def _is_time(name: str) -> str:
    """What no month lacks needs no second look."""
    is_known = f"{_matches(name, SOME_MONTHS)} AND {_instant(_unquoted(name))} IS NOT NULL"
    return f"({_matches(name, EVERY_MONTHS)} OR {is_known})"


def _matches(name: str, pattern: str) -> str:
    return f"regexp_full_match({name}, '{pattern}')"


def _unquoted(name: str) -> str:
    return f"substring({name}, 2, length({name}) - 2)"


def _instant(text: str) -> str:
    """Without a zone, in UTC."""
    return f"make_timestamp(epoch_us(try_cast({text} AS TIMESTAMPTZ)))"


def plainly(transaction: Transaction) -> bytes:
    """A line as the producer writes it."""
    content = transaction.content
    fields = {name: getattr(content, COLUMNS[name]) for name in TEXTS}
    fields |= {"transactionDate": _time(content.transaction_date), "receivedAt": _time(transaction.received_at)}
    known = {"v": SCHEMA_VERSION, "trxId": str(transaction.transaction_id), "amount": plain(content.amount)}
    return msgspec.json.encode(known | fields)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
