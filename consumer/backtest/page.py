"""The report as one page of HTML that needs nothing else: no network, no script."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from consumer.backtest.report import Report
from consumer.backtest.run import Scope
from consumer.rules.ruleset import RuleSet

MOST_BARS = 120


class Bar(NamedTuple):
    """Days from ``begin`` to ``end``; ``height`` in hundredths of the highest."""

    begin: date
    end: date
    matches: int
    height: float

    @property
    def label(self) -> str:
        return f"{self.begin}" if self.begin == self.end else f"{self.begin} to {self.end}"


def page(report: Report, candidate: RuleSet, title: str, scope: Scope) -> str:
    environment = Environment(
        loader=PackageLoader("consumer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = {rule.id: rule.when for rule in candidate.rules}
    return environment.get_template("backtest.html").render(
        report=report,
        title=title,
        scope=_words(scope, candidate),
        texts={rule.id: texts.get(rule.id, "") for rule in report.rules},
        charts={rule.id: list(bars(rule.days, MOST_BARS)) for rule in report.rules},
    )


def bars(days: Mapping[date, int], most: int) -> Iterator[Bar]:
    """From the first day to the last, without a gap; each of as many days, so that there are at most so many bars."""
    if not days:
        return
    first, last = min(days), max(days)
    spanned = (last - first).days + 1
    width = -(-spanned // most)
    counts = [0] * -(-spanned // width)
    for day, count in days.items():
        counts[(day - first).days // width] += count
    for number, count in enumerate(counts):
        begin = first + timedelta(days=number * width)
        yield Bar(begin, min(begin + timedelta(days=width - 1), last), count, round(100 * count / max(counts), 2))


def _words(scope: Scope, candidate: RuleSet) -> str:
    begin = f"from {scope.begin.isoformat()}" if scope.begin else "from the archive's first"
    end = f"before {scope.end.isoformat()}" if scope.end else "to its last"
    hours = candidate.lateness / timedelta(hours=1)
    late = f" What is dated more than {hours:,g} hours from its receipt is in no window but its own."
    return f"Received {begin} {end}.{late if candidate.asked else ''}"
