"""A backtest finds what the code that runs live finds in the same lines, however they are written."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.archive import archive_objects
from consumer.backtest.backtest import Settings, backtest
from consumer.backtest.backtest import tried as database_of
from consumer.backtest.report import Report
from consumer.backtest.run import Scope
from consumer.decode import decode, lines
from consumer.domain import Transaction
from consumer.errors import CrashError, RejectedError
from consumer.rules import rulefile
from consumer.rules.document import FaultsError
from consumer.rules.entries import Entry, asking
from consumer.rules.history import values_of
from consumer.rules.ruleset import RuleSet
from tests.consumer.builders import wire

BERKA = Path(__file__).parents[4] / "shared" / "data" / "berka.jsonl.gz"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TESTS = "tests: [{given: [{}], expect: no match}]"


def rules(*conditions: str, windows: str = "{}", lists: str = "{}") -> RuleSet:
    """Whether they match the one transaction of their test is no matter here."""
    begin = f"lateness: 60s\nwindows: {windows}\nlists: {lists}\nrules:\n"
    form = "- {{id: rule-{}, version: 1, title: T, severity: low, when: '{}', explain: '{{amount}}', tests: {}}}\n"
    text = begin
    for number, when in enumerate(conditions):
        tests = ["[{given: [{}], expect: match}]", "[{given: [{}], expect: no match}]"]
        text += next(form.format(number, when, one) for one in tests if _is_met(begin + form.format(number, when, one)))
    return rulefile.read(text)


def _is_met(text: str) -> bool:
    try:
        return bool(rulefile.read(text))
    except FaultsError:
        return False


STATELESS = rules(
    "amount > 100",
    "amount * 3.25 >= 325 and not amount == 7.5",
    'senderId.starts_with("a") or "\\\\" in receiverId',
    "transactionDate.hour < 12",
    "senderId in blocked",
    lists="{blocked: {kind: deny, title: T}}",
)
WINDOWED = rules(
    "sent > 150",
    "payees >= 2",
    "amount > 2 * mean and n > 1",
    "gap != null and gap < 5",
    "amount == 99999999999999999999.000000000000000001",
    windows="{sent: {sum: amount, by: senderId, over: 10s}, payees: {distinct: receiverId, by: senderId, over: 20s}, "
    "mean: {average: amount, by: senderBankId, over: 30s}, n: {count: transactions, by: senderBankId, over: 30s}, "
    "gap: {previous: seconds, by: [senderId, receiverId], over: 60s}}",
)
ENTRIES = [Entry("blocked", "a", NOON, NOON + timedelta(seconds=30)), Entry("blocked", "é", NOON)]


def oracle(found: RuleSet, payloads: Sequence[bytes]) -> tuple[set[tuple[str, UUID]], int]:
    """By the live code: the matches, and how many lines cannot be evaluated."""
    transactions, undecodable = list[Transaction](), 0
    for payload in payloads:
        try:
            transactions.append(decode(payload))
        except RejectedError:
            undecodable += 1
    members = dict[UUID, Transaction]()
    for one in sorted(transactions, key=lambda one: one.received_at, reverse=True):
        if found.is_in_time(one):
            members[one.transaction_id] = one
    matches = set[tuple[str, UUID]]()
    for one in transactions:
        values = values_of(found.windows.values(), one, members.values() if found.is_in_time(one) else [])
        matches |= {(match.rule_id, one.transaction_id) for match in found.matches(one, values, asking(ENTRIES))}
    return matches, undecodable


def tried(folder: Path, found: RuleSet, current: RuleSet | None = None, **scope: Any) -> Report:
    settings = Settings(Scope(**scope), ENTRIES)
    return backtest(found, current, archive_objects([str(folder)]), settings, lambda _size: None)


def archived(folder: Path, *objects: Sequence[bytes]) -> Path:
    """Every second object is packed."""
    folder.mkdir()
    for number, payloads in enumerate(objects):
        data = b"".join(payloads)
        (folder / f"{number}").write_bytes(gzip.compress(data) if number % 2 else data)
    return folder


ODD = (
    lambda line: line.replace(b'"amount":', b'"amount":"500","amount":', 1),
    lambda line: line.replace(b'"v":1', b'"v":1,"unknown":{"amount":[1]}', 1),
    lambda line: line.replace(b'"senderId":', b'"sender\\u0049d":', 1),
    lambda line: b" \t" + line.replace(b",", b" ,\t", 3),
)
BROKEN = [{"amount": "-1"}, {"senderId": 3}, {"v": 2}, {"receiverIban": None}]


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """The same trxId has the same content, but for when it was received."""
    identity = draw(st.integers(1, 12))
    chance = draw(st.randoms(use_true_random=False))
    chance.seed(identity)
    moment = NOON + timedelta(seconds=chance.randint(0, 80) / 2)
    text = moment.astimezone(timezone(timedelta(hours=chance.choice([0, 5.5, -3])))).isoformat()
    fields: dict[str, Any] = {
        "trx_id": chance.choice([str(UUID(int=identity)), str(UUID(int=identity)).upper()]),
        "amount": chance.choice(["0", "7.5", "100.000000000000000001", "60", "100", "1e2", 120, "99999999999999.9999"]),
        "senderId": chance.choice(["a", "b", "é", 'q"uote']),
        "receiverId": chance.choice(["x", "back\\slash", "a\tb", "😀"]),
        "senderBankId": chance.choice(["one", "two"]),
        "transactionDate": chance.choice([text, text.replace("+00:00", "Z"), text.replace("T", "t")]),
    }
    received = moment + timedelta(seconds=draw(st.sampled_from([0, 1, 59, 60, 61, 100, -1, -60, -61])))
    broken: dict[str, Any] = draw(st.sampled_from([*[{}] * 12, *BROKEN]))
    line = wire(receivedAt=received.isoformat(), **(fields | broken))
    written: bytes = draw(st.sampled_from([*[bytes] * 12, *ODD]))(line)
    return written


@pytest.mark.parametrize("found", [STATELESS, WINDOWED], ids=["stateless", "with windows"])
@settings(max_examples=40, deadline=None)
@given(objects=st.lists(st.lists(payloads(), max_size=8), min_size=1, max_size=3))
def test_it_finds_what_the_live_code_finds(
    tmp_path_factory: pytest.TempPathFactory, found: RuleSet, objects: list[list[bytes]]
) -> None:
    folder = archived(tmp_path_factory.mktemp("backtest") / "archive", *objects)
    report = tried(folder, found)
    every = [line for one in objects for line in lines(b"".join(one)) if line]
    matches, undecodable = oracle(found, every)
    counted = {
        f"rule-{number}": sum(rule == f"rule-{number}" for rule, _ in matches) for number in range(len(found.rules))
    }
    assert {rule.id: rule.matches for rule in report.rules} == counted
    assert report.undecodable == undecodable
    assert report.transactions == len(every) - undecodable


def paid(identity: int, amount: str, seconds: float = 0, **changes: Any) -> bytes:
    at = NOON + timedelta(seconds=seconds)
    return wire(UUID(int=identity), amount, transactionDate=at.isoformat(), receivedAt=at.isoformat(), **changes)


def test_it_tells_what_is_added_and_what_is_removed(tmp_path: Path) -> None:
    folder = archived(tmp_path / "archive", [paid(number, str(number)) for number in range(1, 11)])
    report = tried(
        folder, rules("amount > 7", "amount == 1"), rules("amount < 5 or amount > 9", "amount == 1", "amount > 2")
    )
    told = [(rule.id, rule.version, rule.matches, rule.added, rule.removed) for rule in report.rules]
    assert told == [("rule-0", 1, 3, 2, 4), ("rule-1", 1, 1, 0, 0), ("rule-2", None, 0, 0, 8)]
    assert report.matches == 4


def test_a_window_of_the_same_name_may_mean_something_else(tmp_path: Path) -> None:
    folder = archived(tmp_path / "archive", [paid(number, "1", number) for number in range(1, 11)])
    short, long = (
        rules("n > 3", windows=f"{{n: {{count: transactions, by: senderId, over: {span}}}}}") for span in ("4s", "6s")
    )
    assert [(rule.matches, rule.added, rule.removed) for rule in tried(folder, short, long).rules] == [(7, 0, 0)]
    never = rules("n > 4", windows="{n: {count: transactions, by: senderId, over: 4s}}")
    assert [(rule.matches, rule.added, rule.removed) for rule in tried(folder, never, long).rules] == [(0, 0, 7)]
    assert [(rule.matches, rule.added, rule.removed) for rule in tried(folder, long, never).rules] == [(7, 7, 0)]


def test_it_counts_by_day_account_and_email(tmp_path: Path) -> None:
    payloads = [paid(1, "200", 0), paid(1, "200", 0), paid(2, "300", 86_400), paid(3, "400", 86_401, senderId="s-2")]
    report = tried(archived(tmp_path / "archive", payloads), rules("amount > 100", "amount > 300"))
    first, second = report.rules
    assert first.days == {NOON.date(): 1, (NOON + timedelta(days=1)).date(): 2}
    assert second.days == {(NOON + timedelta(days=1)).date(): 1}
    told = [(account.sender_id, account.matches, account.amount) for account in report.accounts]
    assert told == [("s-1", 2, "500"), ("s-2", 2, "400")]
    assert report.emails == 2
    assert report.transactions == 4


def test_a_sample_is_explained_in_the_rules_words(tmp_path: Path) -> None:
    found = rulefile.read(
        "windows: {sent: {sum: amount, by: senderId, over: 1h}}\n"
        "rules: [{id: much, version: 1, title: T, severity: low, when: sent > 2, "
        f"explain: 'with {{amount}} {{senderId}} sent {{sent}}', {TESTS}}}]"
    )
    report = tried(archived(tmp_path / "archive", [paid(1, "1.50"), paid(2, "1.500", 60)]), found)
    (sample,) = report.rules[0].samples
    assert (sample.trx_id, sample.explanation) == (str(UUID(int=2)), "with 1.500 s-1 sent 3")


def test_only_what_was_received_in_time_is_asked(tmp_path: Path) -> None:
    folder = archived(tmp_path / "archive", [paid(number, "5", number) for number in range(10)])
    scope: dict[str, Any] = {"begin": NOON + timedelta(seconds=2), "end": NOON + timedelta(seconds=5)}
    windowed = rules("n == 3", windows="{n: {count: transactions, by: senderId, over: 3s}}")
    assert tried(folder, rules("amount > 1"), **scope).matches == 3
    assert tried(folder, windowed, **scope).matches == 3


@pytest.mark.parametrize("data", [gzip.compress(wire())[:-9], b"\x1f\x8bnothing"], ids=["cut", "broken"])
def test_a_damaged_object_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "damaged").write_bytes(data)
    with pytest.raises(CrashError, match=r"archive/damaged"):
        tried(tmp_path / "archive", rules("amount > 1"))


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"{", b"[]", b"3\n", b"null\n", b'"x"\n', b"{}\n", b"\xff\n", b"[" * 5_000]
)
def test_what_is_no_transaction_is_counted(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "odd").write_bytes(data + b"\n" + paid(1, "2"))
    report = tried(tmp_path / "archive", rules("amount > 1"))
    assert (report.transactions, report.matches) == (1, 1)
    assert report.undecodable == (data + b"\n").count(b"\n") or not data.strip()


def test_duckdb_writes_no_progress_among_the_data(tmp_path: Path) -> None:
    """It would, of a query that takes two seconds."""
    folder = archived(tmp_path / "archive", [paid(1, "2")])
    with database_of([], [], archive_objects([str(folder)]), Settings(Scope()), lambda _: None) as run:
        asked = "SELECT current_setting('enable_progress_bar')"
        assert run.database.execute(asked).fetchall() == [(False,)]


def test_a_sum_that_duckdb_cannot_hold_is_told_and_not_rounded(tmp_path: Path) -> None:
    largest = "99999999999999999999.000000000000000001"
    folder = archived(tmp_path / "archive", [paid(1, largest), paid(2, largest)])
    found = rules("sent > 100", windows="{sent: {sum: amount, by: senderId, over: 10s}}")
    with pytest.raises(CrashError, match="more digits than DuckDB's decimals"):
        tried(folder, found)
