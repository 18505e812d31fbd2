"""Who is logged in. The cookie holds a token of chance; the database knows its digest alone."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from consumer.console.roles import Role
from consumer.tables import sessions, users

SEEN_EVERY = timedelta(minutes=1)
_columns = sessions.c


class Session(NamedTuple):
    """Of a user as of now: who is disabled, or has another role, has so at the next request."""

    user_id: int
    name: str
    role: Role
    token: str

    @property
    def csrf(self) -> str:
        """What forms of this session carry."""
        return hmac.digest(self.token.encode(), b"csrf", "sha256").hex()

    def is_csrf(self, given: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), given.encode())


def begin(connection: Connection, user_id: int, lasting: timedelta) -> str:
    """A token that nobody had before: one that was planted in the browser is worth nothing."""
    token = secrets.token_urlsafe(32)
    expires = func.now() + lasting
    connection.execute(insert(sessions).values(digest=_digest(token), user_id=user_id, expires_at=expires))
    connection.execute(delete(sessions).where(_columns.expires_at < func.now()))
    return token


def find(connection: Connection, token: str, idle: timedelta, *, is_use: bool = True) -> Session | None:
    query = (
        select(users.c.id, users.c.name, users.c.role, (_columns.seen_at < func.now() - SEEN_EVERY).label("is_stale"))
        .join(users, users.c.id == _columns.user_id)
        .where(
            _columns.digest == _digest(token),
            _columns.expires_at > func.now(),
            _columns.seen_at > func.now() - idle,
            users.c.disabled_at.is_(None),
        )
    )
    row = connection.execute(query).one_or_none()
    if not row:
        return None
    if row.is_stale and is_use:
        connection.execute(update(sessions).where(_columns.digest == _digest(token)).values(seen_at=func.now()))
    return Session(row.id, row.name, Role(row.role), token)


def end(connection: Connection, token: str) -> None:
    connection.execute(delete(sessions).where(_columns.digest == _digest(token)))


def end_all(connection: Connection, user_id: int) -> None:
    """As where a password was changed."""
    connection.execute(delete(sessions).where(_columns.user_id == user_id))


def end_others(connection: Connection, user_id: int, token: str) -> None:
    """All but this one."""
    connection.execute(delete(sessions).where(_columns.user_id == user_id, _columns.digest != _digest(token)))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
