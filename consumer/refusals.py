"""What the database refuses for the data's sake is found line by line and set aside; its neighbours go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2 import errorcodes
from sqlalchemy import Connection
from sqlalchemy.exc import StatementError

from consumer.domain import Anomaly, DeadLetter, Finding

Insert = Callable[[Connection, Sequence[Finding]], list[Anomaly]]
DATA_EXCEPTION = errorcodes.CLASS_DATA_EXCEPTION
REFUSED_VALUES = frozenset({errorcodes.NOT_NULL_VIOLATION, errorcodes.CHECK_VIOLATION})


@dataclass(frozen=True)
class Stored:
    """The anomalies that are new, and the lines whose data the database refused."""

    anomalies: list[Anomaly]
    refused: list[DeadLetter]


def insert_around_refusals(connection: Connection, findings: Sequence[Finding], insert: Insert) -> Stored:
    """``insert`` in one piece; where the data is refused, in halves, down to the line. Other errors pass."""
    try:
        with connection.begin_nested():
            return Stored(insert(connection, findings), [])
    except (StatementError, ValueError) as error:
        if not is_data_error(error):
            raise
        if len(findings) == 1:
            return Stored([], [DeadLetter(findings[0].line, _reason(error))])
    half = len(findings) // 2
    first = insert_around_refusals(connection, findings[:half], insert)
    second = insert_around_refusals(connection, findings[half:], insert)
    return Stored(first.anomalies + second.anomalies, first.refused + second.refused)


def is_data_error(error: Exception) -> bool:
    """The data is at fault (SQLSTATE class 22, not-null and check violations, the driver's value errors).

    A unique or foreign key violation is not: no payment brings our keys; a sequence that is behind its table does.
    """
    cause = _cause(error)
    state = _sqlstate(cause) or ""
    return isinstance(cause, ValueError) or state.startswith(DATA_EXCEPTION) or state in REFUSED_VALUES


def _cause(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, StatementError) else error


def _sqlstate(cause: BaseException | None) -> str | None:
    return cause.pgcode if isinstance(cause, psycopg2.Error) else None


def _reason(error: Exception) -> str:
    """PostgreSQL's own words may quote values: its code says what is wrong as well."""
    cause = _cause(error)
    state = _sqlstate(cause)
    if state is None:
        return f"the database driver refused a value ({type(cause).__name__})"
    return f"the database refused a value: {errorcodes.lookup(state).lower().replace('_', ' ')} ({state})"
