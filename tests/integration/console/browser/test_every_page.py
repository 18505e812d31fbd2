"""Every page: for all eyes, on all screens, in both themes, and without a network beyond the console."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from consumer.console.web import Site
from tests.integration.console.browser.conftest import Open

PAGES = {
    "/": "1 thing needs somebody",
    "/anomalies": "Anomalies",
    "/anomalies?q=nothing-like-it": "Nothing is there that matches all of this",
    "/anomalies?severity=high&least=1500&order=largest": "Clear all",
    "/anomalies/3": "payments in an hour",
    "/anomalies/3?history=archive": "the archive",
    "/rules": "Editions",
    "/rules/0": "large-amount",
    "/rules/1": "What has changed",
    "/rules/try": "Rules, YAML",
    "/dead-letters": "schema version 2 is not known",
    "/dead-letters?reason=nothing-like-it": "Nothing is there that matches all of this",
    "/dead-letters/shardId-000000000000:1001:1": "Its bytes",
    "/lists": "Nobody stands in any list",
    "/keys": "Bank of Example",
    "/users": "Make the user",
    "/log": "log-in",
    "/account": "Your password",
    "/nothing": "There is no such page",
    "/anomalies?least=much": "a number, like 1000.50",
}
NO_PAGES = {"/overview/events", "/static/{name}", "/anomalies.{kind}", "/backtests/{number:int}"}
"""These are no pages, or tested where there is one: see `test_decisions`."""
SERIOUS = ("serious", "critical")


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]]


def test_no_page_is_left_out(site: Site) -> None:
    listed = {path for (method, path), role in site.roles.items() if method == "GET" and role} - NO_PAGES
    shapes = {"/anomalies/{number:int}", "/rules/{number:int}", "/dead-letters/{place}"}
    assert listed - shapes <= PAGES.keys()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_as: Open, scheme: str) -> None:
    page = open_as("admin", color_scheme=scheme)
    found = {}
    for path, words in PAGES.items():
        page.goto(path)
        expect(page.locator("main")).to_contain_text(words)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        found[f"{path} with help"] = violations(page)
        page.keyboard.press("Escape")
        found[path] = violations(page)
    page.goto("/login")
    found["/login"] = violations(page)
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_nothing_is_wider_than_a_phone(open_as: Open) -> None:
    page = open_as("admin")
    page.set_viewport_size({"width": 360, "height": 740})
    wide = {}
    for path in PAGES:
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[path] = width
    assert wide == {}


def test_times_are_the_viewers_and_utc_on_hover(open_as: Open) -> None:
    page = open_as("viewer", "/anomalies/3")
    time = page.locator("dd time").first
    expect(time).to_have_text("23 Nov 2026, 13:58:57")
    expect(time).to_have_attribute("title", "2026-11-23 11:58:57 UTC")


def test_who_looks_sees_nothing_to_press(open_as: Open) -> None:
    """But the log-out, and views of their own."""
    page = open_as("viewer", "/anomalies")
    may = {"Log out", "Show", "Save", "Keyboard help", "Close"}
    letter = "/dead-letters/shardId-000000000000:1001:1"
    for path in ("/anomalies", "/anomalies/3", "/dead-letters", letter, "/rules", "/lists"):
        page.goto(path)
        buttons = page.get_by_role("button").all()
        names = {one.get_attribute("aria-label") or one.inner_text() for one in buttons}
        assert names <= may, path
