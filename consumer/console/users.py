"""Who may use the console, as what, and by which password.

A password is never looked at while its user is locked out: that a guess was right is then told to nobody.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, Row, case, func, insert, literal, null, select, update
from sqlalchemy.exc import IntegrityError

from consumer.console.roles import Role
from consumer.errors import CrashError
from consumer.tables import users

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
NOBODY = "nobody"
"""Stands for anomalies without an assignee, where they are looked for."""
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
FREE_FAILURES = 4
FIRST_LOCK = timedelta(seconds=2)
LONGEST_LOCK = timedelta(minutes=15)
_columns = users.c
_hasher = PasswordHasher()
NOBODYS = _hasher.hash("nobody has this password")
"""Verified where there is no such user, so that both take as long."""


class User(NamedTuple):
    id: int
    name: str
    role: Role
    disabled_at: datetime | None
    created_at: datetime
    locked_until: datetime | None
    has_password: bool


class Refused(NamedTuple):
    """``until``: no password is looked at before."""

    until: datetime | None = None


_SHOWN = (
    _columns.id,
    _columns.name,
    _columns.role,
    _columns.disabled_at,
    _columns.created_at,
    _columns.locked_until,
    _columns.password.is_not(None).label("has_password"),
)


def create(connection: Connection, name: str, role: Role, password: str | None) -> User:
    """Without a ``password`` the user comes by single sign-on alone. Raises CrashError."""
    if not NAME.fullmatch(name) or name == NOBODY:
        raise CrashError(
            f"{name!r} is no user's name: small letters, digits and . _ @ + -, 64 at most; nor is {NOBODY}"
        )
    hashed = _hashed(password) if password is not None else None
    try:
        with connection.begin_nested():
            statement = insert(users).values(name=name, role=role.value, password=hashed).returning(*_SHOWN)
            return _user(connection.execute(statement).one())
    except IntegrityError:
        raise CrashError(f"there is a user {name} already") from None


def every(connection: Connection) -> Sequence[User]:
    return [_user(row) for row in connection.execute(select(*_SHOWN).order_by(_columns.name))]


def find(connection: Connection, name: str) -> User:
    """Raises CrashError."""
    row = connection.execute(select(*_SHOWN).where(_columns.name == name)).one_or_none()
    if not row:
        raise CrashError(f"there is no user {name}")
    return _user(row)


def enabled(connection: Connection, name: str) -> User | None:
    """Who may log in."""
    query = select(*_SHOWN).where(_columns.name == name, _columns.disabled_at.is_(None))
    row = connection.execute(query).one_or_none()
    return _user(row) if row else None


def set_password(connection: Connection, user: User, password: str) -> None:
    """It opens again what is locked. Raises CrashError."""
    changes = {"password": _hashed(password), "failures": 0, "locked_until": None}
    connection.execute(update(users).where(_columns.id == user.id).values(**changes))


def set_role(connection: Connection, user: User, role: Role) -> None:
    connection.execute(update(users).where(_columns.id == user.id).values(role=role.value))


def set_disabled(connection: Connection, user: User, *, is_disabled: bool) -> None:
    at = func.coalesce(_columns.disabled_at, func.now()) if is_disabled else null()
    connection.execute(update(users).where(_columns.id == user.id).values(disabled_at=at))


def authenticate(connection: Connection, name: str, password: str) -> User | Refused:
    """The row is held meanwhile: guesses at one user come one after the other."""
    query = select(*_SHOWN, _columns.password, _columns.failures, func.clock_timestamp().label("now"))
    row = connection.execute(query.where(_columns.name == name).with_for_update()).one_or_none()
    if row and row.locked_until and row.locked_until > row.now:
        return Refused(row.locked_until)
    is_right = _is_right(row.password if row and row.password else NOBODYS, password)
    if not row or not row.password or row.disabled_at or not is_right:
        return Refused(_count_failure(connection, row)) if row else Refused()
    connection.execute(
        update(users)
        .where(_columns.id == row.id)
        .values(failures=0, locked_until=None, password=_fresh(row.password, password))
    )
    return _user(row)


def _count_failure(connection: Connection, row: Row[tuple[object, ...]]) -> datetime | None:
    """After some that are free, each is twice as long as the one before."""
    failures = int(row.failures) + 1
    doubled = min(failures - FREE_FAILURES - 1, 20)
    lock = min(FIRST_LOCK * 2**doubled, LONGEST_LOCK) if doubled >= 0 else None
    until = case((literal(lock is None), null()), else_=func.clock_timestamp() + (lock or timedelta()))
    statement = update(users).where(_columns.id == row.id).values(failures=failures, locked_until=until)
    stored: datetime | None = connection.execute(statement.returning(_columns.locked_until)).scalar_one()
    return stored


def _hashed(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise CrashError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return _hasher.hash(password)


def _is_right(hashed: str, password: str) -> bool:
    try:
        return len(password) <= LONGEST_PASSWORD and _hasher.verify(hashed, password)
    except VerificationError:
        return False


def _fresh(hashed: str, password: str) -> str:
    """By today's parameters."""
    return _hasher.hash(password) if _hasher.check_needs_rehash(hashed) else hashed


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(
        row.id, row.name, Role(row.role), row.disabled_at, row.created_at, row.locked_until, bool(row.has_password)
    )
