"""Rules are followed; what is broken or out of reach changes nothing, and is told."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from consumer.domain import Transaction
from consumer.errors import RetryError
from consumer.patience import StoppedError
from consumer.publishing.place import Content, FilePlace
from consumer.publishing.shelf import COMPILED, Shelf
from consumer.publishing.state import RulesState, read_state
from consumer.publishing.watch import EVERY_SECONDS, RulesWatch
from tests.consumer.builders import content
from tests.consumer.publishing.rule_texts import HOUR, NOW, published

LATER = NOW + 9 * HOUR


class FakePlace:
    """A dictionary's worth of S3: ``answer`` is what a reading gives, or raises."""

    name = "s3://bucket/rules.json"

    def __init__(self, answer: bytes | Exception | None = None) -> None:
        self.answer = answer
        self.readings = 0

    def read(self) -> Content | None:
        self.readings += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return None if self.answer is None else Content(self.answer, f"tag of {self.answer[:9999]!r}")

    def write(self, data: bytes, over: str | None) -> None:
        raise NotImplementedError


class Watched:
    """A watch that looks whenever it is told to, and a child beside it."""

    def __init__(self, place: FakePlace, folder: Path) -> None:
        self.place = place
        self.seconds = 0.0
        self.reported: list[RulesState] = []
        self.watch = RulesWatch(place, self.reported.append, lambda: self.seconds, lambda: 1000 + self.seconds)
        self.watch.take(lambda _: pytest.fail("no wait was expected"))
        self.watch.give_to(folder)
        self.child = Shelf(folder)
        self.folder = folder

    def look(self, answer: bytes | Exception | None) -> None:
        self.place.answer = answer
        self.seconds += EVERY_SECONDS
        self.watch.look()
        self.child.refresh()

    def version(self, received_at: datetime) -> tuple[str, int]:
        (rule,) = self.child.book.at(received_at).rules
        return rule.id, rule.version


def test_the_rules_that_ship_are_in_force_where_nothing_is_published(tmp_path: Path) -> None:
    watched = Watched(FakePlace(), tmp_path)
    assert watched.version(LATER) == ("large-amount", 1)
    assert watched.watch.state == RulesState("none", 0, 1000.0)


def test_a_child_takes_up_what_is_published_and_keeps_what_was(tmp_path: Path) -> None:
    watched = Watched(FakePlace(), tmp_path)
    watched.look(published(5).written())
    assert [watched.version(at) for at in (NOW, LATER)] == [("large-amount", 1), ("limit", 1)]
    watched.look(published(5, 6).written())
    assert [watched.version(at) for at in (NOW, NOW + HOUR, LATER)] == [
        ("large-amount", 1),
        ("limit", 1),
        ("limit", 2),
    ]
    assert watched.watch.state
    assert (watched.watch.state.edition, watched.watch.state.fault) == (2, None)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"{", "this is no book of rules"),
        (published(5).written().replace(b"amount >", b"amuont >"), "edition 1 is wrong: line 1, column"),
        (RetryError("s3://bucket/rules.json cannot be read: no route"), "cannot be read: no route"),
    ],
    ids=["no book", "wrong rules", "out of reach"],
)
def test_what_is_broken_leaves_the_former_rules_and_is_told(
    answer: bytes | Exception, words: str, tmp_path: Path
) -> None:
    watched = Watched(FakePlace(published(5).written()), tmp_path)
    with capture_logs() as logs:
        watched.look(answer)
        watched.look(answer)
    assert watched.version(LATER) == ("limit", 1)
    state = read_state(tmp_path)
    assert state == watched.watch.state
    assert state
    assert words in str(state.fault)
    assert state.read_at == 1000.0
    told = [one for one in logs if one["log_level"] == "error"]
    assert [one["event"] for one in told] == [
        "the published rules cannot be taken up: the former ones stay in force"
    ], "once, and not at every look"
    watched.look(published(5).written())
    assert watched.watch.state
    assert watched.watch.state.fault is None
    assert watched.reported[-1].read_at == 1000 + 3 * EVERY_SECONDS


def test_without_any_rules_it_waits_and_says_so(tmp_path: Path) -> None:
    place, waits = FakePlace(RetryError("no route")), list[float]()
    watch = RulesWatch(place)

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        place.answer = published(5).written() if len(waits) == 3 else place.answer
        return False

    with capture_logs() as logs:
        watch.take(pause)
    assert waits == [EVERY_SECONDS] * 3
    assert [one["event"] for one in logs] == ["waiting for the rules"] * 3 + ["rules taken up"]


def test_a_stop_ends_that_wait() -> None:
    with pytest.raises(StoppedError):
        RulesWatch(FakePlace(RetryError("no route"))).take(lambda _: True)


def test_it_reads_every_few_seconds_and_a_child_loads_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(FakePlace(published(5).written()), tmp_path)
    monkeypatch.setattr("consumer.publishing.shelf.load", lambda _: pytest.fail("nothing has changed"))
    for _ in range(50):
        watched.watch.look()
        watched.child.refresh()
    assert watched.place.readings == 1
    watched.look(published(5).written())
    assert watched.place.readings == 2


def test_a_child_whose_file_is_gone_or_broken_goes_on(tmp_path: Path) -> None:
    watched = Watched(FakePlace(published(5).written()), tmp_path)
    (tmp_path / COMPILED).write_bytes(b"[")
    watched.child.refresh()
    (tmp_path / COMPILED).unlink()
    watched.child.refresh()
    assert watched.version(LATER) == ("limit", 1)


def test_a_books_other_pages_are_in_force_at_once(tmp_path: Path) -> None:
    watched = Watched(FakePlace(), tmp_path)
    book = watched.child.book
    given = Transaction(UUID(int=1), content(), LATER)
    assert [match.rule_id for match in book.matches(given)] == ["large-amount"]
    watched.look(published(5).written())
    assert [match.rule_id for match in book.matches(given)] == ["limit"]
    assert book is watched.child.book


def test_a_file_of_this_machine_is_followed_too(tmp_path: Path) -> None:
    place = FilePlace(tmp_path / "rules.json")
    seconds = [0.0]
    watch = RulesWatch(place, clock=lambda: seconds[0])
    watch.take(lambda _: True)
    place.write(published(5).written(), None)
    seconds[0] += EVERY_SECONDS
    watch.look()
    assert watch.book.at(datetime.now(UTC).replace(year=2030)).rules[0].id == "limit"
