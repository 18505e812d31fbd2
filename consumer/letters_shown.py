"""Dead letters on a terminal and as JSON. Their bytes are a stranger's: nothing of them reaches a terminal as it is."""

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from consumer.letters import Letter
from consumer.redrive import Outcome

SHOWN_BYTES = 2_000
BYTES_A_ROW = 32


def readable(payload: bytes) -> str:
    """UTF-8 as it is; what is none, and what would move a cursor or turn the direction of writing, as escapes."""
    return "".join(map(_visible, payload.decode("utf-8", "surrogateescape")))


def _visible(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character != "\\" and character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def hexadecimal(payload: bytes) -> str:
    rows = (payload[start : start + BYTES_A_ROW] for start in range(0, len(payload), BYTES_A_ROW))
    return "\n".join(f"{number * BYTES_A_ROW:08x}  {row.hex(' ')}" for number, row in enumerate(rows))


def list_table(letters: Iterable[Letter]) -> Table:
    table = _table("letter", "state", "first seen", "bytes", "reason")
    for one in letters:
        table.add_row(*map(_cell, (one.place, one.state, _time(one.first_seen_at), f"{one.size:,}", one.reason)))
    return table


def letter_table(letter: Letter, *, as_hex: bool) -> Table:
    """``as_hex``: the payload as rows of hexadecimal numbers. Of a long one, the beginning."""
    payload = letter.payload[:SHOWN_BYTES]
    rows = {
        "letter": letter.place,
        "stream": letter.position.shard.stream_incarnation,
        "state": letter.state,
        "reason": letter.reason,
        "arrived": _time(letter.arrived_at),
        "first seen": _time(letter.first_seen_at),
        "bytes": _size(letter),
        "payload": hexadecimal(payload) if as_hex else readable(payload),
        "history": "\n".join(map(_entry, letter.history)),
    }
    table = Table(show_header=False, show_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, Text(str(value)) if name in ("payload", "history") else _cell(value))
    return table


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    table = _table("letter", "anomalies", "still cannot be evaluated")
    for one in outcomes:
        table.add_row(*map(_cell, (one.letter.place, one.anomalies, one.fault or "")))
    return table


def letter_json(letter: Letter, **more: object) -> str:
    """One line. The payload, where it was read, in base64: exact."""
    shown = {
        "letter": str(letter.place),
        "stream": letter.position.shard.stream_incarnation,
        "shard": letter.position.shard.shard_id,
        "sequenceNumber": str(letter.position.sequence_number),
        "line": letter.position.line,
        "state": letter.state,
        "reason": letter.reason,
        "arrivedAt": letter.arrived_at.isoformat(),
        "firstSeenAt": letter.first_seen_at.isoformat(),
        "bytes": letter.size,
        "history": letter.history,
    }
    if len(letter.payload) == letter.size:
        shown["payload"] = base64.b64encode(letter.payload).decode()
    return json.dumps(shown | more, ensure_ascii=True)


def _size(letter: Letter) -> str:
    more = f", of which the first {SHOWN_BYTES:,} are shown (--json has all)" if letter.size > SHOWN_BYTES else ""
    return f"{letter.size:,}{more}"


def _entry(entry: dict[str, str]) -> str:
    return readable("  ".join(entry.get(name, "") for name in ("at", "state", "by", "note")).encode())


def _table(*columns: str) -> Table:
    table = Table(show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _cell(value: object) -> Text:
    return Text(readable(str(value).encode("utf-8", "surrogateescape")))


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
