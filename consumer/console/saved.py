"""Views of the anomalies that a user comes back to, by name."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from consumer.console.views import LONGEST, View
from consumer.errors import ConsumerError
from consumer.tables import saved_views

MOST = 50
_columns = saved_views.c


class SavedViewError(ConsumerError):
    """The message tells a person what stands in the way."""


def of(connection: Connection, user_id: int) -> Sequence[Any]:
    query = select(_columns.id, _columns.name, _columns.query).where(_columns.user_id == user_id)
    return connection.execute(query.order_by(_columns.name)).all()


def save(connection: Connection, user_id: int, name: str, view: View) -> None:
    """One of the same name is replaced. Raises SavedViewError."""
    if not name or len(name) > LONGEST or not name.isprintable():
        raise SavedViewError(f"a view's name has 1 to {LONGEST} printable characters")
    mine = select(func.count()).where(_columns.user_id == user_id, _columns.name != name)
    if connection.execute(mine).scalar_one() >= MOST:
        raise SavedViewError(f"{MOST} views are saved already: remove one first")
    query = view.from_the_start().query
    statement = upsert(saved_views).values(user_id=user_id, name=name, query=query)
    connection.execute(statement.on_conflict_do_update(index_elements=["user_id", "name"], set_={"query": query}))


def remove(connection: Connection, user_id: int, number: int) -> None:
    connection.execute(delete(saved_views).where(_columns.user_id == user_id, _columns.id == number))
