"""The producer beside its limits, and beside the plain way to write it."""

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.bench.closed_loop import Load, Outcome
from tests.bench.figures import Figure
from tests.bench.requests import KEY_TEXT
from tests.bench.stage import candidates, drive, served_sink
from tests.load import open_loop
from tests.load.process import elsewhere, percentile

WARM_UP_SECONDS = 1.0
LONGEST_P99_MS = 25


class Race(NamedTuple):
    """``limit`` and `plain` run beside `ours`; each of ``connections`` sends ``records`` a request."""

    records: int
    connections: int
    limit: str
    of_limit: float
    of_plain: float

    @property
    def title(self) -> str:
        return f"producer, {self.records} transaction{'s' if self.records > 1 else ''} a request"


RACES = (Race(500, 8, "unchecked", 0.70, 2.5), Race(1, 64, "bare", 0.40, 20))


def measure(rounds: int, seconds: float, show: Callable[[Figure], None]) -> None:
    for race in RACES:
        found, busy = _held(race, rounds, seconds)
        rates = {name: [one.requests * race.records / one.lasted for one in some] for name, some in found.items()}
        for limit, target in ((race.limit, race.of_limit), ("plain", race.of_plain)):
            show(Figure(race.title, "transactions/s", rates["ours"], limit, rates[limit], target))
        title = f"{race.title}: share of its core"
        show(Figure(title, "", busy["ours"], race.limit, busy[race.limit]))
        waits = [1000 * one.p99 for one in found["ours"]]
        most = LONGEST_P99_MS if race.records == 1 else None
        show(Figure(f"{race.title}, {race.connections} connections: p99", "ms", waits, target=most, at_most=True))
        half = statistics.median(rates["ours"]) / race.records / 2
        waits = _waits(race, half, rounds, seconds)
        show(Figure(f"{race.title}, open loop at half of that: p99", "ms", waits, target=most, at_most=True))


def workers(rounds: int, seconds: float, show: Callable[[Figure], None]) -> None:
    """Two processes on the one core, with half of the connections each, beside one."""
    for race in RACES:
        with served_sink() as sink, candidates(sink, "ours", "ours too") as served, ThreadPoolExecutor(2) as pool:
            one, two = list[float](), list[float]()
            for turn in range(rounds + 1):
                lasts = seconds if turn else WARM_UP_SECONDS
                alone = [Load(served["ours"].port, race.connections, race.records, lasts)]
                both = [Load(found.port, race.connections // 2, race.records, lasts) for found in served.values()]
                for loads, rates in ((alone, one), (both, two)):
                    rates.append(sum(each.requests * race.records / each.lasted for each in pool.map(drive, loads)))
            show(Figure(f"{race.title}, two processes on one core", "transactions/s", two[1:], "one process", one[1:]))


def _waits(race: Race, rate: float, rounds: int, seconds: float) -> list[float]:
    """The 99th percentile of each round, in milliseconds, from the moment when a request was due."""
    with served_sink() as sink, candidates(sink, "ours") as served:
        found = []
        for turn in range(rounds + 1):
            load = open_loop.Load(
                served["ours"].port, KEY_TEXT, rate, race.records, seconds if turn else WARM_UP_SECONDS
            )
            outcome = elsewhere(open_loop.run, load)
            assert set(outcome.statuses) == {202}, outcome.statuses
            assert outcome.unsent == outcome.lost == 0
            found.append(1000 * percentile(outcome.seconds[202], 0.99))
    return found[1:]


def _held(race: Race, rounds: int, seconds: float) -> tuple[dict[str, list[Outcome]], dict[str, list[float]]]:
    """By name, the outcome of each round, and the share of its core that it took."""
    names = (race.limit, "ours", "plain")
    busy: dict[str, list[float]] = {name: [] for name in names}
    found: dict[str, list[Outcome]] = {name: [] for name in names}
    with served_sink() as sink, candidates(sink, *names) as served:
        for turn in range(rounds + 1):
            for name in names:
                load = Load(served[name].port, race.connections, race.records, seconds if turn else WARM_UP_SECONDS)
                before = served[name].cpu_seconds
                outcome = drive(load)
                assert outcome.others == 0, f"{name} answered {outcome.others} requests with something else than 202"
                if turn:
                    found[name].append(outcome)
                    busy[name].append((served[name].cpu_seconds - before) / outcome.lasted)
    return found, busy
