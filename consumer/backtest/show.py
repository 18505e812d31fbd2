"""A backtest as people watch it and see its report; or as a program reads it."""

import os
from collections.abc import Iterator, Sequence

import msgspec
import typer
from rich.table import Table

from consumer import lists, reading
from consumer.archive import archive_objects
from consumer.backtest.backtest import Settings, backtest
from consumer.backtest.page import bars, counts
from consumer.backtest.report import Report, RuleReport
from consumer.database import engine
from consumer.letters_shown import readable
from consumer.rules.entries import Entry
from consumer.rules.ruleset import RuleSet
from consumer.settings import DatabaseSettings

BARS = " ▁▂▃▄▅▆▇█"
MOST_BARS = 40


def watched(candidate: RuleSet, current: RuleSet | None, sources: Sequence[str], settings: Settings) -> Report:
    """Raises CrashError, OSError or RetryError."""
    objects = archive_objects(sources, os.environ.get("AWS_REGION"))
    with reading.watched(objects) as advance:
        return backtest(candidate, current, objects, settings, advance)


def entries(*asked: RuleSet | None) -> Sequence[Entry]:
    """Of the lists that the rules ask for, as the database has them. Raises SettingsError or DBAPIError."""
    names = {name for rules in asked if rules for rule in rules.rules for name in rule.lists}
    if not names:
        return ()
    if "DATABASE_URL" not in os.environ:
        typer.echo(f"without DATABASE_URL these lists are empty: {', '.join(sorted(names))}", err=True)
        return ()
    database = engine(DatabaseSettings.load().database, "payment-analytics backtest")
    with database.connect() as connection:
        return lists.entries(connection)


def as_json(report: Report) -> str:
    return msgspec.json.encode(report).decode()


def tables(report: Report) -> Iterator[Table]:
    yield _rules(report)
    yield _samples(report.rules)
    if report.accounts:
        yield _accounts(report)


def _rules(report: Report) -> Table:
    lines = f"{report.transactions:,} transactions"
    if report.undecodable:
        lines += f", {report.undecodable:,} lines that cannot be evaluated"
    emails = "1 e-mail" if report.emails == 1 else f"{report.emails:,} e-mails"
    table = Table(title=f"{lines}: {report.matches:,} matches, {emails}", title_justify="left")
    table.add_column("rule")
    for name in ("matches", "added", "removed"):
        table.add_column(name, justify="right")
    table.add_column("by hour" if any(rule.hours for rule in report.rules) else "by day")
    for rule in report.rules:
        name = f"{rule.id} {'dropped' if rule.version is None else rule.version}"
        table.add_row(name, f"{rule.matches:,}", _signed(rule.added, "+"), _signed(rule.removed, "-"), _drawn(rule))
    return table


def _signed(count: int | None, sign: str) -> str:
    return "" if count is None else f"{sign}{count:,}" if count else "0"


def _drawn(rule: RuleReport) -> str:
    """From the first day or hour to the last; the highest bar is the most of any."""
    found = list(bars(counts(rule), MOST_BARS))
    if len(found) < 2:
        return found[0].label if found else ""
    drawn = "".join(BARS[-(-int(bar.height * (len(BARS) - 1)) // 100)] for bar in found)
    return f"{found[0].first} {drawn} {found[-1].last}"


def _samples(rules: Sequence[RuleReport]) -> Table:
    table = Table("rule", "transaction", "made at", "why", title="Latest matches", title_justify="left")
    for rule in rules:
        for sample in rule.samples:
            table.add_row(rule.id, sample.trx_id, sample.transaction_date, _printable(sample.explanation))
    return table


def _accounts(report: Report) -> Table:
    table = Table(title="Senders with the most matches", title_justify="left")
    table.add_column("sender")
    table.add_column("matches", justify="right")
    table.add_column("amount", justify="right")
    for account in report.accounts:
        table.add_row(_printable(account.sender_id), f"{account.matches:,}", account.amount)
    return table


def _printable(text: str) -> str:
    return readable(text.encode())
