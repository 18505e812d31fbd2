"""What a container engine is told of the consumer and the notifier."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from consumer.__main__ import main
from consumer.errors import CrashError
from consumer.health import require_daemon
from consumer.heartbeat import LONGEST_STEP, beating, require_beat
from consumer.multilang import MAIN_CLASS
from consumer.notify import COMPOSING_MS
from consumer.publishing.state import RulesState, write_state

LIFE = "arn:aws:kinesis:eu-central-1:000000000000:stream/payments@2026-11-23T10:00:00.000Z"
NEXT_LIFE = LIFE.replace("10:00", "11:00")
DAEMON = ("java", "-cp", "jars/*", MAIN_CLASS, "--properties-file", "p")
CHILD = ("python3", "-m", "consumer.main")
STRANGERS = (("tini", "--"), ("python3", "-m", "consumer", "health", "run"))


def processes(folder: Path, *commands: tuple[str, ...], shards: Path | None = None) -> Path:
    """A /proc of these processes, and of one that has just ended."""
    handed = f"SHARDS_FOLDER={shards}\0" if shards else ""
    for number, command in enumerate([*STRANGERS, *commands], start=1):
        process = folder / str(number)
        process.mkdir()
        (process / "cmdline").write_text("\0".join([*command, ""]))
        (process / "environ").write_text(f"PATH=/usr/bin\0STREAM_INCARNATION={LIFE}\0WORKER_ID=worker-1\0{handed}")
    (folder / "999").mkdir()
    (folder / "uptime").touch()
    return folder


@pytest.mark.parametrize(
    ("commands", "leases"), [([DAEMON, CHILD, CHILD], 2), ([DAEMON], 0), ([DAEMON, CHILD], 0), ([CHILD, DAEMON], 1)]
)
def test_a_consumer_is_healthy_with_a_child_for_each_of_its_leases(
    tmp_path: Path, commands: list[tuple[str, ...]], leases: int
) -> None:
    asked: list[str] = []

    def held_leases(worker: str) -> int:
        asked.append(worker)
        return leases

    require_daemon(held_leases, lambda: LIFE, processes(tmp_path, *commands))
    assert asked == ["worker-1"]  # the daemon's own, for its slot is known to nobody else


@pytest.mark.parametrize(
    ("fault", "expected"), [(None, None), ("no route", "edition 3 of the rules stays in force: no route")]
)
def test_rules_that_are_broken_are_told_and_are_no_illness(
    fault: str | None, expected: str | None, tmp_path: Path
) -> None:
    shards, proc = tmp_path / "shards", tmp_path / "proc"
    shards.mkdir()
    proc.mkdir()
    write_state(shards, RulesState("tag", 3, 0.0, fault))
    assert require_daemon(lambda _: 1, lambda: LIFE, processes(proc, DAEMON, CHILD, shards=shards)) == expected


@pytest.mark.parametrize(
    ("commands", "life", "words"),
    [
        ([], LIFE, "not running"),
        ([CHILD, CHILD], LIFE, "not running"),
        ([DAEMON, CHILD], LIFE, "2 shards are this worker's and 1 of them"),
        ([DAEMON, CHILD, CHILD], NEXT_LIFE, "made anew"),
    ],
)
def test_a_consumer_is_not_healthy_without_daemon_child_or_the_stream_it_began_with(
    tmp_path: Path, commands: list[tuple[str, ...]], life: str, words: str
) -> None:
    with pytest.raises(CrashError, match=words):
        require_daemon(lambda _: 2, lambda: life, processes(tmp_path, *commands))


def test_a_pause_beats_and_a_beat_is_good_until_a_pause_and_the_longest_step_are_over(tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    with pytest.raises(CrashError, match="no beat yet"):
        require_beat(heartbeat, 1)
    assert beating(lambda seconds: seconds == 3, heartbeat)(3)
    beaten = heartbeat.stat().st_mtime
    require_beat(heartbeat, 1, lambda: beaten + LONGEST_STEP + 1)
    with pytest.raises(CrashError, match="no beat for"):
        require_beat(heartbeat, 1, lambda: beaten + LONGEST_STEP + 2)


def test_a_step_may_take_longer_than_the_longest_statement() -> None:
    assert timedelta(milliseconds=COMPOSING_MS) < timedelta(seconds=LONGEST_STEP)


@pytest.mark.parametrize(("beat", "named", "code"), [(True, True, 0), (False, True, 1), (True, False, 2)])
def test_the_notifiers_health_is_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beat: bool, named: bool, code: int
) -> None:
    heartbeat = tmp_path / "heartbeat"
    if beat:
        heartbeat.touch()
    settings = {
        "AWS_REGION": "eu-central-1",
        "DATABASE_URL": "postgresql://payments:secret@127.0.0.1:1/payments",
        "ALERT_SENDER": "alerts@payments.example",
        "ALERT_RECIPIENTS": "analysts@payments.example",
        "HEARTBEAT_FILE": str(heartbeat) if named else "",
    }
    monkeypatch.setattr(os, "environ", settings)
    monkeypatch.setattr("sys.argv", ["consumer", "health", "notify"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
