"""The report's page shows what the report says, and lets no text of a transaction or a rule become HTML."""

import re
from datetime import UTC, date, datetime
from html import unescape

import pytest

from consumer.backtest.page import bars, counts, page
from consumer.backtest.report import Account, Report, RuleReport, Sample
from consumer.backtest.run import Scope
from consumer.rules import rulefile

SCRIPT = "<script>alert(1)</script>"
RULES = rulefile.read(
    "rules: [{id: large-amount, version: 2, title: T, severity: low, when: 'amount > 5 and senderId != \"<b>\"', "
    "explain: x, tests: [{given: [{}], expect: no match}]}]"
)


def report(**changes: object) -> Report:
    sample = Sample("t-1", "2026-01-01T12:00:00Z", "1500.250", SCRIPT, 'r"1', f"why {SCRIPT}")
    rule = RuleReport(
        "large-amount", 2, False, 1_234, 34, 0, {date(2026, 1, 1): 1_000, date(2026, 1, 3): 234}, None, [sample]
    )
    known = {"transactions": 5_000, "undecodable": 7, "matches": 1_234, "rules": [rule], "emails": 12}
    return Report(**{**known, "accounts": [Account(SCRIPT, 3, "4500.75")], **changes})  # type: ignore[arg-type]


def shown(found: Report) -> str:
    return page(found, RULES, f"candidate{SCRIPT}.yaml", Scope(datetime(2026, 1, 1, tzinfo=UTC)))


def test_it_shows_what_was_found() -> None:
    text = " ".join(unescape(re.sub(r"<(style|title).*?</\1>|<[^>]*>", " ", shown(report()), flags=re.DOTALL)).split())
    for words in (
        "5,000 transactions",
        "1,234 matches",
        "12 alert e-mails",
        "7 lines that cannot be evaluated",
        'amount > 5 and senderId != "<b>"',
        "34 added",
        "0 removed",
        "1500.250",
        "4500.75",
        "Received from 2026-01-01T00:00:00+00:00 to its last",
    ):
        assert words in text


def test_no_text_becomes_html() -> None:
    assert "<script" not in shown(report())


def test_it_needs_nothing_from_elsewhere() -> None:
    found = shown(report())
    assert not re.search(r"https?:|src=|<link|@import|url\(", found)


@pytest.mark.parametrize("changes", [{"rules": [], "accounts": [], "matches": 0}, {"transactions": 0}])
def test_it_shows_nothing_too(changes: dict[str, object]) -> None:
    assert shown(report(**changes)).endswith("</html>")


def test_bars_have_no_gap_and_are_not_too_many() -> None:
    few = list(bars({date(2026, 1, 1): 5, date(2026, 1, 3): 10}, 40))
    assert [(bar.label, bar.matches, bar.height) for bar in few] == [
        ("2026-01-01", 5, 50.0),
        ("2026-01-02", 0, 0.0),
        ("2026-01-03", 10, 100.0),
    ]
    many = list(bars({date(2026, 1, 1): 1, date(2026, 12, 31): 2}, 40))
    assert len(many) <= 40
    assert (many[0].begin, many[-1].end) == (date(2026, 1, 1), date(2026, 12, 31))
    assert sum(bar.matches for bar in many) == 3


def test_what_is_within_two_days_is_shown_by_the_hour() -> None:
    hours = {datetime(2026, 1, 1, hour, tzinfo=UTC): 3 for hour in (9, 11)}
    rule = RuleReport("burst", 1, False, 6, None, None, {date(2026, 1, 1): 6}, hours, [])
    found = shown(report(rules=[rule]))
    assert "2026-01-01 10:00: 0" in found
    assert "<span>2026-01-01 09:00</span><span>2026-01-01 11:00 UTC</span>" in found
    assert [bar.label for bar in bars(counts(rule), 2)] == [
        "2026-01-01 09:00 to 2026-01-01 10:00",
        "2026-01-01 11:00",
    ]
