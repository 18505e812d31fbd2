"""The bill on a terminal."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from infra.cost import prices
from infra.cost.choices import changes
from infra.cost.lines import bill
from infra.cost.sizes import deployment
from infra.cost.traffic import Traffic

NOTE = (
    f"List prices of {prices.REGION}, looked up on {prices.CHECKED}; no free tier, no tax; a month of 730 hours.\n"
    "--prices says where each price was read."
)
NOTHING = "·"


def heading(traffic: Traffic) -> str:
    if not traffic.rate:
        return "at rest"
    batched = f"\n{traffic.per_request:,} a request" if traffic.per_request > 1 else ""
    packed = f"\n{traffic.per_record:,} a record" if traffic.per_record > 1 else ""
    return f"{traffic.rate:,g}/s{batched}{packed}"


def _under(size: str, traffic: Traffic, first: Traffic) -> str:
    return f"{size if traffic == first else ''}\n{heading(traffic)}"


def bills(columns: Sequence[tuple[str, Traffic]]) -> Table:
    """A column for each size and traffic, those of one size together."""
    found = [bill(deployment(size), traffic) for size, traffic in columns]
    first = dict(reversed(columns))
    table = _table("dollars a month", [_under(size, traffic, first[size]) for size, traffic in columns])
    for line in found[0]:
        if any(costs[line] for costs in found):
            table.add_row(line, *(_dollars(costs[line]) for costs in found))
    table.add_section()
    table.add_row("total", *(_dollars(sum(costs.values())) for costs in found), style="bold")
    return table


def choices(size: str, traffics: Sequence[Traffic]) -> Table:
    found = [changes(deployment(size), traffic) for traffic in traffics]
    table = _table(f"what a choice changes, {size}", [heading(traffic) for traffic in traffics])
    for name in found[0]:
        table.add_row(name, *(_difference(differences[name]) for differences in found))
    return table


def price_list(listed: Mapping[str, prices.Price]) -> Table:
    table = Table(show_edge=False, box=box.SIMPLE_HEAD)
    table.add_column(f"price, {prices.REGION}")
    table.add_column("dollars", justify="right")
    for column in ("a", "read in"):
        table.add_column(column)
    for name, price in listed.items():
        table.add_row(name, f"{price.usd:.9f}".rstrip("0").rstrip("."), price.unit, price.source)
    return table


def _table(first: str, columns: Sequence[str]) -> Table:
    table = Table(show_edge=False, box=box.SIMPLE_HEAD)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _dollars(cost: float) -> str:
    return f"{cost:,.0f}" if cost else NOTHING


def _difference(cost: float) -> str:
    return f"{cost:+,.0f}" if round(cost) else NOTHING
