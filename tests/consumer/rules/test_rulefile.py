"""A file of rules is understood, or everything that is wrong with it is told at once, each where it stands."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import consumer
from consumer.rules import rulefile
from consumer.rules.document import FaultsError
from consumer.rules.history import values_of
from consumer.rules.ruleset import ListKind, Severity
from consumer.rules.trial import Given, transactions_of

DEFAULT = Path(consumer.__file__).parent / "rules.yaml"
GOOD = """\
windows:
  sent_1h: {sum: amount, by: senderId, over: 1h}
  payees_24h: {distinct: receiverId, by: [senderId, senderBankId], over: 24h}
  mean_7d: {average: amount, by: senderId, over: 7d}
  gap: {previous: seconds, by: senderId, over: 1d}
lists:
  trusted: {kind: allow, title: Known payees}
rules:
  - id: burst
    version: 3
    title: Much in an hour
    severity: high
    when: |
      sent_1h > 100
      and receiverId not in trusted
    explain: "{senderId} sent {sent_1h} in an hour, on average {mean_7d}, {gap} s after the one before"
    tests:
      - given: [{amount: 60}, {amount: 40.01, after: 59m}]
        expect: match
      - given: [{amount: 60}, {amount: 40.01, after: 1h}]
        expect: no match
      - name: a trusted payee
        given: [{amount: 200, receiverId: landlord}]
        lists: {trusted: [landlord]}
        expect: no match
"""


def faults(text: str) -> list[str]:
    with pytest.raises(FaultsError) as caught:
        rulefile.read(text)
    return [str(fault) for fault in caught.value.faults]


def test_the_rules_that_ship_match_above_a_thousand() -> None:
    (rule,) = rulefile.read(DEFAULT.read_text()).rules
    assert (rule.id, rule.version, rule.when, rule.is_order_dependent) == ("large-amount", 1, "amount > 1000", False)


def test_a_file_is_what_it_says() -> None:
    found = rulefile.read(GOOD)
    (rule,) = found.rules
    assert (rule.id, rule.version, rule.title, rule.severity) == ("burst", 3, "Much in an hour", Severity.HIGH)
    assert found.windows["payees_24h"].by == ("senderId", "senderBankId")
    assert found.lists == {"trusted": ListKind.ALLOW}


def test_a_match_is_told_in_the_rules_own_words() -> None:
    found = rulefile.read(GOOD)
    transactions = transactions_of([Given(amount="60"), Given(amount="40.5"), Given(amount="0.50", after="10s")])
    values = values_of(found.windows.values(), transactions[-1], transactions)
    (match,) = found.matches(transactions[-1], values, lambda *_: False)
    assert match.reason == "sender sent 101 in an hour, on average 33.67, 10 s after the one before"
    alone = values_of(found.windows.values(), transactions[0], [])
    assert found.matches(transactions[0], alone, lambda *_: False) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("sum: amount", "sum: amounts", "line 2, column 18: this is not known here, did you mean amount?"),
        ("sum: amount, ", "", "line 2, column 3: a window has one of count, sum, max"),
        ("by: senderId, over: 1h", "over: 1h", "line 2, column 3: a window has one of"),
        ("over: 1h", "over: 1w", "line 2, column 46: this is no span of time: write it like 90s"),
        ("over: 1h", "over: 401d", "line 2, column 46: this is out of bounds"),
        ("over: 1h", "over: [1h]", "line 2, column 46: "),
        ("over: 1h", "over: 1h, ower: 2", "line 2, column 50: ower is not known here, did you mean over?"),
        ("by: senderId, over: 1h", "by: amount, over: 1h", "line 2, column 30: this is not known here"),
        ("by: senderId, over: 1h", "by: [], over: 1h", "line 2, column 30: this is not known here"),
        (
            "  sent_1h: {",
            "  amount: {",
            "line 2, column 3: amount means something",
        ),
        ("  sent_1h: {", "  Sent: {", "line 2, column 3: a name begins with a small letter"),
        ("  gap: {", "  in: {", "line 5, column 3: in means something else already"),
        ("  gap: {", "  sent_1h: {", "line 5, column 3: sent_1h stands here twice"),
        ("  trusted: {", "  gap: {", "line 7, column 3: gap is a window already"),
        ("kind: allow", "kind: allowed", "line 7, column 19: invalid enum value 'allowed': it is one of deny, allow"),
        (", title: Known payees", "", "line 7, column 12: object missing required field title"),
        ("id: burst", "id: |\n      burst", "line 9, column 9: expected str matching regex"),
        ("title: Much in an hour", 'title: "Much\\e[2J"', "line 11, column 12: expected str matching regex"),
        ("id: burst", "id: Burst", "line 9, column 9: expected str matching regex"),
        (
            "id: burst",
            "id: conflicting-content",
            "line 9, column 9: another rule is called conflicting-content",
        ),
        ("version: 3", "version: three", "line 10, column 14: expected int, got str"),
        ("version: 3", "version: 0", "line 10, column 14: expected int >= 1"),
        ("severity: high", "severity: urgent", "line 12, column 15: invalid enum value 'urgent': it is one of low"),
        ("    title: Much in an hour\n", "", "line 9, column 5: object missing required field title"),
        ("    title:", "    titel:", "line 9, column 5: object "),
        ("sent_1h > 100", "sent_2h > 100", "line 14, column 7: sent_2h is not known, did you mean sent_1h?"),
        ("not in trusted", "not in trustees", "line 15, column 29: trustees is not known, did you mean trusted?"),
        ("{sent_1h} in", "{sent} in", "line 16, column 32: sent is not known, did you mean sent_1h?"),
        ("{sent_1h} in", "{sent_1h in", "line 16, column 31: a name stands in a pair of braces"),
        ("{sent_1h} in", "{sent_1h:.2f} in", "line 16, column 32: a name alone stands in the braces"),
        ("{sent_1h} in", "{} in", "line 16, column 32: a name alone stands in the braces"),
        (
            "expect: match",
            "expect: no match",
            "line 18, column 9: burst: this test: expected: no match; found: sender",
        ),
        ("after: 59m", "after: 60m", "line 18, column 9: burst: this test: expected: match; found: no match"),
        ("amount: 200", "amount: -200", "line 22, column 9: burst: a trusted payee: amount: less than 0"),
        (
            "{trusted: [landlord]}",
            "{trustees: []}",
            "line 22, column 9: burst: a trusted payee: the list trustees is",
        ),
        ("after: 59m", "after: 59", "line 18, column 9: burst: this test: after: this is no span of time"),
        ("amount: 40.01, after: 59m", "amont: 4", "line 18, column 31: object contains unknown field amont"),
        ("expect: match", "expect: perhaps", "line 19, column 17: invalid enum value 'perhaps': it is one of match"),
        ("windows:", "window:", "line 1, column 1: window is not known here, did you mean windows?"),
        ("rules:", "rulez:", "line 8, column 1: rulez is not known here, did you mean rules?"),
        ("rules:", "rules: 3\nmore:", "line 8, column 8: here a list is wanted"),
        ("lists:\n", "lists: [1]\nother:\n", "line 6, column 8: here names are wanted"),
        ("  - id: burst", "  - id: &a burst", ""),
        ("title: Much in an hour", "title: *a", "this is no YAML"),
        ("title: Much in an hour", "title: 'Much", "this is no YAML"),
        ("rules:", "? [a]\n: b\nrules:", "line 8, column 3: a name is wanted here"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(old: str, new: str, told: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if not told:
        rulefile.read(text)
        return
    assert any(told in fault for fault in faults(text)), faults(text)


@pytest.mark.parametrize(
    "text",
    ["", "# no", "3", "[]", "rules", "rules: []\n---\nrules: []", "\0", "a: &a [*a]", "{" * 40 + "}" * 40, "[" * 5_000],
    ids=range(10),
)
def test_what_is_no_file_of_rules_is_refused(text: str) -> None:
    assert faults(text)


def test_a_rule_without_tests_is_refused() -> None:
    begin, _, _ = GOOD.partition("    tests:")
    assert faults(begin) == ["line 9, column 5: object missing required field tests"]
    assert faults(begin + "    tests: []\n") == ["line 17, column 12: expected array of length >= 1"]


def test_a_file_may_hold_no_rule_at_all() -> None:
    assert rulefile.read("rules: []").rules == ()


def test_everything_is_told_at_once_and_in_order() -> None:
    text = GOOD.replace("over: 1h", "over: 1w").replace("> 100", "> 1e2").replace("{gap}", "{gab}")
    places = [fault.split(":")[0] for fault in faults(text)]
    assert places == ["line 2, column 46", "line 14, column 17", "line 16, column 76"]


@pytest.mark.parametrize(
    ("begin", "end"),
    [("", ""), (">-\n      ", ""), ("'", "'"), ('"', '"')],
    ids=["plain", "folded", "quoted", "in double quotes"],
)
def test_a_fault_is_found_however_the_text_is_folded(begin: str, end: str) -> None:
    when = f"{begin}amount > 1 and\n      amont > 2{end}"
    text = GOOD.replace("|\n      sent_1h > 100\n      and receiverId not in trusted", when)
    line = text.count("\n", 0, text.index("amont")) + 1
    assert faults(text) == [f"line {line}, column 7: amont is not known, did you mean amount?"]


@given(st.text(alphabet="ruleswin:-{}[]&*!|>'\"\n #,1", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        rulefile.read(text)
    except FaultsError as error:
        told = error.faults
    else:
        return
    assert all(fault.line >= 1 and fault.column >= 1 and fault.words for fault in told)
