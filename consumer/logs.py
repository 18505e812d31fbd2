"""Structured logs on stderr: JSON in services, readable text in a terminal. No payload, key or account data."""

import logging
import sys
import traceback
from typing import TextIO

import structlog
from sqlalchemy.exc import DataError, DBAPIError
from structlog.typing import EventDict, Processor, WrappedLogger

from consumer.errors import ConsumerError

# Errors whose text speaks of the world and not of a record.
TELLING = (ConsumerError, OSError, ImportError, AttributeError, AssertionError)


def configure(log_format: str, log_level: str, stream: TextIO | None = None) -> None:
    """``log_format``: auto (console on a terminal, else json), json or console. Libraries' warnings come along."""
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[log_level]
    structlog.configure(
        processors=_processors(resolve(log_format, stream), colors=stream.isatty()),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=stream, level=max(level, logging.WARNING), format="%(levelname)s %(name)s: %(message)s")


def resolve(log_format: str, stream: TextIO) -> str:
    """``log_format`` as json or console."""
    if log_format != "auto":
        return log_format
    return "console" if stream.isatty() else "json"


def _processors(log_format: str, *, colors: bool) -> list[Processor]:
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_payload,
    ]
    if log_format == "console":
        return [*common, structlog.dev.ConsoleRenderer(colors=colors)]
    return [*common, structlog.processors.JSONRenderer()]


def _exception_without_payload(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    found = event.pop("exc_info", None)
    error = found if isinstance(found, BaseException) else sys.exc_info()[1] if found else None
    if error is not None:
        event["error"] = describe(error)
        event["where"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return event


def describe(error: BaseException) -> str:
    """The error in words that are fit for a log: text of unknown origin, which may quote a record, stays out."""
    if isinstance(error, DBAPIError):
        return describe_database_error(error)
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, TELLING) else name


def describe_database_error(error: DBAPIError) -> str:
    """SQLSTATE and the server's first line. Its DETAIL quotes rows, and a data error's first line values."""
    original = error.orig
    state: str | None = getattr(original, "pgcode", None)
    name = f"{type(original).__name__} ({state})" if state else type(original).__name__
    if isinstance(error, DataError):
        return name
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    return f"{name}: {primary or ' '.join(str(original).split())}"
