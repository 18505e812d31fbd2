"""Dead letters as operators select them, and what is noted of each in its history."""

import getpass
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Engine, Row, Select, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB

from consumer.domain import Line, Position, Shard
from consumer.tables import dead_letters

A_TRANSACTION = 100  # letters, each of which may have 1 MiB

_table = dead_letters.c
_key: tuple[Column[Any], ...] = tuple(dead_letters.primary_key)
_size = func.octet_length(_table.payload).label("size")
_facts = (*_key, _table.state, _table.reason, _table.history, _table.arrived_at, _table.first_seen_at)


class State(StrEnum):
    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


class Place(NamedTuple):
    """A letter's name where people write it: SHARD:SEQUENCE_NUMBER:LINE."""

    shard_id: str
    sequence_number: int
    line: int

    def __str__(self) -> str:
        return ":".join(map(str, self))


class Letter(NamedTuple):
    """A dead letter as it is stored. ``payload`` is empty where only ``size``, its bytes, was asked for."""

    position: Position
    state: State
    reason: str
    history: list[dict[str, str]]
    arrived_at: datetime
    first_seen_at: datetime
    size: int
    payload: bytes = b""

    @property
    def place(self) -> Place:
        return Place(self.position.shard.shard_id, self.position.sequence_number, self.position.line)

    @property
    def line(self) -> Line:
        return Line(self.position, self.payload, self.arrived_at)


CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "state": lambda state: _table.state == state,
    "places": lambda places: tuple_(_table.shard_id, _table.sequence_number, _table.line).in_(places),
    "reason": lambda part: _table.reason.icontains(part, autoescape=True),
    "shard": lambda name: _table.shard_id == name,
    "stream": lambda part: _table.stream_incarnation.contains(part, autoescape=True),
    "begin": lambda moment: _table.first_seen_at >= moment,
    "end": lambda moment: _table.first_seen_at < moment,
}


@dataclass(frozen=True)
class Selection:
    """Which letters: all that fit every field that is set. ``begin`` and ``end`` bound the time they were first seen.

    ``reason`` and ``stream`` are parts of those texts, ``shard`` is a whole name.
    """

    state: State | None = State.OPEN
    places: tuple[Place, ...] = ()
    reason: str | None = None
    shard: str | None = None
    stream: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    limit: int | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the state and the count bounds it."""
        return replace(self, state=None, limit=None) != Selection(state=None)

    def conditions(self) -> list[ColumnElement[bool]]:
        return [condition(value) for name, condition in CONDITIONS.items() if (value := getattr(self, name))]


def find(engine: Engine, selection: Selection) -> list[Letter]:
    """Without payloads, the oldest first."""
    query = _select(selection, _size).order_by(_table.first_seen_at, *_key)
    with engine.connect() as connection:
        return [_letter(row) for row in connection.execute(query.limit(selection.limit))]


def read(engine: Engine, place: Place, stream: str | None = None) -> list[Letter]:
    """With their payloads: one, or more where several incarnations of a stream have that place."""
    selection = Selection(state=None, places=(place,), stream=stream)
    with engine.connect() as connection:
        return list(map(_letter, connection.execute(_with_payloads(selection))))


def count(engine: Engine, selection: Selection) -> int:
    query = select(func.count()).select_from(dead_letters).where(*selection.conditions())
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def known(engine: Engine, places: Sequence[Place], stream: str | None) -> set[Place]:
    """Those of ``places`` that are dead letters, in whatever state."""
    return {letter.place for letter in find(engine, Selection(state=None, places=tuple(places), stream=stream))}


def held(connection: Connection, selection: Selection, after: Position | None, most: int) -> list[Letter]:
    """The next letters behind ``after``, in the order of their keys, locked until the transaction ends.

    Whoever comes second waits, and then sees what the first left.
    """
    query = _with_payloads(selection).limit(most).with_for_update()
    if after:
        query = query.where(tuple_(*_key) > tuple_(*map(literal, _values(after))))
    return list(map(_letter, connection.execute(query)))


def note(connection: Connection, letters: Iterable[Letter], state: State, by: str, words: str) -> None:
    """Sets the letters' state and adds to their histories; they are locked by `held`."""
    values = [_values(letter.position) for letter in letters]
    if values:
        entry = func.jsonb_build_array(
            func.jsonb_build_object("at", func.now(), "state", state.value, "by", by, "note", words, type_=JSONB)
        )
        changed = {"state": state, "history": _table.history.op("||")(entry)}
        connection.execute(update(dead_letters).where(tuple_(*_key).in_(values)).values(changed))


def portions(selection: Selection) -> Iterator[int]:
    """How many letters each transaction may take, until the limit is reached."""
    left = selection.limit
    while left is None or left > 0:
        yield min(A_TRANSACTION, A_TRANSACTION if left is None else left)
        left = None if left is None else left - A_TRANSACTION


def operator(connection: Connection) -> str:
    """Who does it: the database's user, and the system's at this host."""
    user = connection.execute(select(func.session_user())).scalar_one()
    return f"{user} ({_system_user()}@{socket.gethostname()})"


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return str(os.geteuid())


def _select(selection: Selection, *more: ColumnElement[Any]) -> Select[Any]:
    return select(*_facts, *more).where(*selection.conditions())


def _with_payloads(selection: Selection) -> Select[Any]:
    return _select(selection, _size, _table.payload).order_by(*_key)


def _values(position: Position) -> tuple[Any, ...]:
    return (*position.shard, position.sequence_number, position.line)


def _letter(row: Row[Any]) -> Letter:
    position = Position(Shard(row.stream_incarnation, row.shard_id), int(row.sequence_number), row.line)
    payload = bytes(row.payload) if "payload" in row._fields else b""
    return Letter(
        position, State(row.state), row.reason, row.history, row.arrived_at, row.first_seen_at, row.size, payload
    )
