"""What was measured: a value a round, beside its limit of the same round."""

import statistics
from collections.abc import Callable, Iterable, Sequence

import msgspec
from rich.table import Table

HEAD = ("what", "measured", "spread", "limit of the same run", "ratio", "spread", "to reach", "")


class Figure(msgspec.Struct, frozen=True):
    """``values`` in ``unit``, one a round. With ``limits``, which ``limit`` names, the ratio counts, else the value.

    ``target`` is the least that is to be reached; with ``at_most`` the most.
    """

    what: str
    unit: str
    values: list[float]
    limit: str = ""
    limits: list[float] = []
    target: float | None = None
    at_most: bool = False

    @property
    def ratios(self) -> list[float]:
        return [value / limit for value, limit in zip(self.values, self.limits, strict=True)] if self.limits else []

    @property
    def is_reached(self) -> bool:
        found = statistics.median(self.ratios or self.values)
        return self.target is None or (found <= self.target if self.at_most else found >= self.target)

    def cells(self) -> tuple[str, ...]:
        ratio = (_two(statistics.median(self.ratios)), _spread(self.ratios, _two)) if self.limits else ("", "")
        limit = f"{self.limit}: {_number(statistics.median(self.limits))}" if self.limits else self.limit
        aim = "" if self.target is None else f"{'≤' if self.at_most else '≥'} {_number(self.target)}"
        verdict = "" if self.target is None else "✓" if self.is_reached else "✗"
        shown = f"{_number(statistics.median(self.values))} {self.unit}"
        return self.what, shown, _spread(self.values, _number), limit, *ratio, aim, verdict


def table(title: str, figures: Iterable[Figure]) -> Table:
    found = Table(title=title, title_justify="left", show_edge=False)
    for number, name in enumerate(HEAD):
        found.add_column(name, justify="left" if number in (0, 3) else "right")
    for figure in figures:
        found.add_row(*figure.cells())
    return found


def markdown(figures: Iterable[Figure]) -> str:
    rows = [HEAD, ("---", *("---:" for _ in HEAD[1:])), *(figure.cells() for figure in figures)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    return f"{show(min(values))} … {show(max(values))}" if len(values) > 1 else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def _two(value: float) -> str:
    return f"{value:.2f}"
