"""The archive's lines in the SQL of Trino, which Athena speaks: a plain line by itself, and others written anew."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlglot
from sqlglot import exp

from consumer.backtest import copies
from consumer.backtest.copies import KEPT
from consumer.backtest.judge import Judge
from consumer.backtest.lines import AMOUNT, TEXTS, TIME, TIMES, TRX_ID, WIDE
from consumer.backtest.run import Scope
from consumer.decode import SCHEMA_VERSION
from consumer.rules.entries import Entry
from consumer.rules.sql import COLUMNS, LISTS
from consumer.rules.windows import Declaration

LOST = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes that are not UTF-8."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def _plain() -> str:
    """The pattern of a whole line as the producer writes it."""
    time = TIME.format(day="(0[1-9]|[12][0-9]|3[01])")
    patterns = {"v": str(SCHEMA_VERSION), "trxId": TRX_ID, "amount": AMOUNT[WIDE]}
    patterns |= dict.fromkeys(TEXTS, rf'"[^"\\{LOST}]*"') | dict.fromkeys(TIMES, time)
    return "^\\{" + ",".join(f'"{name}":{pattern}' for name, pattern in patterns.items()) + "\\}$"


PLAIN = _plain()


def odd(lines: str, most: int) -> str:
    """A query: of ``lines``, which has a column ``line``, those that are not plain, ``most`` of them."""
    return f"SELECT line FROM ({lines}) AS archived WHERE NOT {_is_plain('line')} LIMIT {most}"


def readable(lines: str, rewritten: Sequence[str]) -> str:
    """A query: of ``lines``, those that are plain, and beside them these, as `lines.plainly` writes them."""
    plain = f"SELECT line FROM ({lines}) AS archived WHERE {_is_plain('line')}"
    others = ", ".join(f"({quoted(line)})" for line in rewritten)
    return f"{plain} UNION ALL SELECT line FROM (VALUES {others}) AS rewritten (line)" if others else plain


def asked(judge: Judge, windows: Sequence[Declaration], scope: Scope, readable: str, entries: Sequence[Entry]) -> str:
    """The judge's query."""
    relation = f"SELECT {', '.join([*KEPT, *copies.PLACED])} FROM lines"
    parts = [f"{LISTS} (list, value, effective_from, expires_at) AS ({_entries(entries)})"]
    parts += [f"lines AS ({_fields(readable)})"]
    if windows:
        turn = "row_number() OVER (PARTITION BY trx_id, received_at ORDER BY content) AS turn"
        once = f"SELECT *, {turn} FROM lines WHERE {scope.held}"
        parts += [f"received AS ({translated(f'SELECT * FROM ({once}) AS counted WHERE turn = 1')})"]
        relation = copies.with_windows_of_all(windows, "received", has_copies=True, is_portable=True)
    return f"WITH {', '.join(parts)} {translated(judge.asked(relation, scope.sql, tries=True))}"


def translated(query: str) -> str:
    """From DuckDB's dialect."""
    return sqlglot.parse_one(query, read="duckdb").transform(_in_trino).sql("trino")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _in_trino(node: exp.Expression) -> exp.Expression:
    match node:
        case exp.Cast() if node.to.is_type(exp.DataType.Type.TIMESTAMP):
            node.set("to", exp.DataType.build("timestamp(6)", dialect="trino"))
        case exp.EndsWith():
            length = exp.Neg(this=exp.Length(this=node.expression.copy()))
            return exp.EQ(this=exp.Substring(this=node.this, start=length), expression=node.expression)
        case exp.Contains():
            return exp.GT(
                this=exp.func("strpos", node.this, node.expression, dialect="trino"), expression=exp.Literal.number(0)
            )
    return node


def _is_plain(line: str) -> str:
    """No month has more days than there are."""
    times = [f"TRY({_instant(_text(line, name))}) IS NOT NULL" for name in TIMES]
    return f"(regexp_like({line}, {quoted(PLAIN)}) AND {' AND '.join(times)})"


def _text(line: str, name: str) -> str:
    return f"json_extract_scalar({line}, '$.{name}')"


def _fields(lines: str) -> str:
    """A query of `KEPT` and `PLACED`."""
    known = "SELECT CAST(json_parse(line) AS map(varchar, varchar)) AS known"
    columns = [f"known['{name}'] AS {COLUMNS[name]}" for name in TEXTS]
    columns += ["known['trxId'] AS trx_id", "known['amount'] AS written", "known['amount'] AS digits"]
    zoned = {name: _instant(f"known['{name}']") for name in TIMES}
    columns += [f"{instant} AS {COLUMNS[name]}_zoned" for name, instant in zoned.items()]
    named = f"SELECT {', '.join(columns)} FROM ({known} FROM ({lines}) AS readable) AS parsed"
    typed = ["CAST(digits AS decimal(38, 18)) AS amount"]
    typed += [f"CAST({COLUMNS[name]}_zoned AT TIME ZONE 'UTC' AS timestamp(6)) AS {COLUMNS[name]}" for name in TIMES]
    typed += [
        f"{_microseconds('transaction_date_zoned')} AS at_us",
        f"{_microseconds('received_at_zoned')} AS until_us",
    ]
    every = f"SELECT *, {', '.join(typed)} FROM ({named}) AS named"
    texts = ", ".join(COLUMNS[name] for name in TEXTS)
    said = f"CAST(ARRAY[{texts}, CAST(amount AS varchar), CAST(at_us AS varchar)] AS json)"
    placed = f"until_us - at_us AS delay_us, to_hex(md5(to_utf8(json_format({said})))) AS content"
    return f"SELECT *, {placed} FROM ({every}) AS typed"


def _instant(text: str) -> str:
    return f"from_iso8601_timestamp_nanos({text})"


def _microseconds(zoned: str) -> str:
    """Seconds are doubles there, which hold microseconds of these years to a quarter."""
    return f"CAST(round(to_unixtime({zoned}) * 1000000) AS bigint)"


def _entries(entries: Sequence[Entry]) -> str:
    rows = [
        ", ".join(
            [quoted(one.list), quoted(one.value), _time(one.effective_from), _time(one.expires_at or NEVER)],
        )
        for one in entries
    ]
    none = f"'', '', {_time(NEVER)}, {_time(NEVER)}"
    values = ", ".join(f"({row})" for row in rows or [none])
    return f"SELECT * FROM (VALUES {values}) AS entries (list, value, effective_from, expires_at)" + (
        "" if rows else " WHERE FALSE"
    )


def _time(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'microseconds')}'"
