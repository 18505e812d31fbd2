"""Who keeps KCL's daemon running: what it starts again, when it stops, and whom a signal reaches."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from consumer.patience import StoppedError
from consumer.stopping import Stop
from consumer.supervisor import CANNOT_START, Process, Restarts, Supervisor, attempt

STOPPED = 143


class FakeProgram:
    """Runs for so many looks, or until a signal ends it; and does something at its first look."""

    def __init__(self, looks: float, code: int, at_once: Callable[[], None] = lambda: None) -> None:
        self._looks = looks
        self._code = code
        self._at_once = at_once
        self.signals: list[signal.Signals] = []

    def poll(self) -> int | None:
        self._at_once()
        self._looks -= 1
        if self.signals:
            return 128 + self.signals[0]
        return None if self._looks >= 0 else self._code

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)


@dataclass
class FakeWorker:
    """``ids``: what it is, one after the other. An id of None is never had."""

    ids: list[str | None]
    lost: bool = False
    calls: list[str] = field(default_factory=list)

    def take(self) -> str:
        if self.lost:
            del self.ids[0]
            self.lost = False
        self.calls.append("take")
        if self.ids[0] is None:
            raise StoppedError
        return self.ids[0]

    def keep(self) -> None: ...

    def release(self) -> None:
        self.calls.append("release")


class Scene:
    """A supervisor whose programs and time are made up. Each look takes ten seconds; ``waits``: what it waited."""

    def __init__(self, *programs: FakeProgram, ids: Sequence[str | None] = ("worker-0",)) -> None:
        self.worker = FakeWorker(list(ids))
        self.stop = Stop()
        self.started: list[str] = []
        self._programs = list(programs)
        self._now = 0.0
        self.supervisor = Supervisor(
            self.worker,
            self._launch,
            self.stop,
            leave=lambda worker: self.worker.calls.append(f"leave {worker}"),
            clock=lambda: self._now,
            sleep=self._sleep,
        )

    def run(self) -> int:
        with capture_logs():
            return self.supervisor.run()

    def _launch(self, worker: str) -> FakeProgram:
        self.started.append(worker)
        return self._programs[len(self.started) - 1]

    def _sleep(self, _: float) -> None:
        self._now += 10


def test_a_daemon_that_ran_for_a_while_is_started_again_under_the_same_id_until_the_stop() -> None:
    lives = [FakeProgram(10, 1) for _ in range(20)]
    last = FakeProgram(1000, 0, lambda: scene.stop.request())
    scene = Scene(*lives, last)
    assert scene.run() == STOPPED
    assert scene.started == ["worker-0"] * 21
    assert last.signals == [signal.SIGTERM]
    assert scene.worker.calls[-2:] == ["leave worker-0", "release"]


def test_a_stop_is_one_signal_and_its_end_is_awaited() -> None:
    class Slow(FakeProgram):
        def poll(self) -> int | None:
            scene.stop.request()
            self._looks -= 1
            return None if self._looks >= 0 else self._code

    slow = Slow(30, STOPPED)
    scene = Scene(slow)
    assert scene.run() == STOPPED
    assert slow.signals == [signal.SIGTERM]


@pytest.mark.parametrize(("code", "told"), [(1, 1), (0, 1), (3, 3)])
def test_a_daemon_that_ends_quickly_for_several_times_ends_the_supervisor(
    code: int, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(*[FakeProgram(2, code) for _ in range(9)])
    waits: list[float] = []
    monkeypatch.setattr(scene.stop, "pause", lambda seconds: waits.append(seconds))
    assert scene.run() == told
    assert waits == [0.0, 1.0, 2.0, 4.0]
    assert scene.worker.calls[-1] == "release"


def test_waits_have_a_limit_and_a_long_life_forgives_what_was_before() -> None:
    restarts = Restarts(most=9)
    assert [restarts.after(1, 5) for _ in range(8)] == [0, 1, 2, 4, 8, 8, 8, 8]
    assert restarts.after(1, 60) == 0
    assert restarts.after(1, 5) == 0


def test_who_is_killed_again_and_again_is_started_again_and_again() -> None:
    restarts = Restarts()
    assert [restarts.after(137, 6) for _ in range(20)] == [0] * 20
    assert [restarts.after(137, 0.5) for _ in range(20)] == [1] * 20


def test_a_daemon_that_says_that_it_cannot_start_is_not_started_again() -> None:
    scene = Scene(FakeProgram(0, CANNOT_START))
    assert scene.run() == 1
    assert scene.started == ["worker-0"]


def test_a_lost_id_ends_the_daemon_at_once_and_the_next_has_another() -> None:
    """SIGTERM would have KCL give away leases that are the other's by now."""

    def lose() -> None:
        scene.worker.lost = True

    first, second = FakeProgram(1000, 0, lose), FakeProgram(1000, 0, lambda: scene.stop.request())
    scene = Scene(first, second, ids=["worker-0", "worker-1"])
    assert scene.run() == STOPPED
    assert scene.started == ["worker-0", "worker-1"]
    assert (first.signals, second.signals) == ([signal.SIGKILL], [signal.SIGTERM])


def test_a_stop_before_there_is_an_id_starts_nothing() -> None:
    scene = Scene(ids=[None])
    assert scene.run() == STOPPED
    assert scene.started == []
    assert scene.worker.calls == ["take", "release"]


def test_who_has_lost_its_id_leaves_nothing_in_its_name() -> None:
    def lose_and_stop() -> None:
        scene.worker.lost = True
        scene.stop.request()

    scene = Scene(FakeProgram(1000, 0, lose_and_stop))
    scene.run()
    assert scene.worker.calls == ["take", "release"]


def test_ticks_are_called_while_the_daemon_runs() -> None:
    ticked = threading.Event()

    def stop_after_it() -> None:
        ticked.wait(60)
        scene.stop.request()

    scene = Scene(FakeProgram(10, 0, stop_after_it))
    scene.supervisor.ticks.append(ticked.set)
    assert scene.run() == STOPPED
    assert ticked.is_set()


def test_a_tick_that_fails_is_told_of_and_harms_nobody() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with capture_logs() as told:
        attempt(fail)
    assert told == [{"event": "failed beside KCL's daemon", "error": "ZeroDivisionError", "log_level": "error"}]


def exit_code(script: str, *signals: signal.Signals) -> int:
    process = Process([sys.executable, "-c", script], dict(os.environ))
    for number in signals:
        process.signal(number)
    while (code := process.poll()) is None:
        pass
    return code


def test_a_process_ends_with_its_code_or_with_its_signals() -> None:
    assert exit_code("raise SystemExit(7)") == 7
    assert exit_code("input()", signal.SIGKILL) == 137


def test_a_signal_to_a_process_that_has_ended_is_nobody_elses() -> None:
    process = Process([sys.executable, "-c", ""], dict(os.environ))
    while process.poll() is None:
        pass
    process.signal(signal.SIGKILL)
    assert process.poll() == 0


def test_a_process_is_out_of_reach_of_a_terminals_interrupt() -> None:
    same_group = f"import os; raise SystemExit(os.getpgrp() == {os.getpgrp()})"
    assert exit_code(same_group) == 0


def test_orphans_are_buried() -> None:
    """As the first process of a container has it: here the orphan is a child of ours."""
    orphan = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], dict(os.environ))
    assert exit_code("import time; time.sleep(1)") == 0
    with pytest.raises(ChildProcessError):
        os.waitpid(orphan, os.WNOHANG)
