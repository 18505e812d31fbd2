"""Dead letters are seen, redriven once their reason is mended, and set aside, by the role that the services have."""

import base64
import json
import threading
import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from consumer import letters
from consumer.__main__ import main
from consumer.database import engine as database_engine
from consumer.letters import Place, Selection, State
from consumer.login import Database
from consumer.redrive import Act, Redrive
from tests.consumer.builders import BOOK, FIRST, OTHER_SHARD, SHARD, batch, record, wire
from tests.integration.streaming import Consumer

Command = Callable[..., int]
MENDED = uuid.UUID(int=7)
STATES = "SELECT state, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1"
HOSTILE = b"\x1b[2J\xff\\ \xe2\x80\xae[red]poison"


@pytest.fixture
def consumer(engine: Engine) -> Consumer:
    """Has stored a good line, one that nobody can read, and one that a former deploy could not."""
    found = Consumer(engine)
    found.process(batch(record(1, wire(), HOSTILE + b"\n"), record(2, b"not yet\n")))
    mend(found, 2, wire(MENDED))
    return found


def mend(consumer: Consumer, number: int, payload: bytes) -> None:
    """As if the deploy that could not read this line had been replaced."""
    with consumer._owner.begin() as connection:
        connection.execute(
            text("UPDATE dead_letters SET payload = :payload WHERE sequence_number = :number"),
            {"payload": payload.removesuffix(b"\n"), "number": FIRST + number},
        )


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one of the commands and returns its exit code."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["consumer", "dead-letters", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return run


def name(number: int, line: int = 1) -> str:
    return f"{SHARD.shard_id}:{FIRST + number}:{line}"


def test_a_redrive_stores_and_alerts_what_can_be_evaluated_now_and_keeps_the_rest_open(
    consumer: Consumer, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    before = consumer.progress()
    assert command("redrive", "--all", "--note", "mended", "--by", "ann") == 1
    assert "1 redriven, 1 new anomalies, 1 still cannot be evaluated" in capsys.readouterr().err
    assert consumer.rows(STATES) == [("open", 1), ("redriven", 1)]
    assert consumer.rows(f"SELECT sequence_number, line FROM anomalies WHERE transaction_id = '{MENDED}'") == [
        (FIRST + 2, 1)
    ]
    assert consumer.rows("SELECT state, count(*) FROM alerts GROUP BY 1") == [("pending", 2)]
    history = "SELECT history->0->>'state', history->0->>'by', history->0->>'note' FROM dead_letters"
    assert consumer.rows(f"{history} ORDER BY sequence_number") == [
        ("open", "ann", "mended: not UTF-8"),
        ("redriven", "ann", "mended"),
    ]
    assert consumer.progress() == before


def test_a_redrive_can_be_repeated(consumer: Consumer, command: Command) -> None:
    assert command("redrive", name(2)) == 0
    assert command("redrive", name(2)) == 0
    assert command("redrive", name(2), "--state", "any") == 0
    assert consumer.rows("SELECT count(*) FROM anomalies") == [2]
    assert consumer.rows("SELECT jsonb_array_length(history) FROM dead_letters ORDER BY sequence_number") == [0, 2]


def test_a_dry_run_tells_the_same_and_changes_nothing(
    consumer: Consumer, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("redrive", "--all", "--dry-run", "--json") == 1
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["letter"], one["anomalies"], one["fault"]) for one in shown] == [
        (name(1, 2), 0, "not UTF-8"),
        (name(2), 1, None),
    ]
    assert consumer.rows(STATES) == [("open", 2)]
    assert consumer.rows("SELECT count(*) FROM anomalies") == [1]
    assert consumer.rows("SELECT count(*) FROM dead_letters WHERE history <> '[]'") == [0]


def test_nobody_is_told_where_nobody_is_to_be_told(consumer: Consumer, command: Command) -> None:
    assert command("redrive", name(2), "--no-alert") == 0
    assert consumer.rows("SELECT state, count(*) FROM alerts GROUP BY 1 ORDER BY 1") == [("muted", 1), ("pending", 1)]


def test_the_history_names_the_database_s_user_and_the_system_s(consumer: Consumer, command: Command) -> None:
    assert command("redrive", name(2)) == 0
    (by,) = consumer.rows("SELECT history->0->>'by' FROM dead_letters WHERE state = 'redriven'")
    assert by.startswith("consumer (")
    assert "@" in by


def test_two_redrives_at_once_store_everything_once(consumer: Consumer, database_url: str) -> None:
    many = 2 * letters.A_TRANSACTION + 50
    consumer.process(batch(*(record(10 + number, b"not yet\n", wire(amount=1)) for number in range(many))))
    with consumer._owner.begin() as connection:
        for number in range(many):
            connection.execute(
                text("UPDATE dead_letters SET payload = :payload WHERE sequence_number = :number"),
                {"payload": wire().strip(), "number": FIRST + 10 + number},
            )
    outcomes: list[int] = []

    def run() -> None:
        target = database_engine(Database(database_url), "test")
        outcomes.extend(
            one.anomalies for one in Redrive(target, BOOK, "pending", Act(), dry_run=False).run(Selection())
        )
        target.dispose()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(outcomes) == many + 1
    assert consumer.rows("SELECT count(*) FROM anomalies") == [many + 2]
    assert consumer.rows(STATES) == [("open", 1), ("redriven", many + 1)]
    assert consumer.rows("SELECT max(jsonb_array_length(history)) FROM dead_letters WHERE state = 'redriven'") == [1]


def test_a_limit_is_kept_over_transactions(consumer: Consumer, engine: Engine) -> None:
    many = letters.A_TRANSACTION + 20
    consumer.process(batch(*(record(10 + number, b"poison\n", wire(amount=1)) for number in range(many))))
    run = Redrive(engine, BOOK, "pending", Act(), dry_run=True)
    limit = letters.A_TRANSACTION + 10
    places = [one.letter.place for one in run.run(Selection(limit=limit))]
    assert len(places) == len(set(places)) == limit


def test_a_record_that_was_kept_whole_is_read_line_by_line_once_it_may_be(consumer: Consumer, command: Command) -> None:
    consumer.process(batch(record(9, b"\n" * 500)))
    mend(consumer, 9, wire() + wire() + b"poison")
    assert command("redrive", name(9)) == 1
    assert consumer.rows("SELECT line FROM anomalies ORDER BY line") == [1, 1, 2]
    assert consumer.rows("SELECT count(*) FROM dead_letters WHERE state = 'open'") == [3]


def test_discarding_needs_a_note_and_leaves_the_bytes(
    consumer: Consumer, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("discard", name(1, 2)) == 2
    assert command("discard", name(1, 2), "--note", " ") == 2
    assert consumer.rows(STATES) == [("open", 2)]
    assert command("discard", name(1, 2), "--note", "a test of ours") == 0
    assert command("discard", name(1, 2), "--note", "again") == 0
    assert "0 discarded" in capsys.readouterr().err
    assert consumer.rows(
        "SELECT payload, history->0->>'note', jsonb_array_length(history) FROM dead_letters WHERE state = 'discarded'"
    ) == [(HOSTILE, "a test of ours", 1)]


def test_what_was_discarded_can_be_taken_up_again(consumer: Consumer, command: Command) -> None:
    assert command("discard", name(2), "--note", "by mistake") == 0
    assert command("redrive", name(2), "--state", "discarded") == 0
    assert consumer.rows(STATES) == [("open", 1), ("redriven", 1)]


def test_bytes_never_reach_the_terminal_as_they_are(
    consumer: Consumer, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("show", name(1, 2)) == 0
    shown = capsys.readouterr().out
    assert "\\x1b[2J\\xff\\\\ \\u202e[red]poison" in shown
    assert "\x1b" not in shown
    assert "not UTF-8" in shown
    assert command("show", name(1, 2), "--hex") == 0
    assert HOSTILE.hex(" ")[:40] in capsys.readouterr().out
    assert command("show", name(1, 2), "--json") == 0
    assert base64.b64decode(json.loads(capsys.readouterr().out)["payload"]) == HOSTILE


def test_a_list_shows_what_was_asked_for(
    consumer: Consumer, command: Command, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Consumer(engine, OTHER_SHARD)
    other.process(batch(record(3, b"poison\n"), shard=OTHER_SHARD))

    def listed(*arguments: str) -> list[int]:
        assert command("list", "--json", *arguments) == 0
        return [int(json.loads(line)["sequenceNumber"]) - FIRST for line in capsys.readouterr().out.splitlines()]

    assert listed() == [1, 2, 3]
    assert listed("--reason", "Not json") == [2, 3]
    assert listed("--reason", "%") == []
    assert listed("--shard", OTHER_SHARD.shard_id) == [3]
    assert listed("--stream", "stream/payments@") == [1, 2, 3]
    assert listed("--stream", "stream/others@") == []
    assert listed("--limit", "1") == [1]
    assert listed("--from", "2100-01-01T00:00:00Z") == []
    assert listed("--to", "2100-01-01T00:00:00Z") == [1, 2, 3]
    assert listed("--state", "redriven") == []
    assert listed("--state", "any") == [1, 2, 3]
    assert command("list") == 0
    assert name(1, 2) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", name(99)], 1),
        (["redrive", name(99)], 1),
        (["discard", name(99), "--note", "n"], 1),
        (["show", "nothing"], 2),
        (["redrive"], 2),
        (["redrive", "--all", "--reason", "x"], 2),
        (["discard", "--note", "n"], 2),
        (["list", "--from", "yesterday"], 2),
        (["redrive", "--reason", "matches none"], 0),
    ],
)
def test_what_cannot_be_done_is_an_exit_code(
    arguments: list[str], code: int, consumer: Consumer, command: Command
) -> None:
    assert command(*arguments) == code
    assert consumer.rows(STATES) == [("open", 2)]


def test_a_place_is_written_as_it_is_read() -> None:
    assert str(Place("shardId-0", 5, 1)) == "shardId-0:5:1"
    assert not Selection(state=State.REDRIVEN, limit=3).is_narrowed
    assert Selection(shard="s").is_narrowed
