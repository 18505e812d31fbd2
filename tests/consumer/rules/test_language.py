"""What is understood, what it means, and how everything else is refused: where, what is wrong, what to do."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain import Transaction
from consumer.rules import language
from consumer.rules.evaluate import matching
from consumer.rules.syntax import DEEPEST, Fault
from consumer.rules.tree import Aggregate
from consumer.rules.vocabulary import FIELDS, Vocabulary
from consumer.rules.windows import Declaration, span_of
from tests.consumer.builders import ARRIVED, content

HOUR = span_of("1h")
WINDOWS = {
    "sent_1h": Aggregate.SUM,
    "count_1h": Aggregate.COUNT,
    "mean_1h": Aggregate.AVERAGE,
    "gap": Aggregate.PREVIOUS_SECONDS,
    "before": Aggregate.PREVIOUS_AMOUNT,
}
VOCABULARY = Vocabulary(
    {name: Declaration(name, one, "amount", ("senderId",), HOUR) for name, one in WINDOWS.items()}, ["blocked"]
)
VALUES: dict[Any, Any] = {
    ("sent_1h", Aggregate.SUM): Decimal("2000.5"),
    ("count_1h", Aggregate.COUNT): 3,
    ("mean_1h", Aggregate.SUM): Decimal(10),
    ("mean_1h", Aggregate.COUNT): 3,
    ("gap", Aggregate.PREVIOUS_SECONDS): None,
    ("before", Aggregate.PREVIOUS_AMOUNT): Decimal(7),
}
# Amount 1500.25, from s-1 at b-1, GRxxxxxxxxxxxxxxx, to r-1 at b-2; made 2022-06-30T07:41:46Z, a Thursday.
TRANSACTION = Transaction(UUID(int=1), content(), ARRIVED)


def is_listed(named: str, text: str, at: datetime) -> bool:
    return (named, text, at) == ("blocked", "s-1", ARRIVED)


def holds(text: str) -> bool:
    condition = language.read(text, VOCABULARY)
    return matching([condition])(TRANSACTION, VALUES, is_listed) == (0,)


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "not false",
        "amount > 1500",
        "amount >= 1500.25 and amount <= 1500.250",
        "amount == 1_500.25",
        "1500 < amount < 1501",
        "amount - 500 > 1000",
        "amount * 2 == 3000.5",
        "amount + 1 != 1500.25",
        "amount * 3 - amount * 2 == amount",
        "-amount < -1500",
        'senderId == "s-1"',
        "senderId != receiverId",
        "'s-1' == senderId",
        'senderId in ["s-0", "s-1"]',
        'senderId in ("s-1",)',
        'not senderId in ["s-0"]',
        'senderId not in ["s-0"]',
        'senderIban.starts_with("GR") and senderIban.ends_with("x")',
        '"-1" in senderId and not "-2" in senderId',
        "senderId in blocked and receiverId not in blocked",
        "transactionDate.hour == 7 and transactionDate.minute == 41 and transactionDate.second == 46",
        "transactionDate.year == 2022 and transactionDate.month == 6 and transactionDate.day == 30",
        "transactionDate.weekday == 3",
        "receivedAt.hour > transactionDate.hour",
        "sent_1h > 2000 and count_1h == 3",
        "sent_1h + count_1h == 2003.5",
        "mean_1h > 3.33 and mean_1h < 3.34",  # 10 / 3, and no digit of it is lost
        "3 * mean_1h == 10",
        "mean_1h * 3 == mean_1h + mean_1h + mean_1h",
        "amount > 400 * mean_1h and not amount > 500 * mean_1h",
        "10 - mean_1h > 6.66",
        "gap == null or gap < 60",
        "not (gap != null and gap < 60)",
        "before != null and before == 7",
        "null != before and 0 < before < 8",
        "  amount > 1\n  and amount\n  < 2000  ",
        "(amount > 1 or amount > 2) and (amount > 3)",
        "false or amount > 1 and true",
    ],
)
def test_this_is_understood_and_true(text: str) -> None:
    assert holds(text)
    assert not holds(f"not ({text.strip()})")


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "there is no expression"),
        ("  \n ", 1, 1, "there is no expression"),
        ("amount >", 1, 9, "cannot be read: something is missing here"),
        ("amount > 1\nand (amount < 2", 2, 5, "cannot be read: '(' was never closed"),
        ("amunt > 3", 1, 1, "amunt is not known, did you mean amount?"),
        ("true and Amount > 3", 1, 10, "Amount is not known, did you mean amount?"),
        ("true\n  and  zzz == 1", 2, 8, "zzz is not known"),
        ("amount", 1, 1, "this is a number, and a rule is true or false"),
        ("senderId", 1, 1, "this is text, and a rule is true or false"),
        ('amount > "x"', 1, 10, "this is text, and it is compared with a number"),
        ("senderId == 3", 1, 13, "this is a number, and it is compared with text"),
        ('senderId > "a"', 1, 1, "text is compared with == or != alone"),
        ("transactionDate > receivedAt", 1, 1, "by its parts, like transactionDate.hour"),
        ("blocked == blocked", 1, 1, "a list is asked with in"),
        ("amount / 2 > 3", 1, 10, "multiply the other side"),
        ("amount // 2 > 3", 1, 11, "multiply the other side"),
        ("amount % 2 == 0", 1, 10, "multiply the other side"),
        ("amount ** 2 > 3", 1, 11, "there are no powers"),
        ("amount ^ 2 > 3", 1, 10, "joined by +, - and * alone"),
        ("senderId + receiverId == 'x'", 1, 1, "this is text, where a number is wanted"),
        ("amount > 1e3", 1, 10, "plain decimal digits"),
        ("amount > 0x10", 1, 10, "plain decimal digits"),
        ("amount > 3j", 1, 10, "not part of the language"),
        ("amount > 123456789012345678901", 1, 10, "20 digits before the point"),
        ("amount > 0.1234567890123456789", 1, 10, "18 after it"),
        ("amount * amount * amount > 1", 1, 1, "more than 76 digits"),
        ("amount * sent_1h * count_1h > 1", 1, 1, "more than 76 digits"),
        ("amount > True", 1, 10, "write true"),
        ("gap != None", 1, 8, "write null"),
        ("amount > true", 1, 10, "true or false, where a value is wanted"),
        ("(amount > 1) > 1", 1, 2, "true or false, where a value is wanted"),
        ("(amount > 1) == (amount > 2)", 1, 2, "true or false, where a value is wanted"),
        ("amount > null", 1, 1, "null is compared with == or != alone"),
        ("amount == null", 1, 1, "this is never null"),
        ("sent_1h == null", 1, 1, "sent_1h is never null"),
        ("amunt == null", 1, 1, "did you mean amount?"),
        ("null + 1 > 3", 1, 1, "null is compared"),
        ("gap < 60", 1, 1, "gap is null where there was no transaction before: ask first, like gap != null and"),
        ("gap != null or gap < 60", 1, 16, "gap is null where"),
        ("gap == null and gap < 60", 1, 17, "gap is null where"),
        ("gap < 60 and gap != null", 1, 1, "gap is null where"),
        ("(gap != null or amount > 1) and gap < 60", 1, 33, "gap is null where"),
        ("before != null and gap < 60", 1, 20, "gap is null where"),
        ("amount is 3", 1, 11, "compare with =="),
        ("amount in [1, 2]", 1, 1, "this is a number, where text is wanted"),
        ("senderId in [1, 2]", 1, 14, "text in quotes is wanted"),
        ("senderId in 3", 1, 13, 'after "in" stands a list'),
        ('"a" in amount', 1, 8, 'after "in" stands a list'),
        ("senderId in receiverId", 1, 1, "text in quotes is wanted"),
        ("senderId.startswith('a')", 1, 1, "startswith is not known so, did you mean starts_with?"),
        ("senderId.starts_with()", 1, 1, "starts_with is not known so"),
        ("senderId.starts_with(receiverId)", 1, 22, "text in quotes is wanted"),
        ("amount.starts_with('a')", 1, 1, "this is a number, where text is wanted"),
        ("abs(amount) > 3", 1, 1, "not part of the language"),
        ("senderId.hour > 3", 1, 1, "senderId is text: only a time has parts"),
        ("transactionDate.hours > 3", 1, 1, "a time has no hours, did you mean hour?"),
        ("transactionDate.hour.minute > 3", 1, 1, "only a time has parts"),
        ("transactionDate.__class__ > 3", 1, 1, "a time has no __class__"),
        ("[a for a in blocked]", 1, 1, "not part of the language"),
        ("(lambda: 1)() > 3", 1, 1, "not part of the language"),
        ("(x := amount) > 3", 1, 2, "not part of the language"),
        ("amount > 1 if true else false", 1, 1, "not part of the language"),
        ("f'{amount}' == senderId", 1, 1, "not part of the language"),
        ("b'a' == senderId", 1, 1, "not part of the language"),
        ("amount[0] > 3", 1, 1, "not part of the language"),
        ("~amount > 3", 1, 1, "not part of the language"),
        ("+amount > 3", 1, 1, "not part of the language"),
        ("amount > 1 # and so on", 1, 12, "an expression holds no comment"),
        ('senderId == "a\\u0000"', 1, 13, "no control characters"),
        ('senderId == "\\ud800"', 1, 13, "no surrogates"),
        ('senderId == "\\d"', 1, 13, "cannot be read"),
        ("import os", 1, 1, "cannot be read"),
        ("amount > 1; amount", 1, 11, "cannot be read"),
        ("amount > 1\0", 1, 11, "cannot be read: a NUL"),
        ("é > 1 and senderId == 'é' and amunt > 1", 1, 1, "é is not known"),
        ("senderId == 'é' and amunt > 1", 1, 21, "amunt is not known"),
    ],
)
def test_this_is_refused(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(Fault) as caught:
        language.read(text, VOCABULARY)
    assert words in caught.value.words
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" or ".join(["amount > 1"] * 67), "parts are more than 200"),
        ("not " * (DEEPEST + 1) + "true", "nested deeper than"),
        ("-" * (DEEPEST + 1) + "amount > 1", "nested deeper than"),
        ("(" * 300 + "true" + ")" * 300, "cannot be read: too many nested parentheses"),
        ("-" * 4_900 + "amount > 1", "nested"),
        ("amount > 1 " + " " * 4_000 + "x" * 1_000, "longer than 5,000 letters"),
    ],
)
def test_what_would_cost_too_much_is_refused(text: str, words: str) -> None:
    with pytest.raises(Fault, match=words):
        language.read(text, VOCABULARY)


def test_the_longest_that_is_let_through_is_evaluated() -> None:
    assert holds("amount > 1501 or " * 65 + "true")
    assert holds("not " * DEEPEST + "true") == (DEEPEST % 2 == 0)


WORDS = "null true false and or not in ( ) [ ] , .hour == != < >= + - * / 1 0.5 'a' .starts_with( é # \\ := 1e9"
pieces = st.sampled_from([*FIELDS, *WINDOWS, "blocked", "\n", *WORDS.split()])


def _fault(text: str) -> Fault | None:
    try:
        language.read(text, VOCABULARY)
    except Fault as fault:
        return fault
    return None


@given(st.lists(pieces, max_size=15).map(" ".join) | st.text(max_size=40))
def test_whatever_is_written_is_understood_or_refused_where_it_is_wrong(text: str) -> None:
    fault = _fault(text)
    if not fault:
        assert holds(text) in (True, False)
        return
    lines = text.split("\n")
    assert 1 <= fault.line <= len(lines)
    assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
    assert fault.words
