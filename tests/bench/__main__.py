"""`make bench`: every figure beside its limit, in one run and in alternating rounds, as a ratio to it."""

import os
import platform
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from tests.bench import backtest, child, console, growth, producer, report, weighed, whole, windows
from tests.bench.figures import Figure, table
from tests.bench.stage import OTHER_CORE

Show = Callable[[Figure], None]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
told = Console(stderr=True, highlight=False, soft_wrap=True)


class Part(StrEnum):
    PRODUCER = "producer"
    WORKERS = "workers"
    CHILD = "child"
    SHARD = "shard"
    BILLED = "billed"
    LATENCY = "latency"
    SHARDS = "shards"
    ROWS = "rows"
    MEMORY = "memory"
    WINDOWS = "windows"
    BACKTEST = "backtest"
    CONSOLE = "console"


BOTH_CORES = {Part.LATENCY, Part.MEMORY, Part.BACKTEST, Part.CONSOLE}
"""Their processes share both cores, as on a user's machine."""


@app.command()
def main(
    only: Annotated[list[Part] | None, typer.Option(help="A part by its name; can be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Of each candidate, in turn.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long a round lasts, about.")] = 5,
    minutes: Annotated[float, typer.Option(min=0.1, max=60, help="How long memory is looked at.")] = 10,
    json: Annotated[Path | None, typer.Option(help="Where to write the figures.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="The report whose table is written anew.")] = None,
    of: Annotated[
        list[Path] | None, typer.Option(help="Measure nothing, report what --json wrote; can be repeated.")
    ] = None,
) -> None:
    """Measures on two cores of this machine: what is measured has one, load and the rest of the world the other.

    Example: python -m tests.bench --only producer --rounds 3 --seconds 2
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # no server outlives the run
    figures: list[Figure] = [one for file in of or [] for one in report.read(file)]

    def show(figure: Figure) -> None:
        told.print("  ".join(filter(None, figure.cells())), markup=False)
        figures.append(figure)
        if json:
            json.write_bytes(msgspec.json.encode(figures))

    for part in [] if of else only or list(Part):
        _measure(part, rounds, seconds, minutes, show)
    Console(width=200).print(table("", figures))
    if markdown:
        report.write(markdown, figures, machine(), datetime.now(UTC))


def _measure(part: Part, rounds: int, seconds: float, minutes: float, show: Show) -> None:
    measures: dict[Part, Callable[[], None]] = {
        Part.PRODUCER: lambda: producer.measure(rounds, seconds, show),
        Part.WORKERS: lambda: producer.workers(rounds, seconds, show),
        Part.CHILD: lambda: child.measure(rounds, seconds, show),
        Part.SHARD: lambda: weighed.one_shard(rounds, seconds, show),
        Part.BILLED: lambda: weighed.billed(rounds, seconds, show),
        Part.LATENCY: lambda: whole.latency(rounds, 4 * seconds, show),
        Part.SHARDS: lambda: growth.shards(rounds, seconds, show),
        Part.ROWS: lambda: growth.rows(rounds, show),
        Part.MEMORY: lambda: whole.memory(minutes, show),
        Part.WINDOWS: lambda: windows.measure(rounds, show),
        Part.BACKTEST: lambda: backtest.measure(rounds, show),
        Part.CONSOLE: lambda: console.measure(rounds, 6 * seconds, show),
    }
    cores = os.sched_getaffinity(0)
    if part not in BOTH_CORES:
        os.sched_setaffinity(0, {int(OTHER_CORE)})
    try:
        measures[part]()
    finally:
        os.sched_setaffinity(0, cores)


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    app(prog_name="python -m tests.bench")
