"""Logs are JSON lines on stderr, and hold nothing of what is sent or received."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from producer import logs


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_our_lines_and_the_libraries_lines_have_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "INFO")
    structlog.get_logger("producer.main").info("listening", port=8080)
    logging.getLogger("uvicorn.error").warning("odd request on %d", 8080, extra={"color_message": "x"})
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["port"], ours["level"]) == ("listening", 8080, "info")
    assert (theirs["event"], theirs["logger"]) == ("odd request on 8080", "uvicorn.error")
    assert "color_message" not in theirs


def test_an_exception_is_logged_by_its_places_and_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("auto", "INFO")
    iban = "GR123456"
    try:
        raise KeyError(iban)
    except KeyError as error:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        structlog.get_logger("producer").error("failed", exc_info=error)
    for line in lines(capsys):
        assert line["error"] == "KeyError"
        assert "test_logs.py" in line["at"][-1]
        assert iban not in str(line)


def test_libraries_that_would_log_requests_stay_quiet_at_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "DEBUG")
    for name in ("botocore.endpoint", "botocore.hooks", "urllib3.connectionpool", "boto3.resources"):
        logging.getLogger(name).debug("x-api-key: pk_")
    assert lines(capsys) == []


def test_a_terminal_is_given_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console", "INFO")
    structlog.get_logger("producer").info("listening")
    assert "listening" in capsys.readouterr().err
