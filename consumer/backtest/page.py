"""The report as one page of HTML that needs nothing else: no network, no script."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple, cast

from jinja2 import Environment, PackageLoader, StrictUndefined

from consumer.backtest.report import Report, RuleReport
from consumer.backtest.run import Scope
from consumer.rules.ruleset import RuleSet

MOST_BARS = 120


class Bar(NamedTuple):
    """Days or hours from ``begin`` to ``end``; ``height`` in hundredths of the highest."""

    begin: date
    end: date
    matches: int
    height: float

    @property
    def label(self) -> str:
        return self.first if self.begin == self.end else f"{self.first} to {self.last}"

    @property
    def first(self) -> str:
        return _moment(self.begin)

    @property
    def last(self) -> str:
        return _moment(self.end)


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
        charts={rule.id: list(bars(counts(rule), MOST_BARS)) for rule in report.rules},
    )


def counts(rule: RuleReport) -> Mapping[date, int]:
    """By hour where there is no more than that to see, else by day."""
    return rule.days if rule.hours is None else cast("Mapping[date, int]", rule.hours)


def bars(counts: Mapping[date, int], most: int) -> Iterator[Bar]:
    """From the first day or hour to the last, without a gap; each of as many, and no more bars than ``most``."""
    if not counts:
        return
    first, last = min(counts), max(counts)
    unit = timedelta(hours=1) if isinstance(first, datetime) else timedelta(days=1)
    spanned = (last - first) // unit + 1
    width = -(-spanned // most)
    sums = [0] * -(-spanned // width)
    for period, count in counts.items():
        sums[(period - first) // unit // width] += count
    for number, count in enumerate(sums):
        begin = first + number * width * unit
        yield Bar(begin, min(begin + (width - 1) * unit, last), count, round(100 * count / max(sums), 2))


def _moment(period: date) -> str:
    return f"{period:%Y-%m-%d %H:00}" if isinstance(period, datetime) else f"{period}"


def _words(scope: Scope, candidate: RuleSet) -> str:
    begin = f"from {scope.begin.isoformat()}" if scope.begin else "from the archive's first"
    end = f"before {scope.end.isoformat()}" if scope.end else "to its last"
    unit, name = (
        (timedelta(days=1), "days") if candidate.lateness > timedelta(days=2) else (timedelta(hours=1), "hours")
    )
    lateness = f"{candidate.lateness / unit:,g} {name}"
    late = f" What is dated more than {lateness} from its receipt is in no window but its own."
    return f"Received {begin} {end}.{late if candidate.asked else ''}"
