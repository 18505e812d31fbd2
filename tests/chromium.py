"""The browser of tests and pictures: CHROMIUM, or the one on the path."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

SECONDS = 10
"""How long an expectation may take to come true."""
MISSING = "there is no Chromium: apt-get install chromium, or CHROMIUM=/path/to/it"


def found() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def launched() -> Iterator[Browser]:
    """While it is there, Playwright's event loop runs, and this thread can have no other. Raises SystemExit."""
    path = found()
    if not path:
        raise SystemExit(MISSING)
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@contextmanager
def for_tests() -> Iterator[Browser]:
    """Where BROWSER_TESTS is required, there must be one; elsewhere its tests are skipped."""
    if not found() and os.environ.get("BROWSER_TESTS") != "required":
        pytest.skip(MISSING)
    with launched() as browser:
        yield browser
