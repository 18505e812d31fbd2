"""Anomalies as a view narrows and orders them, a page at a time; each page is as quick as the first.

The order is an index's, of whatever column the view is narrowed by: a page reads about as many rows as it shows.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, literal_column, select, tuple_, union

from consumer.console.views import Cursor, View
from consumer.rules.ruleset import Severity
from consumer.tables import anomalies, anomaly_events

PAGE = 50
ACCOUNTS = ("sender_id", "receiver_id", "sender_iban", "receiver_iban")
BANKS = ("sender_bank_id", "receiver_bank_id")
BEHIND_ALL_LETTERS = "\U0010ffff"
SIMPLE: ColumnElement[Any] = literal_column("'simple'::regconfig")
"""As the index of the words is made: they are taken as they were written, for people write in any language."""
Severities = Mapping[str, Severity]
"""Of rules, by id."""
_columns = anomalies.c
CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "rule": lambda rule: _columns.rule_id == rule,
    "state": lambda state: _columns.state == state.value,
    "assignee": lambda name: _columns.assignee == name if name else _columns.assignee.is_(None),
    "least": lambda amount: _columns.amount >= amount,
    "most": lambda amount: _columns.amount <= amount,
    "begin": lambda moment: _columns.transaction_date >= moment,
    "end": lambda moment: _columns.transaction_date < moment,
}


class Page(NamedTuple):
    """``next``: the view that goes on from here, if there is more."""

    rows: Sequence[Row[Any]]
    next: View | None


def page(connection: Connection, view: View, severities: Severities, size: int = PAGE) -> Page:
    rows = connection.execute(query(view, severities, size + 1)).all()
    more = None
    if len(rows) > size:
        rows = rows[:size]
        more = replace(view, after=_place(view, rows[-1]))
    return Page(rows, more)


def query(view: View, severities: Severities, limit: int) -> Select[Any]:
    """Where an anomaly may match by one of several columns, each is asked by its own index."""
    always = _always(view)
    alternatives = [_ordered(view, [*always, *one], limit) for one in _alternatives(view, severities)]
    if len(alternatives) == 1:
        return alternatives[0]
    together = union(*(select(one.subquery()) for one in alternatives)).subquery()
    in_order = _in_order(view, together.c[view.order.column], together.c.id)
    return select(together).order_by(*in_order).limit(limit)


def _ordered(view: View, conditions: Sequence[ColumnElement[bool]], limit: int) -> Select[Any]:
    column = _columns[view.order.column]
    return select(anomalies).where(*conditions).order_by(*_in_order(view, column, _columns.id)).limit(limit)


def _in_order(view: View, column: ColumnElement[Any], number: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    if view.order.column == "id":
        return [number.desc() if view.order.is_descending else number.asc()]
    return [column.desc(), number.desc()] if view.order.is_descending else [column.asc(), number.asc()]


def _always(view: View) -> list[ColumnElement[bool]]:
    found = [condition(value) for name, condition in CONDITIONS.items() if (value := getattr(view, name)) is not None]
    return [*found, _behind(view, view.after)] if view.after else found


def _behind(view: View, after: Cursor) -> ColumnElement[bool]:
    compare: Callable[[Any, Any], ColumnElement[bool]] = operator.lt if view.order.is_descending else operator.gt
    if view.order.column == "id":
        return compare(_columns.id, after.id)
    return compare(tuple_(_columns[view.order.column], _columns.id), (after.value, after.id))


def _alternatives(view: View, severities: Severities) -> list[list[ColumnElement[bool]]]:
    """Each a way to match what may stand in several columns."""
    found: list[list[ColumnElement[bool]]] = [[]]
    for asked in _anywhere(view, severities):
        found = [[*one, other] for one in found for other in asked]
    return found


def _anywhere(view: View, severities: Severities) -> Iterator[list[ColumnElement[bool]]]:
    if view.account is not None:
        yield [_columns[name] == view.account for name in ACCOUNTS]
    if view.bank is not None:
        yield [_columns[name] == view.bank for name in BANKS]
    if view.text is not None:
        yield _found(view.text)
    if view.severity is not None:
        rules = sorted(rule_id for rule_id, severity in severities.items() if severity is view.severity)
        is_narrow = view.rule is not None or view.account is not None or view.text is not None
        yield [_columns.rule_id.in_(rules)] if is_narrow or not rules else [_columns.rule_id == one for one in rules]


def _found(text: str) -> list[ColumnElement[bool]]:
    if (identity := _uuid(text)) is not None:
        return [_columns.transaction_id == identity]
    begins = [and_(_columns[name] >= text, _columns[name] < text + BEHIND_ALL_LETTERS) for name in (*ACCOUNTS, *BANKS)]
    return [*begins, _told(text)]


def _told(text: str) -> ColumnElement[bool]:
    """Somebody's comment or reason holds words that begin so, in any case and order."""
    escaped = text.replace("\\", r"\\").replace("'", "''")
    words = " & ".join(f"'{word}':*" for word in escaped.split())
    told = func.to_tsvector(SIMPLE, anomaly_events.c.words).op("@@")(func.to_tsquery(SIMPLE, words))
    return _columns.id.in_(select(anomaly_events.c.anomaly_id).where(told))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _place(view: View, row: Row[Any]) -> Cursor:
    return Cursor(getattr(row, view.order.column), row.id)


def one(connection: Connection, number: int) -> Row[Any] | None:
    return connection.execute(select(anomalies).where(_columns.id == number)).one_or_none()


def related(connection: Connection, row: Row[Any], limit: int = 20) -> Sequence[Row[Any]]:
    """The latest others of the same transaction or parties."""
    found = [
        select(anomalies).where(condition, _columns.id != row.id).order_by(_columns.id.desc()).limit(limit).subquery()
        for condition in (
            _columns.transaction_id == row.transaction_id,
            _columns.sender_id == row.sender_id,
            _columns.receiver_id == row.receiver_id,
        )
    ]
    together = union(*(select(each) for each in found)).subquery()
    return connection.execute(select(together).order_by(together.c.id.desc()).limit(limit)).all()
