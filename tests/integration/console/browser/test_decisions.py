"""What people do here, by mouse."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text

from tests.integration.console import seed
from tests.integration.console.browser.conftest import Open


def one(owner: Engine, query: str) -> object:
    with owner.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def state_of(owner: Engine, number: int) -> object:
    return one(owner, f"SELECT state FROM anomalies WHERE id = {number}")


def test_an_anomaly_is_investigated_and_dismissed_with_a_reason(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/anomalies?state=open")
    page.get_by_role("link", name=re.compile("2026")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is greater than 1000")
    page.get_by_role("button", name="Investigate").click()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("alert")).to_contain_text("Why is it dismissed?")
    page.get_by_label("Reason").fill("rent, as every month")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".events")).to_contain_text("investigating → dismissed")
    expect(page.locator(".events")).to_contain_text("rent, as every month")
    assert one(owner, "SELECT count(*) FROM anomalies WHERE state = 'dismissed'") == 1


def test_it_is_given_to_somebody_and_talked_about(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/anomalies/3")
    page.get_by_label("Assignee").select_option("admin")
    page.get_by_role("button", name="Assign").click()
    page.get_by_label("Comment").fill("look at <this>")
    page.get_by_role("button", name="Add comment").click()
    expect(page.locator(".events")).to_contain_text("gave it to admin")
    expect(page.locator(".events")).to_contain_text("look at <this>")
    expect(page.locator(".events")).to_contain_text("e-mailed to analysts@payments.example")
    assert one(owner, "SELECT assignee FROM anomalies WHERE id = 3") == "admin"


def test_the_second_of_two_is_told(open_as: Open, owner: Engine) -> None:
    first, second = open_as("analyst", "/anomalies/3"), open_as("admin", "/anomalies/3")
    first.get_by_role("button", name="Confirm").click()
    expect(first.locator(".events")).to_contain_text("open → confirmed")
    second.get_by_label("Reason").fill("no")
    second.get_by_role("button", name="Dismiss").click()
    expect(second.get_by_role("alert")).to_contain_text("It is confirmed now: analyst was quicker")
    assert state_of(owner, 3) == "confirmed"


def test_the_history_is_drawn_and_read_from_the_archive_on_demand(open_as: Open) -> None:
    page = open_as("viewer", "/anomalies/1")
    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator("main")).to_contain_text("threshold 1,000")
    expect(page.locator("main")).to_contain_text("From the anomalies stored.")
    page.get_by_role("link", name="Read the archive, too").click()
    expect(page.locator("main")).to_contain_text("the archive, 1 objects of the 12 hours before and after it")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("region", name="Payments")).to_contain_text("archive")


def test_a_view_is_narrowed_kept_and_found_again(open_as: Open) -> None:
    page = open_as("viewer", "/anomalies")
    page.get_by_label("Severity").select_option("high")
    page.get_by_text("More filters").click()
    page.get_by_label("Account").fill("sender-1")
    page.get_by_label("Made before").fill("2026-11-23T13:40:00")
    page.get_by_role("button", name="Show").click()
    assert "to=2026-11-23T11%3A40" in page.url
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_text("Save this view").click()
    page.get_by_label("Name").fill("bursts of one")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto("/anomalies")
    page.get_by_role("link", name="bursts of one").click()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_role("link", name="Without account sender-1").click()
    expect(page.locator("tbody tr").nth(6)).to_be_visible()
    page.get_by_role("button", name="Forget the view bursts of one").click()
    expect(page.get_by_role("link", name="bursts of one")).to_have_count(0)


def test_more_rows_come_and_many_are_decided_together(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/anomalies?rule=burst")
    total = seed.COUNT // 3
    expect(page.locator("tbody tr[data-href]")).to_have_count(min(50, total))
    page.goto("/anomalies")
    page.get_by_role("link", name="More").click()
    expect(page.locator("tbody tr[data-href]")).to_have_count(100)
    page.get_by_label("all shown").check()
    page.get_by_label("Do with the ticked").select_option("dismiss")
    page.get_by_label("Reason").fill("a load test of ours")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("tbody tr[data-href] .dismissed")).to_have_count(50)
    assert one(owner, "SELECT count(*) FROM anomalies WHERE state = 'dismissed'") == 100
    assert one(owner, "SELECT count(*) FROM anomaly_events WHERE words = 'a load test of ours'") == 100


def test_of_many_those_that_were_overtaken_are_told(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/anomalies?order=oldest")
    with owner.begin() as connection:
        connection.execute(text("UPDATE anomalies SET state = 'confirmed', revision = 1 WHERE id = 2"))
    for number in (1, 2, 3):
        page.get_by_label(f"Tick anomaly {number}", exact=True).check()
    page.get_by_label("Do with the ticked").select_option("take")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("alert")).to_contain_text("2 changed; 1 not")
    expect(page.get_by_role("alert")).to_contain_text("2: it is confirmed now")
    assert one(owner, "SELECT count(*) FROM anomalies WHERE assignee = 'analyst'") == 2


def test_a_view_is_exported(open_as: Open, tmp_path: Path) -> None:
    page = open_as("viewer", "/anomalies?rule=burst")
    for name in ("CSV", "NDJSON"):
        with page.expect_download() as found:
            page.get_by_role("link", name=name, exact=True).click()
        lines = Path(found.value.path()).read_text().splitlines()
        assert len(lines) == seed.COUNT // 3 + (name == "CSV")
        assert found.value.suggested_filename == f"anomalies.{name.lower()}"


def test_a_dead_letter_is_redriven_after_a_look_at_what_that_does(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/dead-letters")
    page.get_by_label("all shown").check()
    page.get_by_role("button", name="See what a redrive does").click()
    expect(page.locator("main")).to_contain_text("1 can be evaluated now, with 1 new anomaly; 1 still cannot be.")
    assert one(owner, "SELECT count(*) FROM dead_letters WHERE state = 'open'") == 2
    page.get_by_role("button", name="Redrive 1").click()
    expect(page.locator("main")).to_contain_text("1 were evaluated, with 1 new anomaly; 1 still cannot be.")
    assert one(owner, "SELECT amount::text FROM anomalies ORDER BY id DESC LIMIT 1") == "4321.50"
    page.goto("/dead-letters")
    page.get_by_role("link", name=re.compile("2026")).click()
    page.get_by_label("Note").fill("nothing to save")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("main")).to_contain_text("Every line that came was evaluated, or somebody has seen to it.")
    assert one(owner, "SELECT history->-1->>'note' FROM dead_letters WHERE state = 'discarded'") == "nothing to save"


def test_rules_are_tried_and_their_progress_is_seen(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/rules")
    page.get_by_role("link", name="Try rules on the archive").click()
    text_of = page.get_by_label("Rules, YAML")
    text_of.fill(text_of.input_value().replace("amount > 1000", "amuont > 1000"))
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("alert")).to_contain_text("line 6, column 11")
    expect(page.get_by_role("alert")).to_contain_text("did you mean amount?")
    text_of.fill(seed.RULES)
    page.get_by_role("button", name="Try").click()
    page.wait_for_url("**/backtests/1")
    expect(page.locator("main")).to_contain_text("200", timeout=60_000)
    expect(page.locator("main")).to_contain_text("large-amount version 1", timeout=60_000)
    expect(page.locator("main")).to_contain_text("0 are new, 0 have gone")
    expect(page.locator("main")).to_contain_text("burst version 2")
    assert one(owner, "SELECT report IS NOT NULL AND fault IS NULL FROM backtests") is True


def test_lists_are_added_to_and_ended(open_as: Open, owner: Engine) -> None:
    page = open_as("analyst", "/lists")
    fields = page.get_by_role("form", name="Add or remove")
    fields.get_by_label("List").fill("trusted")
    fields.get_by_label("Values, one a line").fill("landlord\nbaker")
    fields.get_by_label("Reason").fill("seen by ann")
    fields.get_by_role("button", name="Add").click()
    expect(page.get_by_role("region", name="Entries")).to_contain_text("landlord")
    fields.get_by_label("List").fill("trusted")
    fields.get_by_label("Values, one a line").fill("baker")
    fields.get_by_label("Reason").fill("moved out")
    fields.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("region", name="Entries")).to_be_visible()
    assert one(owner, "SELECT removal_reason FROM list_entries WHERE value = 'baker'") == "moved out"


def test_a_key_is_made_rotated_and_revoked(open_as: Open, owner: Engine) -> None:
    page = open_as("admin", "/keys")
    page.get_by_role("form", name="Make a key").get_by_label("Whose").fill("Bank of Tests")
    page.get_by_label("Expires after days").fill("30")
    page.get_by_role("button", name="Make a key").click()
    made = page.get_by_role("status").locator("code").inner_text()
    page.get_by_role("button", name=f"Rotate {made.split('_')[1]}").click()
    expect(page.get_by_role("status")).to_contain_text("is valid until")
    rotated = page.get_by_role("status").locator("code").inner_text()
    page.get_by_label(f"Revoke {rotated.split('_')[1]}").click()
    page.get_by_role("button", name=f"Refuse {rotated.split('_')[1]}").click()
    expect(page.get_by_role("region", name="Keys")).to_contain_text("revoked")
    assert one(owner, "SELECT count(*) FROM console_events WHERE action LIKE 'key %'") == 3


def test_an_admin_makes_a_user_who_logs_in_and_changes_the_password(open_as: Open, browser: object) -> None:
    page = open_as("admin", "/users")
    page.get_by_role("form", name="Make a user").get_by_label("Name").fill("eve")
    page.get_by_role("button", name="Make the user").click()
    password = page.locator(".good code").inner_text()
    page.get_by_label("Role of eve", exact=True).select_option("analyst")
    page.get_by_role("button", name="Change the role of eve").click()
    page.get_by_role("button", name="Log out").click()
    enter(page, "eve", password)
    page.get_by_role("link", name="eve analyst").click()
    page.get_by_label("The password that you have now").fill(password)
    page.get_by_label("The new one").fill("a much better one")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("status")).to_contain_text("It is changed")
    page.get_by_role("button", name="Log out").click()
    enter(page, "eve", "a much better one")
    expect(page.get_by_role("link", name="eve analyst")).to_be_visible()


def enter(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_the_overview_renews_itself(open_as: Open, owner: Engine) -> None:
    page = open_as("viewer", "/")
    expect(page.locator(".tile").nth(2)).to_contain_text("130")
    with owner.begin() as connection:
        connection.execute(text("UPDATE anomalies SET state = 'confirmed' WHERE id <= 30"))
    expect(page.locator(".tile").nth(2)).to_contain_text("100")
    expect(page.locator(".chart canvas")).to_be_visible()


def test_whoever_is_shut_out_sees_the_log_in(open_as: Open, owner: Engine) -> None:
    page = open_as("viewer", "/")
    with owner.begin() as connection:
        connection.execute(text("UPDATE users SET disabled_at = now() WHERE name = 'viewer'"))
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
