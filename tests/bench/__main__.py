"""`make bench`: the producer beside its limits, in one run and in alternating rounds, each as a ratio to its limit."""

import statistics
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from tests.bench.closed_loop import Load, Outcome
from tests.bench.stage import candidates, drive

WARM_UP_SECONDS = 1.0
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Race(NamedTuple):
    """``limit`` and the others run beside `ours`; each of ``connections`` sends ``records`` a request."""

    title: str
    records: int
    connections: int
    limit: str
    others: tuple[str, ...]


RACES = (
    Race("500 transactions a request", 500, 8, "unchecked", ("plain",)),
    Race("1 transaction a request", 1, 64, "bare", ("plain",)),
)


@app.command()
def main(
    rounds: Annotated[int, typer.Option(min=1, help="Of each candidate, in turn.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long a round lasts.")] = 5,
) -> None:
    """Measures on two cores of this machine: the candidates have one, load and stream the other.

    Example: python -m tests.bench --rounds 3 --seconds 2
    """
    console = Console(width=120)
    for race in RACES:
        console.print(shown(race, held(race, rounds, seconds)))


def held(race: Race, rounds: int, seconds: float) -> dict[str, list[Outcome]]:
    names = (race.limit, "ours", *race.others)
    found: dict[str, list[Outcome]] = {name: [] for name in names}
    with candidates(*names) as ports:
        for turn in range(rounds + 1):
            for name in names:
                load = Load(ports[name], race.connections, race.records, seconds if turn else WARM_UP_SECONDS)
                outcome = drive(load)
                assert outcome.others == 0, f"{name} answered {outcome.others} requests with something else than 202"
                if turn:
                    found[name].append(outcome)
    return found


def shown(race: Race, found: dict[str, list[Outcome]]) -> Table:
    table = Table(title=race.title, title_justify="left", show_edge=False)
    for name in ("", "transactions/s", "spread", f"÷ {race.limit}", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right" if name else "left")
    limits = [rate(race, outcome) for outcome in found[race.limit]]
    for name, outcomes in found.items():
        rates = [rate(race, outcome) for outcome in outcomes]
        ratio = statistics.median(own / limit for own, limit in zip(rates, limits, strict=True))
        waits = [statistics.median(1000 * getattr(one, share) for one in outcomes) for share in ("p50", "p99")]
        table.add_row(
            name, f"{statistics.median(rates):,.0f}", spread(rates), f"{ratio:.2f}", *(f"{w:.1f}" for w in waits)
        )
    return table


def rate(race: Race, outcome: Outcome) -> float:
    return outcome.requests * race.records / outcome.lasted


def spread(rates: Sequence[float]) -> str:
    return f"{min(rates):,.0f} to {max(rates):,.0f}"


if __name__ == "__main__":
    app(prog_name="python -m tests.bench")
