"""Rules on their way from a file to those who evaluate them: published, filled, known, in force."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from consumer.__main__ import main
from consumer.archive import archive_objects
from consumer.database import engine as database_engine
from consumer.errors import CrashError
from consumer.login import Database
from consumer.publishing.fill import fill, may_hold
from consumer.publishing.place import FilePlace, Place, place
from consumer.publishing.publish import Filling, Publisher, Wish
from consumer.publishing.reach import reach_of, unfilled
from consumer.publishing.reports import ignorant, report, reports
from consumer.publishing.source import published
from consumer.publishing.state import RulesState
from consumer.publishing.upkeep import Upkeep
from consumer.publishing.watch import RulesWatch
from consumer.rules import rulefile
from consumer.rules.book import ALWAYS, Book, InForce
from consumer.rules.editions import ANNOUNCED, always
from tests.consumer.builders import batch, record, wire
from tests.consumer.publishing.rule_texts import rules
from tests.integration.conftest import as_owner
from tests.integration.emulator import REGION, Emulator, running
from tests.integration.streaming import APPLICATION, Consumer

HOURLY = "{sum: amount, by: senderId, over: 1h}"
WEEKLY = "{sum: amount, by: senderId, over: 7d}"
BY_BANK = "{sum: amount, by: senderBankId, over: 1h}"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as started:
        started.client("s3").create_bucket(Bucket="rules", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield started


@pytest.fixture
def on_s3(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return place(f"s3://rules/{request.node.name}/rules.json", REGION)


def test_an_object_is_written_over_what_was_read_and_nothing_else(on_s3: Place) -> None:
    assert on_s3.read() is None
    on_s3.write(b"one", None)
    first = on_s3.read()
    assert first
    assert first.data == b"one"
    with pytest.raises(CrashError, match="somebody else has published meanwhile"):
        on_s3.write(b"other", None)
    on_s3.write(b"two", first.tag)
    with pytest.raises(CrashError, match="somebody else has published meanwhile"):
        on_s3.write(b"three", first.tag)
    second = on_s3.read()
    assert second
    assert second.data == b"two"


class Publishing:
    """A publisher, and what it told."""

    def __init__(self, where: Place, engine: Engine, sleep: Callable[[float], object] = time.sleep) -> None:
        self.place = where
        self.told: list[str] = []
        self.publisher = Publisher(where, engine, APPLICATION, self.told.append, sleep)

    def publish(self, wanted: str, filling: Filling | None = None, *, begins_empty: bool = False) -> None:
        self.publisher.publish(Wish(wanted, "ann"), filling, begins_empty=begins_empty)

    @property
    def numbers(self) -> list[int]:
        return [edition.number for edition in published(self.place).editions.editions]


def test_an_edition_is_in_force_soon(engine: Engine, tmp_path: Path) -> None:
    publishing = Publishing(FilePlace(tmp_path / "rules.json"), engine)
    before = datetime.now(UTC)
    publishing.publish(rules(5))
    publishing.publisher.publish(Wish(rules(6, 2), "bob", before + timedelta(hours=1)), None)
    first, second = published(publishing.place).editions.editions
    assert timedelta(seconds=60) < first.effective_from - before < timedelta(seconds=150)
    assert (second.effective_from, second.published_by) == (before + timedelta(hours=1), "bob")
    assert publishing.told[1] == "every consumer that runs knows it"


def test_it_waits_until_every_consumer_that_runs_knows(engine: Engine, tmp_path: Path) -> None:
    state = RulesState("none", 0, 0.0)

    def learn(_: float) -> None:
        with engine.begin() as connection:
            report(connection, APPLICATION, "worker-0", RulesState(published(publishing.place).tag, 1, 0.0))

    publishing = Publishing(FilePlace(tmp_path / "rules.json"), engine, learn)
    with engine.begin() as connection:
        report(connection, APPLICATION, "worker-0", state)
        report(connection, "another", "worker-9", state)
    publishing.publish(rules(5))
    with engine.connect() as connection:
        (known,) = reports(connection, APPLICATION)
    assert (known.worker, known.edition, known.fault) == ("worker-0", 1, None)


def test_who_holds_a_slot_is_to_know_although_it_never_said_so(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO worker_slots SELECT :application, slot, CASE WHEN slot < 2 THEN gen_random_uuid() END, "
                "now(), now() + CASE slot WHEN 1 THEN interval '-1 s' ELSE '9 s' END FROM generate_series(0, 2) AS slot"
            ),
            {"application": APPLICATION},
        )
        assert ignorant(connection, APPLICATION, "tag") == ["worker-0"]
        report(connection, APPLICATION, "worker-0", RulesState("tag", 1, 0.0))
        assert ignorant(connection, APPLICATION, "tag") == []


def test_a_consumer_that_does_not_take_it_up_is_named(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.publishing.publish.PATIENCE_SECONDS", 0)
    with engine.begin() as connection:
        report(connection, APPLICATION, "worker-3", RulesState("old", 0, 0.0))
    publishing = Publishing(FilePlace(tmp_path / "rules.json"), engine)
    with pytest.raises(CrashError, match="published, but not known to worker-3"):
        publishing.publish(rules(5))
    assert publishing.numbers == [1]


@pytest.mark.parametrize(
    ("known", "wanted", "expected"),
    [
        (None, None, None),
        (None, HOURLY, timedelta(hours=49)),
        (HOURLY, HOURLY, None),
        (HOURLY, "{count: transactions, by: senderId, over: 30m}", None),
        (HOURLY, WEEKLY, timedelta(days=9)),
        (WEEKLY, HOURLY, None),
        (WEEKLY, BY_BANK, timedelta(hours=49)),
        (HOURLY, None, None),
    ],
)
def test_windows_are_filled_that_nothing_was_kept_for(
    known: str | None, wanted: str | None, expected: timedelta | None
) -> None:
    book = always(rulefile.read(rules(window=known)))
    assert unfilled(book, rulefile.read(rules(window=wanted))) == expected


def test_a_window_is_kept_as_far_back_as_the_latest_edition_allows_what_it_holds() -> None:
    """What the other edition's lateness let in may have been received that much before its date."""
    patient = rulefile.read("lateness: 3d\n" + rules(9, 9))
    book = Book([InForce(ALWAYS, patient), InForce(datetime.now(UTC), rulefile.read(rules(window=HOURLY)))])
    assert reach_of(book) == timedelta(days=6, hours=1)
    assert unfilled(Book(book.pages[:1]), book.pages[1].rules) == timedelta(days=6, hours=1)


def test_new_windows_begin_with_what_the_archive_has(engine: Engine, tmp_path: Path) -> None:
    """Announced, then filled, then in force; meanwhile a consumer that knows the announcement keeps what comes."""
    now = datetime.now(UTC)
    place = FilePlace(tmp_path / "rules.json")
    archive = tmp_path / "archive"
    archive.mkdir()
    archived = [payment(number, now - timedelta(minutes=number)) for number in range(1, 6)]
    (archive / "first.gz").write_bytes(gzip.compress(b"".join([*archived[:2], b"poison\n", *archived[2:4]])))
    on_the_way = archived[4]
    book = Book()

    def sleep(_: float) -> None:
        """While the publisher waits for the archive, the consumer works, and the last line arrives."""
        editions = published(place).editions
        assert editions.editions[-1].effective_from == ANNOUNCED
        book.turn_to(editions.book.pages)
        consumer.process(batch(record(1, payment(6, now))))
        (archive / "second").write_bytes(on_the_way)

    consumer = Consumer(engine, book=book)
    publishing = Publishing(place, engine, sleep)
    filling = Filling(lambda: archive_objects([str(archive)]), timedelta(seconds=1))
    publishing.publish(rules(600, window=HOURLY), filling)
    assert [one.split(" ")[0] for one in publishing.told] == [
        "edition",
        "every",
        "4",
        "waiting",
        "1",
        "edition",
        "every",
    ]
    assert publishing.numbers == [1]
    edition = published(place).editions.editions[0]
    book.turn_to([*always(rulefile.read(rules(9999, 9))).pages, *published(place).editions.book.pages[1:]])
    later = edition.effective_from + timedelta(seconds=1)
    consumer.process(batch(record(2, payment(7, later))))
    query = "SELECT transaction_id, rule_values FROM anomalies"
    assert consumer.rows(query) == [(UUID(int=7), {"w": "700"})], "six before it, each of 100"


def payment(number: int, at: datetime) -> bytes:
    return wire(UUID(int=number), 100, transactionDate=at.isoformat(), receivedAt=at.isoformat())


def test_without_an_archive_new_windows_are_refused_or_begin_empty(engine: Engine, tmp_path: Path) -> None:
    publishing = Publishing(FilePlace(tmp_path / "rules.json"), engine)
    with pytest.raises(CrashError, match=r"reach 2 days back, and nothing was kept for them: name the archive"):
        publishing.publish(rules(window=HOURLY))
    assert publishing.numbers == []
    publishing.publish(rules(window=HOURLY), begins_empty=True)
    publishing.publish(rules(6, 2, window=HOURLY))
    assert publishing.numbers == [1, 2]


def test_an_announcement_that_was_left_is_replaced(engine: Engine, tmp_path: Path) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    place = FilePlace(tmp_path / "rules.json")
    (tmp_path / "line").write_bytes(payment(1, datetime.now(UTC)))
    filling = Filling(lambda: archive_objects([str(tmp_path / "line")]), timedelta(hours=1))
    with pytest.raises(KeyboardInterrupt):
        Publishing(place, engine, interrupt).publish(rules(window=HOURLY), filling)
    assert published(place).editions.is_announced
    again = Publishing(place, engine)
    again.publish(rules(7))
    (edition,) = published(place).editions.editions
    assert (edition.number, edition.text) == (1, rules(7))


def test_a_publisher_that_was_overtaken_publishes_nothing(engine: Engine, tmp_path: Path) -> None:
    place = FilePlace(tmp_path / "rules.json")
    (tmp_path / "line").write_bytes(payment(1, datetime.now(UTC)))
    filling = Filling(lambda: archive_objects([str(tmp_path / "line")]), timedelta(seconds=0))
    slow = Publishing(place, engine, lambda _: Publishing(place, engine).publish(rules(8)))
    with pytest.raises(CrashError, match="somebody else has published while the windows were filled"):
        slow.publish(rules(window=HOURLY), filling)
    assert [edition.text for edition in published(place).editions.editions] == [rules(8)]


def test_filling_is_safe_to_repeat_and_beside_a_consumer(engine: Engine, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    lines = [payment(number, now - timedelta(minutes=number)) for number in range(9)]
    (tmp_path / "lines").write_bytes(b"".join(lines))
    wanted = rulefile.read(rules(350, window=HOURLY))
    consumer = Consumer(engine, book=Book((InForce(ALWAYS, wanted),)))
    consumer.process(batch(record(1, *lines[:2])))
    objects = archive_objects([str(tmp_path / "lines")])
    for _ in range(2):
        assert fill(engine, wanted, objects, now - timedelta(minutes=5), lambda _: None) == 6
    assert consumer.rows("SELECT count(*) FROM recent_transactions WHERE counts") == [6]
    assert consumer.rows("SELECT count(*) FROM anomalies") == [0], "nothing is asked"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("s3://archive/transactions/dt=2026-11-27/hr=10/part.gz", True),
        ("s3://archive/transactions/dt=2026-11-26/hr=23/part.gz", True),
        ("s3://archive/transactions/dt=2026-11-25/hr=23/part.gz", False),
        ("/home/me/lines.gz", True),
    ],
)
def test_objects_of_days_before_are_not_read(name: str, expected: bool) -> None:
    assert may_hold(name, datetime(2026, 11, 27, 9, tzinfo=UTC)) == expected


def test_a_supervisor_reports_and_tends(engine: Engine, database_url: str, tmp_path: Path) -> None:
    place, seconds = FilePlace(tmp_path / "rules.json"), [0.0]
    watch = RulesWatch(place, clock=lambda: seconds[0])
    watch.take(lambda _: True)
    upkeep = Upkeep(
        database_engine(Database(database_url), "upkeep"), APPLICATION, lambda: "worker-0", watch, lambda: seconds[0]
    )
    names = "SELECT relname FROM pg_class WHERE relname ~ '^recent_transactions_[0-9]+$'"
    upkeep.tend()
    upkeep.report()
    with as_owner(engine).connect() as connection:
        assert connection.execute(text(names)).all() == [], "no rule has a window"
    place.write(always_published(rules(window=HOURLY)), None)
    seconds[0] += 3_600
    watch.look()
    upkeep.tend()
    upkeep.report()
    with as_owner(engine).connect() as connection:
        assert len(connection.execute(text(names)).all()) == 3
        (known,) = reports(connection, APPLICATION)
    assert (known.worker, known.edition, known.tag) == ("worker-0", 1, published(place).tag)


def always_published(text_: str) -> bytes:
    from consumer.rules.editions import EMPTY

    now = datetime.now(UTC)
    return EMPTY.with_edition(text_, now + timedelta(hours=1), "ann", now).written()


@pytest.fixture
def command(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command: its exit code, what it wrote to stdout, and to stderr."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("RULES", str(tmp_path / "published.json"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["consumer", "rules", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out, said.err

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "rules.yaml"
    found.write_text(rules(5))
    return found


def test_people_publish_list_show_and_compare(command: Command, file: Path) -> None:
    code, _, told = command("publish", str(file), "--by", "ann")
    assert (code, told.splitlines()[0][:26]) == (0, "edition 1 is in force from")
    assert command("show")[1] == rules(5)
    assert command("show", "0")[1].startswith("# The rules that are in force where no others are published")
    file.write_text(rules(6, 2))
    code, lines, _ = command("diff", str(file))
    assert code == 1
    assert lines.splitlines()[:2] == ["--- edition last", f"+++ {file}"]
    assert "+rules: [{id: limit, version: 2" in lines
    command("publish", str(file), "--from", (datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert command("diff", str(file))[:2] == (0, "")
    assert command("diff", "1", "2")[0] == 1
    code, document, _ = command("list", "--json")
    editions = json.loads(document)["editions"]
    assert editions[0]["publishedBy"] == "ann"
    assert [(one["number"], one["rules"]) for one in editions] == [(1, ["limit 1"]), (2, ["limit 2"])]
    assert "limit 2" in command("list")[1]


def test_publishing_shows_first_what_the_archive_says(command: Command, file: Path, tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(payment(1, datetime.now(UTC)))
    code, table, _ = command("publish", str(file), "--archive", str(tmp_path / "lines"))
    assert code == 0
    assert "1 transactions: 1 matches, 1 e-mail" in table


@pytest.mark.parametrize(
    ("text_", "arguments", "words"),
    [
        ("rules: 3\n", (), "rules.yaml:1:8: "),
        (rules(5), ("--from", "2026-01-01T00:00:00Z"), "60 s after its publication at the earliest"),
        (rules(window=HOURLY), (), "--begin-empty"),
    ],
)
def test_what_cannot_be_published_is_told_and_is_not(
    text_: str, arguments: tuple[str, ...], words: str, command: Command, file: Path
) -> None:
    file.write_text(text_)
    code, _, told = command("publish", str(file), *arguments)
    assert code == 1
    assert words in told
    assert json.loads(command("list", "--json")[1])["editions"] == []


def test_a_changed_rule_needs_another_version(command: Command, file: Path) -> None:
    command("publish", str(file))
    file.write_text(rules(6))
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    code, _, told = command("publish", str(file), "--from", later)
    assert code == 1
    assert "raise the version of what has changed: limit 1" in told


def test_without_a_place_nothing_is_published(command: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RULES")
    code, _, told = command("publish", str(file))
    assert code == 1
    assert "RULES is missing" in told
