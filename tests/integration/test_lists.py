"""Lists: who stands in them when, as rules ask live, and as people edit them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine

from consumer import lists
from consumer.__main__ import main
from consumer.errors import CrashError
from consumer.lists import Change
from consumer.rules import rulefile
from consumer.rules.editions import always
from tests.consumer.builders import batch, record, wire
from tests.integration.streaming import Consumer

RULES = always(
    rulefile.read("""
windows: {n: {count: transactions, by: senderId, over: 1h}}
lists: {trusted: {kind: allow, title: T}, blocked: {kind: deny, title: T}}
rules:
  - {id: unknown-payee, version: 1, title: T, severity: low, when: amount > 100 and receiverId not in trusted,
     explain: x, tests: [{given: [{amount: 101}], expect: match}]}
  - {id: blocked, version: 1, title: T, severity: low, when: senderId in blocked and n < 9, explain: x,
     tests: [{given: [{}], expect: no match}]}
""")
)
MINUTE = timedelta(minutes=1)
Command = Callable[..., tuple[int, list[str], str]]


def line(number: int, received: datetime, **changes: object) -> bytes:
    return wire(UUID(int=number), receivedAt=received.isoformat(), transactionDate=received.isoformat(), **changes)


def change(*values: str, name: str = "trusted", at: datetime | None = None) -> Change:
    return Change(name, values, "why", "ann", at)


def found(consumer: Consumer) -> list[tuple[int, str]]:
    query = "SELECT transaction_id, rule_id FROM anomalies ORDER BY transaction_id, rule_id"
    return [(one.int, rule) for one, rule in consumer.rows(query)]


def test_an_entry_is_in_force_from_its_time_to_its_end_by_when_a_line_was_received(engine: Engine) -> None:
    begin = datetime.now(UTC) + 2 * MINUTE
    with engine.begin() as connection:
        assert lists.add(connection, change("r-1", at=begin), begin + MINUTE) == ["r-1"]
    consumer = Consumer(engine, book=RULES)
    tick = timedelta(microseconds=1)
    times = [begin - tick, begin, begin + MINUTE - tick, begin + MINUTE]
    consumer.process(batch(record(1, *(line(number, at) for number, at in enumerate(times)))))
    assert found(consumer) == [(0, "unknown-payee"), (3, "unknown-payee")]


def test_a_running_consumer_sees_what_is_added_and_removed(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    soon = datetime.now(UTC) + 5 * MINUTE
    consumer.process(batch(record(1, line(1, soon))))
    with engine.begin() as connection:
        lists.add(connection, change("r-1"), None)
        lists.add(connection, change("s-1", name="blocked"), None)
    consumer.process(batch(record(2, line(2, soon))))
    with engine.begin() as connection:
        assert lists.remove(connection, change("r-1")) == ["r-1"]
    consumer.process(batch(record(3, line(3, soon), line(4, datetime.now(UTC)))))
    expected = [(1, "unknown-payee"), (2, "blocked"), (3, "blocked"), (3, "unknown-payee"), (4, "unknown-payee")]
    assert found(consumer) == expected


def test_a_redelivered_line_asks_again(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    soon = datetime.now(UTC) + 5 * MINUTE
    with engine.begin() as connection:
        lists.add(connection, change("r-1"), None)
    consumer.process(batch(record(1, line(1, soon))))
    consumer.process(batch(record(2, line(1, datetime.now(UTC)))))
    assert found(consumer) == [(1, "unknown-payee")]


def test_what_stands_there_is_not_added_again_and_what_does_not_is_not_removed(engine: Engine) -> None:
    with engine.begin() as connection:
        assert lists.add(connection, change("a", "b", "a"), None) == ["a", "b"]
        assert lists.add(connection, change("b", "c"), None) == ["c"]
        assert lists.remove(connection, change("b", "x")) == ["b"]
        assert lists.remove(connection, change("b")) == []
        kept = lists.kept(connection, "trusted")
    assert [(one.entry.value, one.entry.expires_at is None, one.removed_by) for one in kept] == [
        ("a", True, None),
        ("b", False, "ann"),
        ("c", True, None),
    ]


def test_one_that_is_removed_before_it_begins_never_holds(engine: Engine) -> None:
    begin = datetime.now(UTC) + 60 * MINUTE
    with engine.begin() as connection:
        lists.add(connection, change("a", at=begin), None)
        lists.remove(connection, change("a"))
        (one,) = lists.kept(connection, "trusted")
    assert one.entry.expires_at == begin
    assert not one.entry.holds_at(begin)


def test_nothing_changes_at_once(engine: Engine) -> None:
    with engine.begin() as connection:
        with pytest.raises(CrashError, match="too soon: a change is in force after 60 s"):
            lists.add(connection, change("a", at=datetime.now(UTC) + 0.9 * MINUTE), None)
        with pytest.raises(CrashError, match="expire before it is in force"):
            lists.add(connection, change("a"), datetime.now(UTC) + 0.9 * MINUTE)


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command: its exit code, what it wrote to stdout, and to stderr."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    def run(*arguments: str) -> tuple[int, list[str], str]:
        monkeypatch.setattr("sys.argv", ["consumer", "lists", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out.splitlines(), said.err

    return run


def test_people_edit_them(command: Command) -> None:
    assert command("add", "trusted", "land\x1b[31mlord", "shop", "--reason", "rent", "--by", "ann")[0] == 0
    assert command("add", "trusted", "shop", "--reason", "again")[2] == "trusted: shop: stands there already\n"
    assert command("remove", "trusted", "shop", "gone", "--reason", "closed")[2] == (
        "trusted: shop: removed\ntrusted: gone: does not stand there\n"
    )
    code, lines, _ = command("show", "trusted", "--json")
    shown = [json.loads(one) for one in lines]
    assert code == 0
    assert [(one["value"], one["reason"], one["added_by"]) for one in shown] == [
        ("land\x1b[31mlord", "rent", "ann"),
        ("shop", "rent", "ann"),
    ]
    _, table, _ = command("show")
    assert "\x1b" not in "".join(table)
    assert "land\\x1b[31mlord" in "".join(table)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "Trusted", "a", "--reason", "r"), "no list's name"),
        (("add", "trusted", "a", "--reason", " "), "--reason must say why"),
        (("add", "trusted", "a", "--reason", "r", "--from", "tomorrow"), "no time with an offset"),
        (("remove", "trusted", "--reason", "r"), "VALUE"),
    ],
)
def test_wrong_calls_are_told(command: Command, arguments: tuple[str, ...], words: str) -> None:
    code, lines, said = command(*arguments)
    assert (code, lines) == (2, [])
    assert words in said


def test_what_cannot_be_is_told_in_a_line(command: Command) -> None:
    code, _, said = command("add", "trusted", "a", "--reason", "r", "--from", "2026-01-01T00:00:00Z")
    assert code == 1
    assert "too soon" in said
