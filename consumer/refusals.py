"""What the database refuses for the data's sake is found line by line and set aside; its neighbours go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2 import errorcodes
from sqlalchemy import Connection
from sqlalchemy.exc import StatementError

from consumer.domain import Anomaly, DeadLetter, Finding

Insert = Callable[[Connection, Sequence[Finding]], list[Anomaly]]


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
    """The data is at fault (SQLSTATE classes 22 and 23, the driver's value errors) and not the world."""
    cause = _cause(error)
    return isinstance(cause, ValueError | psycopg2.DataError) or (_sqlstate(cause) or "")[:2] in ("22", "23")


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
