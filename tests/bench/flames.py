"""`make flames`: where the time goes, drawn by py-spy while a part of the benchmarks runs."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.bench.child import TRANSACTIONS_A_CALL, WARM_UP_CALLS, database, settings
from tests.bench.closed_loop import Load
from tests.bench.daemon import child, deliveries
from tests.bench.requests import wire_lines
from tests.bench.stage import OTHER_CORE, candidates, drive, served_sink

FOLDER = Path(__file__).parents[2] / "docs" / "flames"
WARM_UP_SECONDS = 2
START_SECONDS = 1.5
RATE = 100  # samples a second; more of them slow down what is looked at
LINES = 13
TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')  # which names folders of this machine
told = Console(stderr=True, highlight=False)


@contextmanager
def drawn(pid: int, file: Path, seconds: int, *options: str) -> Iterator[None]:
    """The block's process is looked at for so long, which the block must last."""
    command = ["record", "--pid", str(pid), "--duration", str(seconds), "--rate", str(RATE), "--function", *options]
    spy = subprocess.Popen(
        ["taskset", "-c", OTHER_CORE, str(Path(sys.executable).parent / "py-spy"), *command, "--output", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield
        _, said = spy.communicate(timeout=60)
    finally:
        spy.kill()
    assert spy.returncode == 0, said
    file.write_text(TITLE.sub(rf"\1{file.stem}", file.read_text("utf-8"), count=1), "utf-8")


def producer(connections: int, records: int) -> Callable[[Path, int], None]:
    def draw(file: Path, seconds: int) -> None:
        with served_sink() as sink, candidates(sink, "ours") as served:
            ours = served["ours"]
            drive(Load(ours.port, connections, records, WARM_UP_SECONDS))
            with drawn(ours.pid, file, seconds, "--gil"):
                drive(Load(ours.port, connections, records, seconds + START_SECONDS))

    return draw


def consumer_child(anomalies: float, at_most: int) -> Callable[[Path, int], None]:
    """``at_most``: transactions a second. Waits for PostgreSQL are drawn too, to be compared with the child's work."""

    def draw(file: Path, seconds: int) -> None:
        lasts = seconds + START_SECONDS
        calls = WARM_UP_CALLS + int(lasts * at_most / TRANSACTIONS_A_CALL)
        some = list(deliveries(calls, TRANSACTIONS_A_CALL // LINES, LINES, wire_lines(anomalies)))
        with database() as server, child("consumer.main", **settings(server).environment()) as daemon:
            daemon.deliver(some[:WARM_UP_CALLS])
            with drawn(daemon.process.pid, file, seconds, "--idle"):
                ends = time.monotonic() + lasts
                for one in some[WARM_UP_CALLS:]:
                    if time.monotonic() < ends:
                        daemon.deliver([one])

    return draw


GRAPHS = {
    "producer-500-a-request": producer(8, 500),
    "producer-1-a-request": producer(64, 1),
    "child-1-percent-anomalies": consumer_child(0.01, 200_000),
    "child-61-percent-anomalies": consumer_child(0.61, 70_000),
}


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(GRAPHS)}; can be repeated.")] = None,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="How long each is looked at.")] = 10,
    folder: Annotated[Path, typer.Option(help="Where the drawings go.")] = FOLDER,
) -> None:
    """Draws a flame graph of each hot path while it is under load, as SVG.

    Example: python -m tests.bench.flames --only producer-1-a-request --seconds 10
    """
    if unknown := set(only or ()) - GRAPHS.keys():
        raise typer.BadParameter(f"no such graph: {', '.join(sorted(unknown))}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in only or GRAPHS:
        told.print(f"{name} …")
        GRAPHS[name](folder / f"{name}.svg", seconds)
        typer.echo(folder / f"{name}.svg")


if __name__ == "__main__":
    typer.run(main)
