"""Somebody new, who knows no more than what `make run` printed, decides about an anomaly and saves a dead letter."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg2
import pytest
from playwright.sync_api import Page, expect

from tests import chromium
from tests.e2e.test_run import STAYS_UP, Foreground, foreground

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
PRINTED = re.compile(r"(http://127\.0\.0\.1:\d+)  user (\w+)  password (\w+)")
AMOUNT = 4321.5
PAYMENT = {
    **dict.fromkeys(("senderId", "receiverId", "senderIban", "receiverIban", "senderBankId", "receiverBankId"), "x"),
    "amount": AMOUNT,
    "transactionDate": "2026-11-23T10:00:00Z",
}
REFUSED = f"ALTER TABLE anomalies ADD CONSTRAINT a_mistake CHECK (amount <> {AMOUNT}) NOT VALID"
MENDED = "ALTER TABLE anomalies DROP CONSTRAINT a_mistake"


def test_an_anomaly_is_dismissed_and_a_dead_letter_redriven(tmp_path: Path) -> None:
    with foreground(tmp_path / "stack") as running, chromium.for_tests() as browser:
        running.read_until(STAYS_UP)
        printed = PRINTED.search(running.output)
        assert printed
        address, name, password = printed.groups()
        page = browser.new_page(locale="en-GB", viewport={"width": 1280, "height": 900})
        page.set_default_timeout(chromium.SECONDS * 1000)
        page.goto(address)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        dismiss(page)
        with a_mistake(running) as post:
            post()
        redrive(page)


def dismiss(page: Page) -> None:
    waiting = page.locator(".tile", has_text="To decide")
    expect(waiting).to_contain_text("84")
    waiting.get_by_role("link", name="84").click()
    page.get_by_role("link", name=re.compile("20")).first.click()
    page.get_by_label("Reason").fill("the rent, as every month")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".events")).to_contain_text("open → dismissed")
    expect(page.locator(".events")).to_contain_text("the rent, as every month")
    page.get_by_role("link", name="Overview").click()
    expect(waiting).to_contain_text("83")


def redrive(page: Page) -> None:
    page.get_by_role("link", name="1 line could not be evaluated").click()
    page.get_by_label("all shown").check()
    page.get_by_role("button", name="See what a redrive does").click()
    expect(page.locator("main")).to_contain_text("1 can be evaluated now, with 1 new anomaly")
    page.get_by_role("button", name="Redrive 1").click()
    expect(page.locator("main")).to_contain_text("1 were evaluated, with 1 new anomaly")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    page.locator(".tile", has_text="To decide").get_by_role("link", name="84").click()
    expect(page.locator("tbody tr").first).to_contain_text("4,321.5")


@contextmanager
def a_mistake(running: Foreground) -> Iterator[Callable[[], None]]:
    """Somebody's constraint in the database, so that what is posted meanwhile becomes a dead letter."""
    settings = dict(re.findall(r"^(\w+)='([^']*)'", running.env_file.read_text(), re.MULTILINE))
    connection = psycopg2.connect(settings["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(REFUSED)

        def post() -> None:
            body = {"records": [{"trxId": str(uuid4()), **PAYMENT}]}
            headers = {"x-api-key": settings["COLLECTOR_API_KEY"]}
            httpx.post(f"{settings['COLLECTOR_URL']}/collector/transactions", json=body, headers=headers)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                cursor.execute("SELECT count(*) FROM dead_letters")
                if cursor.fetchone() == (1,):
                    return
                time.sleep(0.2)
            raise AssertionError("it became no dead letter")

        yield post
        cursor.execute(MENDED)
    connection.close()
