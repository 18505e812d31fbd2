"""Every action, by mouse and without one: what the pages' buttons send is all that was registered."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ElementHandle, Page, Route, expect
from sqlalchemy import Engine, text

from consumer.console.web import Site
from tests.integration.console.browser.conftest import Open
from tests.integration.console.serving import PASSWORD
from tests.integration.console.test_pages import TRIP

PAGES = (
    "/anomalies",
    "/anomalies/3",
    "/dead-letters",
    "/dead-letters/shardId-000000000000:1001:1",
    "/lists",
    "/keys",
    "/users",
    "/rules/try",
    "/account",
)
SEEDED = (
    TRIP,
    "INSERT INTO saved_views (user_id, name, query) SELECT id, 'mine', 'state=open' FROM users WHERE name = 'admin'",
    "UPDATE users SET disabled_at = now() WHERE name = 'viewer'",
)
"""So that every button is there."""
BUTTONS = """() => {
  return [...document.querySelectorAll("button")].filter((one) => one.type === "submit" && one.form?.method === "post");
}"""
EMPTY = "one => [...one.form.elements].filter((field) => field.required && !field.value)"
SUMMARY = "one => one.closest('details:not([open])')?.querySelector('summary')"


@pytest.mark.parametrize("has_mouse", [True, False])
def test_every_action_is_asked_for(open_as: Open, owner: Engine, site: Site, *, has_mouse: bool) -> None:
    with owner.begin() as connection:
        for statement in SEEDED:
            connection.execute(text(statement))
    page = open_as("admin")
    asked: set[str] = set()

    def stay(route: Route) -> None:
        """What an action does is tested elsewhere: here the page stays, so that each of its buttons can be pressed."""
        if route.request.method != "POST":
            route.fallback()
            return
        asked.add(urlsplit(route.request.url).path)
        route.fulfill(status=204)

    page.route("**/*", stay)
    for path in PAGES:
        page.goto(path)
        for button in elements(page, BUTTONS):
            press(page, button, has_mouse)
    registered = {path for (method, path), role in site.roles.items() if method == "POST" and role}
    assert {path for path in registered if not any(is_of(path, one) for one in asked)} == set()
    assert {one for one in asked if not any(is_of(path, one) for path in registered)} == set()


def is_of(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{.*?\}", "[^/]+", route), path) is not None


def press(page: Page, button: ElementHandle, has_mouse: bool) -> None:
    summary = button.evaluate_handle(SUMMARY).as_element()
    if summary:
        enter(page, summary, has_mouse)
    for field in button.evaluate_handle(EMPTY).get_properties().values():
        element = field.as_element()
        assert element
        if has_mouse:
            element.click()
        else:
            element.focus()
        page.keyboard.type(PASSWORD)
    with page.expect_response(lambda response: response.request.method == "POST"):
        enter(page, button, has_mouse)


def enter(page: Page, element: ElementHandle, has_mouse: bool) -> None:
    if has_mouse:
        element.click()
    else:
        element.focus()
        page.keyboard.press("Enter")


def elements(page: Page, script: str) -> list[ElementHandle]:
    found = [one.as_element() for one in page.evaluate_handle(script).get_properties().values()]
    return [one for one in found if one]


def test_somebody_logs_in_without_a_mouse(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.goto("/")
    page.get_by_label("Name").focus()
    for words, key in (("viewer", "Tab"), (PASSWORD, "Enter")):
        page.keyboard.type(words)
        page.keyboard.press(key)
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.close()
