"""The same without a mouse."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from tests.integration.console.browser.conftest import Open
from tests.integration.console.browser.test_decisions import one, state_of
from tests.integration.console.browser.test_every_page import PAGES


def press(page: Page, *keys: str) -> None:
    page.wait_for_load_state()  # the page's script is there
    for key in keys:
        page.keyboard.press(key)


def focus(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.dataset.href ?? document.activeElement.name ?? ''")
    return found


def test_from_the_overview_to_a_decision(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/")
    press(page, "g", "a")
    page.wait_for_url("**/anomalies?state=open")
    press(page, "j", "j", "j", "k")
    assert focus(page) == "/anomalies/129"
    press(page, "o")
    page.wait_for_url("**/anomalies/129")
    press(page, "i")
    expect(page.locator(".events")).to_contain_text("open → investigating")
    page.get_by_label("Reason").focus()
    page.keyboard.type("a known landlord")
    press(page, "Escape", "d")
    expect(page.locator(".events")).to_contain_text("investigating → dismissed")
    assert state_of(owner, 129) == "dismissed"


def test_search_and_open_with_enter(open_as: Open) -> None:
    page = open_as("viewer", "/anomalies")
    press(page, "/")
    assert focus(page) == "q"
    page.keyboard.type("sender-3")
    press(page, "Enter")
    page.wait_for_url("**q=sender-3**")
    press(page, "j", "Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("dd").nth(1)).to_contain_text("sender-3")


def test_rows_are_ticked_and_more_come(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/anomalies")
    press(page, "j", "x", "j", "x")
    expect(page.locator("input[name=one]:checked")).to_have_count(2)
    press(page, "n")
    expect(page.locator("tbody tr[data-href]")).to_have_count(100)
    page.get_by_label("Do with the ticked").focus()
    page.keyboard.type("conf")
    press(page, "Tab", "Tab", "Enter")
    expect(page.locator("tbody .confirmed")).to_have_count(2)
    assert one(owner, "SELECT count(*) FROM anomalies WHERE state = 'confirmed'") == 2


def test_a_dead_letter_is_redriven(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/")
    press(page, "g", "d")
    page.wait_for_url("**/dead-letters")
    press(page, "j", "o")
    expect(page.locator("pre").first).to_contain_text("sender-1")
    press(page, "r")
    expect(page.get_by_role("heading", name="What a redrive would do")).to_be_visible()
    page.get_by_role("button", name="Redrive 1").focus()
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Redriven")).to_be_visible()
    assert one(owner, "SELECT count(*) FROM dead_letters WHERE state = 'redriven'") == 1


def test_help_opens_closes_and_gives_the_focus_back(open_as: Open) -> None:
    page = open_as("viewer", "/anomalies")
    press(page, "?")
    expect(page.get_by_role("dialog")).to_contain_text("next, previous row")
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_what_is_focused_is_seen_and_the_content_is_one_step_away(open_as: Open) -> None:
    page = open_as("viewer", "/anomalies")
    press(page, "Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    press(page, "Enter")
    assert page.url.endswith("#main")
    press(page, "Tab")
    width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert width == "2px"


def test_keys_do_nothing_while_somebody_writes(open_as: Open) -> None:
    page = open_as("viewer", "/anomalies")
    press(page, "/")
    page.keyboard.type("jog?dx")
    assert page.get_by_role("searchbox").input_value() == "jog?dx"
    expect(page.get_by_role("dialog")).to_be_hidden()


REACHABLE = """() => {
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const all = document.querySelectorAll(kinds);
  const seen = [...all].filter((one) => one.checkVisibility() && !one.disabled && !one.closest("dialog"));
  seen.forEach((one, number) => { one.dataset.reach = number; });
  return seen.length;
}"""
REACHED = "() => document.activeElement?.dataset.reach ?? null"
SEEN = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/"])
def test_everything_is_reached_by_tab_and_its_focus_is_seen(open_as: Open, path: str) -> None:
    page = open_as("admin", "/account")
    page.goto(path)
    page.wait_for_load_state()
    wanted = {str(number) for number in range(page.evaluate(REACHABLE))}
    reached: set[str] = set()
    for _ in range(12 * len(wanted)):  # a field for a time has a stop for each of its parts
        if reached == wanted:
            break
        page.keyboard.press("Tab")
        if (at := page.evaluate(REACHED)) is not None and at not in reached:
            reached.add(at)
            assert page.evaluate(SEEN), page.evaluate("document.activeElement.outerHTML")
    assert wanted - reached == set()


def test_a_view_is_kept_and_rules_are_tried_without_a_mouse(open_as: Open) -> None:
    page = open_as("analyst", "/anomalies?rule=burst")
    page.get_by_text("Save this view").focus()
    press(page, "Enter", "Tab")
    page.keyboard.type("bursts")
    press(page, "Enter")
    expect(page.get_by_role("link", name="bursts", exact=True)).to_be_visible()
    press(page, "g", "r")
    page.wait_for_url("**/rules")
    press(page, "t")
    page.wait_for_url("**/rules/try")
    page.get_by_role("button", name="Try").focus()
    press(page, "Enter")
    page.wait_for_url("**/backtests/1")
    expect(page.locator("main")).to_contain_text("0 are new, 0 have gone", timeout=60_000)


def test_a_list_and_a_user_are_made_without_a_mouse(open_as: Open, owner: Engine) -> None:
    page = open_as("admin", "/lists")
    page.get_by_role("form", name="Add or remove").get_by_label("List").focus()
    page.keyboard.type("trusted")
    press(page, "Tab")
    page.keyboard.type("landlord")
    press(page, "Tab")
    page.keyboard.type("seen by ann")
    press(page, "Enter")
    expect(page.get_by_role("region", name="Entries")).to_contain_text("landlord")
    page.goto("/users")
    page.get_by_role("form", name="Make a user").get_by_label("Name").focus()
    page.keyboard.type("eve")
    press(page, "Enter")
    expect(page.locator(".good code")).to_be_visible()
    assert one(owner, "SELECT count(*) FROM users WHERE name = 'eve'") == 1
