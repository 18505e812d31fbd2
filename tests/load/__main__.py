"""Measures the producer under load, in processes of their own and for a bounded time; prints a table.

Exit code 1 says that a promise did not hold. All of it happens on loopback.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.load import connections as crowd
from tests.load import overload as above
from tests.load.process import MIB, percentile
from tests.load.sink import Manner

WAITS = ("p50 202", "p99 202", "p50 503", "p99 503")
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def overload(
    capacity: Annotated[int, typer.Option(min=100, help="Records a second that the stream takes.")] = 2500,
    records: Annotated[int, typer.Option(min=1, max=5000, help="Records a request.")] = 100,
    seconds: Annotated[float, typer.Option(min=1, max=120, help="How long each load lasts.")] = 15,
    manner: Annotated[Manner, typer.Option(help="What the stream does beyond.")] = "slow",
) -> None:
    """Load up to ten times of what the stream takes: goodput, waits, memory, and whether what was accepted is there."""
    measured = above.measure(capacity, records, seconds, manner)
    table = Table("times", "offered/s", "accepted/s", "202", "503", "other", "unsent", *WAITS, "peak MiB")
    for step in measured.steps:
        statuses = step.outcome.statuses
        other = sum(statuses.values()) - statuses[202] - statuses[503] + step.outcome.lost
        figures = (f"{step.times:g}", f"{step.offered:,.0f}", f"{step.accepted:,.0f}")
        counts = (statuses[202], statuses[503], other, step.outcome.unsent)
        waits = [f"{step.seconds(status, share):,.2f} s" for status in (202, 503) for share in (0.5, 0.99)]
        table.add_row(*figures, *map(str, counts), *waits, f"{step.peak_bytes / MIB:.0f}")
    goodput, growth = measured.goodput_share, measured.growth_bytes / MIB
    missing = sum(step.missing for step in measured.steps)
    words = (
        f"at the highest load {goodput:.0%} of the peak goodput; memory +{growth:.0f} MiB; accepted, missing: {missing}"
    )
    _show(table, words, measured.broken())


@app.command()
def connections(
    company: Annotated[int, typer.Option(min=1, max=5000, help="Idle and dripping connections.")] = 1000,
    seconds: Annotated[float, typer.Option(min=1, max=300, help="How long, alone and in company.")] = 30,
) -> None:
    """A well-behaved client beside a thousand connections that do not get on."""
    measured = crowd.measure(company, seconds)
    table = Table("connections beside", "requests", "answered 202", "p50", "p99", "memory MiB")
    rows = ((0, measured.alone, measured.idle_bytes), (company, measured.beside, measured.peak_bytes))
    for count, outcome, size in rows:
        waits = (percentile(outcome.seconds.get(202, []), share) for share in (0.5, 0.99))
        requests = sum(outcome.statuses.values()) + outcome.lost + outcome.unsent
        times = (f"{wait * 1000:.1f} ms" for wait in waits)
        table.add_row(str(count), str(requests), str(outcome.statuses[202]), *times, f"{size / MIB:.0f}")
    words = (
        f"{measured.reopened} of them were ended and opened again; {measured.bytes_a_connection / 1024:.0f} KiB each"
    )
    _show(table, words, measured.broken())


def _show(table: Table, words: str, broken: list[str]) -> None:
    console = Console(width=140)
    console.print(table)
    console.print(words)
    for fault in broken:
        console.print(f"broken: {fault}", style="red")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    app(prog_name="python -m tests.load")
