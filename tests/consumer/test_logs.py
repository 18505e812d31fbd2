"""Logs tell what happened and quote no record."""

import io
import json
from typing import Any

import psycopg2
import pytest
import structlog
from sqlalchemy.exc import DataError, OperationalError

from consumer import logs
from consumer.errors import CrashError

SECRET = "GR1601101250000000012300695"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(error: Exception, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    logs.configure("auto", "INFO", stream)
    structlog.contextvars.bind_contextvars(shard="shard-1")
    try:
        raise error
    except Exception:
        structlog.get_logger().error("it failed", exc_info=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        KeyError(SECRET),
        DataError("INSERT", {}, psycopg2.DataError(f'invalid input syntax: "{SECRET}"')),
    ],
)
def test_an_error_of_unknown_origin_is_named_and_placed_but_not_quoted(error: Exception) -> None:
    for stream in (io.StringIO(), Terminal()):
        written = logged(error, stream)
        assert SECRET not in written
        assert "Error" in written
        assert "test_logs.py" in written


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CrashError("do this"), "CrashError: do this"),
        (ConnectionRefusedError("no route"), "ConnectionRefusedError: no route"),
        (OperationalError("", {}, psycopg2.OperationalError("no\n  route\n")), "OperationalError: no route"),
    ],
)
def test_errors_that_speak_of_the_world_are_told(error: Exception, told: str) -> None:
    line: dict[str, Any] = json.loads(logged(error))
    assert line["error"] == told
    assert (line["event"], line["level"], line["shard"]) == ("it failed", "error", "shard-1")


@pytest.mark.parametrize(("asked", "stream", "found"), [("auto", Terminal(), "console"), ("json", Terminal(), "json")])
def test_a_terminal_gets_readable_text_unless_asked_otherwise(asked: str, stream: io.StringIO, found: str) -> None:
    assert logs.resolve(asked, stream) == found


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("json", "WARNING", stream)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]
