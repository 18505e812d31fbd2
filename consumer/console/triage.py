"""What people decide about an anomaly, and who did. Two who act at once do not overwrite each other."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from consumer.console.roles import Role
from consumer.console.views import State
from consumer.errors import ConsumerError
from consumer.tables import anomalies, anomaly_events, users

LONGEST_WORDS = 4_000
MISSING = "there is no such anomaly"
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


def state_named(text: str) -> State:
    """Raises TriageError."""
    if text not in {*State}:
        raise TriageError(f"a state is {', '.join(State)}")
    return State(text)


def assign(connection: Connection, change: Change, assignee: str | None) -> None:
    """To nobody, where there is no ``assignee``. Raises TriageError."""
    row = _held(connection, change)
    if row.assignee == assignee:
        return
    if assignee is not None and assignee not in assignees(connection):
        raise TriageError(f"{assignee} is no user who could decide about it")
    _store(connection, change, assignee=assignee)
    _tell(connection, change, "assignee", row.assignee, assignee, "")


def assignees(connection: Connection) -> Sequence[str]:
    """Who may decide, by name."""
    may = users.c.role.in_([role.value for role in Role if role.includes(Role.ANALYST)])
    query = select(users.c.name).where(may, users.c.disabled_at.is_(None)).order_by(users.c.name)
    return connection.execute(query).scalars().all()


class Together(NamedTuple):
    """What became of several at once. ``refused``: the number of each that was not changed, and why."""

    changed: int
    refused: Sequence[tuple[int, str]]


def together(connection: Connection, changes: Sequence[Change], decide_one: Callable[[Change], None]) -> Together:
    """Each for itself: one that was overtaken holds nobody else up. Rows are locked in the order of their numbers."""
    refused = []
    for change in sorted(changes):
        try:
            with connection.begin_nested():
                decide_one(change)
        except TriageError as error:
            refused.append((change.number, str(error)))
    return Together(len(changes) - len(refused), refused)


def comment(connection: Connection, number: int, by: str, words: str) -> None:
    """Raises TriageError."""
    if not (words := _checked(words)):
        raise TriageError("there is nothing in the comment")
    if not connection.execute(select(_columns.id).where(_columns.id == number)).one_or_none():
        raise TriageError(MISSING)
    _tell(connection, Change(number, 0, by), "comment", None, None, words)


def events(connection: Connection, number: int) -> Sequence[Row[Any]]:
    """The oldest first."""
    query = select(anomaly_events).where(anomaly_events.c.anomaly_id == number).order_by(anomaly_events.c.id)
    return connection.execute(query).all()


def _held(connection: Connection, change: Change) -> Any:
    """The row is locked until the transaction ends."""
    query = select(_columns.state, _columns.assignee, _columns.revision).where(_columns.id == change.number)
    row = connection.execute(query.with_for_update()).one_or_none()
    if not row:
        raise TriageError(MISSING)
    if row.revision != change.revision:
        changed = [event for event in events(connection, change.number) if event.kind != "comment"]
        who = changed[-1].by if changed else "somebody"
        raise OvertakenError(f"it is {row.state} now: {who} was quicker. Look at it again before you decide")
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
