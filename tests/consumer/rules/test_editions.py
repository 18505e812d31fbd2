"""Editions of the rules: which is in force for a line, and what can be published."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.errors import CrashError
from consumer.rules import editions
from consumer.rules.book import NOTICE, Book, compiled, load
from consumer.rules.document import FaultsError
from consumer.rules.editions import EMPTY, Editions

NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
SOON = NOW + NOTICE


def text(limit: int, version: int = 1, *, title: str = "T", span: str = "1h") -> str:
    return (
        f"windows: {{sent: {{sum: amount, by: senderId, over: {span}}}}}\n"
        f"rules: [{{id: limit, version: {version}, title: {title}, severity: low, when: sent > {limit}, "
        f"explain: x, tests: [{{given: [{{amount: {limit}}}], expect: no match}}]}}]"
    )


def published(*limits: int) -> Editions:
    """One edition an hour, the first at SOON."""
    found = EMPTY
    for number, limit in enumerate(limits):
        moment = NOW + timedelta(hours=number)
        found = found.with_edition(text(limit, number + 1), moment + NOTICE, "ann", moment)
    return found


def version_at(found: Editions, moment: datetime) -> int | None:
    (rule,) = found.book.at(moment).rules
    return rule.version if rule.id == "limit" else None  # before the first, the rules that ship are in force


def test_an_edition_is_in_force_from_its_time_until_the_next_ones() -> None:
    found = published(5, 6)
    hour, tick = timedelta(hours=1), timedelta(microseconds=1)
    asked = [SOON - tick, SOON, SOON + hour - tick, SOON + hour, SOON + 99 * hour]
    assert [version_at(found, moment) for moment in asked] == [None, 1, 1, 2, 2]


def test_the_rules_that_ship_are_always_in_force() -> None:
    found = editions.shipped()
    assert [found.at(moment).rules[0].id for moment in (datetime(1970, 1, 1, tzinfo=UTC), NOW)] == ["large-amount"] * 2


@given(st.lists(st.integers(1, 9), max_size=4))
def test_a_book_that_is_written_is_read_again(limits: list[int]) -> None:
    found = published(*limits)
    again = editions.read(found.written())
    assert again.editions == found.editions
    assert [version_at(again, SOON + timedelta(hours=number)) for number in range(5)] == [
        version_at(found, SOON + timedelta(hours=number)) for number in range(5)
    ]


def test_a_book_that_is_compiled_is_loaded_again() -> None:
    found = published(5, 6).book
    again = load(compiled(found))
    assert compiled(Book(again)) == compiled(found)
    assert [page.rules.windows for page in again] == [page.rules.windows for page in found.pages]


def test_an_edition_is_announced_a_minute_before() -> None:
    with pytest.raises(CrashError, match="60 s after its publication"):
        EMPTY.with_edition(text(5), SOON - timedelta(microseconds=1), "ann", NOW)


def test_editions_follow_each_other() -> None:
    with pytest.raises(CrashError, match="edition 1 is in force from 2026-11-27T10:01:00"):
        published(5).with_edition(text(6, 2), SOON, "ann", NOW)


@pytest.mark.parametrize("changed", [text(6), text(5, span="2h")], ids=["the limit", "the window"])
def test_what_a_rule_matches_changes_with_its_version(changed: str) -> None:
    with pytest.raises(CrashError, match="raise the version of what has changed: limit 1"):
        published(5).with_edition(changed, SOON + timedelta(hours=2), "ann", NOW)


def test_also_an_old_version_never_means_something_else() -> None:
    with pytest.raises(CrashError, match="raise the version of what has changed: limit 1"):
        published(5, 6).with_edition(text(7, 1), SOON + timedelta(hours=2), "ann", NOW)


@pytest.mark.parametrize("again", [text(5), text(5, title="Better words"), text(9, 2)])
def test_words_may_change_and_a_raised_version_may_mean_anything(again: str) -> None:
    found = published(5).with_edition(again, SOON + timedelta(hours=1), "bob", NOW)
    assert [(edition.number, edition.published_by) for edition in found.editions] == [(1, "ann"), (2, "bob")]


def test_wrong_rules_are_not_published() -> None:
    with pytest.raises(FaultsError):
        EMPTY.with_edition("rules: 3", SOON, "ann", NOW)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"editions": 3}',
        b'{"editions": [], "more": 1}',
        published(5).written().replace(b"limit", b"Limit"),
        published(5).written().replace(b'"text"', b'"test"'),
        published(5).written().replace(b"2026-11-27T10:01:00Z", b"2026-11-27T10:01:00"),
        published(5, 6).written().replace(b"2026-11-27T11:01:00Z", b"2026-11-27T10:01:00Z"),
    ],
    ids=range(9),
)
def test_a_broken_book_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(CrashError, match=r"no book of rules|edition 1 is wrong: line 2, column "):
        editions.read(data)
