"""What people decide about an anomaly, and who did. Two who act at once do not overwrite each other."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from consumer.console.views import State
from consumer.errors import ConsumerError
from consumer.tables import anomalies, anomaly_events

LONGEST_WORDS = 4_000
WAYS: dict[State, tuple[State, ...]] = {
    State.OPEN: (State.INVESTIGATING, State.CONFIRMED, State.DISMISSED),
    State.INVESTIGATING: (State.CONFIRMED, State.DISMISSED, State.OPEN),
    State.CONFIRMED: (State.INVESTIGATING, State.DISMISSED),
    State.DISMISSED: (State.INVESTIGATING, State.CONFIRMED),
}
_columns = anomalies.c


class TriageError(ConsumerError):
    """The message tells a person what stands in the way."""


class OvertakenError(TriageError):
    """Somebody else has changed it since this person looked."""


class Change(NamedTuple):
    """``revision``: of the anomaly as the person saw it."""

    number: int
    revision: int
    by: str


def decide(connection: Connection, change: Change, state: State, words: str = "") -> None:
    """Raises TriageError."""
    words = _checked(words)
    if state is State.DISMISSED and not words:
        raise TriageError("why is it dismissed? Whoever looks at it later wants to know")
    row = _held(connection, change)
    if state not in WAYS[State(row.state)]:
        raise TriageError(f"what is {row.state} does not become {state}")
    _store(connection, change, state=state.value)
    _tell(connection, change, "state", row.state, state.value, words)


def assign(connection: Connection, change: Change, assignee: str | None) -> None:
    """To nobody, where there is no ``assignee``. Raises TriageError."""
    row = _held(connection, change)
    if row.assignee == assignee:
        return
    _store(connection, change, assignee=assignee)
    _tell(connection, change, "assignee", row.assignee, assignee, "")


def comment(connection: Connection, number: int, by: str, words: str) -> None:
    """Raises TriageError."""
    if not (words := _checked(words)):
        raise TriageError("there is nothing in the comment")
    _tell(connection, Change(number, 0, by), "comment", None, None, words)


def events(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """The oldest first."""
    query = select(anomaly_events).where(anomaly_events.c.anomaly_id == number).order_by(anomaly_events.c.id)
    return connection.execute(query).all()


def _held(connection: Connection, change: Change) -> Row[Any]:
    """The row is locked until the transaction ends."""
    query = select(_columns.state, _columns.assignee, _columns.revision).where(_columns.id == change.number)
    row = connection.execute(query.with_for_update()).one_or_none()
    if not row:
        raise TriageError("there is no such anomaly")
    if row.revision != change.revision:
        last = events(connection, change.number)[-1]
        raise OvertakenError(f"{last.by} was quicker: it is {row.state} now. Look at it again before you decide")
    return row


def _store(connection: Connection, change: Change, **values: str | None) -> None:
    statement = update(anomalies).where(_columns.id == change.number)
    connection.execute(statement.values(**values, revision=_columns.revision + 1))


def _tell(connection: Connection, change: Change, kind: str, old: str | None, new: str | None, words: str) -> None:
    values = {"anomaly_id": change.number, "by": change.by, "kind": kind, "old": old, "new": new, "words": words}
    connection.execute(insert(anomaly_events).values(**values))


def _checked(words: str) -> str:
    words = words.replace("\r\n", "\n").strip()
    if len(words) > LONGEST_WORDS or "\0" in words:
        raise TriageError(f"a text has at most {LONGEST_WORDS:,} characters")
    return words
