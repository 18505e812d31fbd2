"""`python -m infra.cost`: what the deployment on AWS costs a month."""

import json
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from infra.cost import prices, show
from infra.cost.lines import bill
from infra.cost.sizes import SIZES, deployment
from infra.cost.traffic import Traffic

AT_REST = Traffic(0)
MUCH = Traffic(50_000, per_request=500)
SMALL = (AT_REST, Traffic(10))
USUAL = {
    "development": SMALL,
    "production": (*SMALL, Traffic(1000), Traffic(1000, per_request=100), MUCH),
}
WIDTH = 120

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Size(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


@app.command()
def cost(
    size: Annotated[Size | None, typer.Option(help="One size; both, if left out.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Transactions a second, day and night.")] = None,
    per_request: Annotated[int, typer.Option(min=1, max=5000, help="With --rate: transactions a request.")] = 1,
    with_prices: Annotated[bool, typer.Option("--prices", help="The list prices, and where each was read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Tell what the deployment costs a month, line by line, and what single choices change.

    Sizes and their numbers are those of infra/sizes.tf.

    Example: python -m infra.cost --size production --rate 250 --per-request 20
    """
    sizes = [size.value] if size else list(SIZES)
    asked = (AT_REST, Traffic(rate or 0, per_request))
    columns = [(one, traffic) for one in sizes for traffic in (USUAL[one] if rate is None else asked)]
    if as_json:
        print(json.dumps(_members(columns)))  # noqa: T201
        return
    console = Console(width=WIDTH)
    if with_prices:
        console.print(show.price_list(prices.listed()))
        return
    console.print(show.bills(columns), "", sep="\n")
    console.print(show.choices(sizes[-1], asked if rate else [AT_REST, Traffic(1000), MUCH]), "", show.NOTE, sep="\n")


def _members(columns: list[tuple[str, Traffic]]) -> dict[str, object]:
    bills = [
        {
            "size": size,
            "transactionsPerSecond": traffic.rate,
            "perRequest": traffic.per_request,
            "perRecord": traffic.per_record,
            "lines": {line: round(dollars, 2) for line, dollars in bill(deployment(size), traffic).items()},
        }
        for size, traffic in columns
    ]
    return {"region": prices.REGION, "lookedUp": prices.CHECKED, "currency": "USD", "bills": bills}


if __name__ == "__main__":
    app(prog_name="python -m infra.cost")
