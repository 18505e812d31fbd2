"""The same without a mouse."""

from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from tests.integration.console.browser.conftest import Open
from tests.integration.console.browser.test_decisions import one, state_of


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
