"""The lists that rules ask for, in PostgreSQL: entries with a reason and an expiry, which are never deleted.

An entry is in force a minute after it was added at the earliest, by receivedAt; so is the end of one that is removed.
Whatever evaluates a line, live or years later, finds the same entries. They are changed one after the other: the
numbers of changes are seen in their order.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, literal, or_, select, text, update

from consumer.errors import CrashError
from consumer.rules.book import NOTICE
from consumer.rules.entries import Entry, asking, nobody
from consumer.rules.evaluate import IsListed
from consumer.tables import list_entries

_HOLD = text("SELECT pg_advisory_xact_lock(hashtext('list_entries'))")
_columns = list_entries.c


class Kept(NamedTuple):
    """An entry as it is kept. ``removed_by``: who has set its end, where it was not there from the beginning."""

    entry: Entry
    reason: str
    added_by: str
    added_at: datetime
    removed_by: str | None


class Lists:
    """What a consumer knows of the entries; it reads them again when any has changed."""

    def __init__(self) -> None:
        self._change: int | None = None
        self._is_listed: IsListed = nobody

    def asked(self, connection: Connection) -> IsListed:
        """As of the caller's transaction."""
        change = connection.execute(select(func.max(_columns.changed))).scalar_one()
        if change != self._change:
            self._is_listed = asking(one.entry for one in kept(connection))
            self._change = change
        return self._is_listed


def kept(connection: Connection, name: str | None = None, *, at: datetime | None = None) -> list[Kept]:
    """The oldest first; those that are in force ``at`` a time, or will be, or all."""
    query = select(list_entries).order_by(_columns.list, _columns.value, _columns.effective_from, _columns.id)
    if name is not None:
        query = query.where(_columns.list == name)
    if at is not None:
        query = query.where(or_(_columns.expires_at.is_(None), _columns.expires_at > at))
    return [
        Kept(
            Entry(one.list, one.value, one.effective_from, one.expires_at),
            one.reason,
            one.added_by,
            one.added_at,
            one.removed_by,
        )
        for one in connection.execute(query)
    ]


class Change(NamedTuple):
    """To what, why and by whom. ``at``: when it is to take effect; as soon as it can where that is None."""

    list: str
    values: Collection[str]
    reason: str
    by: str
    at: datetime | None = None


def add(connection: Connection, change: Change, expires_at: datetime | None) -> list[str]:
    """The values that are new; one that stands there at that time stays as it is. Raises CrashError."""
    connection.execute(_HOLD)
    begin = _effect(connection, change.at)
    if expires_at is not None and expires_at <= begin:
        raise CrashError(f"it would expire before it is in force, at {begin.isoformat()}")
    there = {one.entry.value for one in kept(connection, change.list) if one.entry.holds_at(begin)}
    new = [value for value in dict.fromkeys(change.values) if value not in there]
    rows = [
        {
            "list": change.list,
            "value": value,
            "reason": change.reason,
            "effective_from": begin,
            "expires_at": expires_at,
            "added_by": change.by,
        }
        for value in new
    ]
    if rows:
        connection.execute(insert(list_entries), rows)
    return new


def remove(connection: Connection, change: Change) -> list[str]:
    """The values that stood there, and no longer will. Raises CrashError."""
    connection.execute(_HOLD)
    end = _effect(connection, change.at)
    ended = (
        update(list_entries)
        .where(
            _columns.list == change.list,
            _columns.value.in_(list(change.values)),
            or_(_columns.expires_at.is_(None), _columns.expires_at > end),
        )
        .values(
            expires_at=func.greatest(literal(end), _columns.effective_from),
            removed_by=change.by,
            removal_reason=change.reason,
            changed=func.nextval("list_entries_changed_seq"),
        )
        .returning(_columns.value)
    )
    return sorted(set(connection.execute(ended).scalars()))


def _effect(connection: Connection, at: datetime | None) -> datetime:
    soonest: datetime = connection.execute(select(func.clock_timestamp())).scalar_one() + NOTICE
    if at is None:
        return soonest
    if at < soonest:
        raise CrashError(f"{at.isoformat()} is too soon: a change is in force after {NOTICE.seconds} s at the earliest")
    return at


def entries(connection: Connection) -> Sequence[Entry]:
    return [one.entry for one in kept(connection)]
