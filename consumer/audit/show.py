"""An audit as people watch it and see what it found; or as a program reads it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from rich.table import Table
from sqlalchemy import Engine, insert

from consumer import reading
from consumer.archive import archive_objects
from consumer.audit.comparison import Comparison
from consumer.audit.horizon import horizon
from consumer.audit.run import Scope, audit, repair
from consumer.database import engine
from consumer.incarnation import kinesis_client, stream_incarnation
from consumer.letters import operator
from consumer.progress import Progress as ShardProgress
from consumer.publishing.source import current_book
from consumer.settings import StreamSettings
from consumer.tables import audits

MOST_SHOWN = 20


class Asked(NamedTuple):
    """``repair``: whether what is missing is stored; ``alert``: and told. ``buffer`` is what Firehose may hold."""

    sources: Sequence[str]
    begin: datetime | None
    end: datetime | None
    buffer: timedelta
    repair: bool
    alert: bool


class Found(msgspec.Struct, rename="camel"):
    """``horizon``: up to when an audit could ask. ``repaired``: anomalies added; null where no repair was asked for."""

    comparison: Comparison
    horizon: datetime
    repaired: int | None
    is_clean: bool


def watched(asked: Asked) -> Found:
    """Raises SettingsError, CrashError, DBAPIError, OSError or RetryError."""
    settings = StreamSettings.load()
    target, book = engine(settings.database, "payment-analytics audit"), current_book()
    latest = _horizon(settings, asked.buffer)
    objects = archive_objects(asked.sources, settings.aws_region)
    scope = Scope(settings.stream_name, asked.begin, min(asked.end or latest, latest))
    with reading.watched(objects) as advance:
        comparison = audit(target, book, objects, scope, advance)
    left, repaired = comparison, None
    if asked.repair:
        left = repair(target, book, objects, comparison, "pending" if asked.alert else "muted")
        repaired = len(comparison.missing) - len(left.missing)
    found = Found(comparison, latest, repaired, left.is_clean)
    remember(target, settings.stream_name, found)
    target.dispose()
    return found


def remember(target: Engine, stream: str, found: Found) -> None:
    """For those who look at the console."""
    with target.begin() as connection:
        values = {"by": operator(connection), "stream": stream, "is_clean": found.is_clean}
        connection.execute(insert(audits).values(**values, found=_counted(found)))


def _counted(found: Found) -> dict[str, object]:
    """Each list by its length."""
    document = msgspec.to_builtins(found.comparison)
    counts = {name: len(value) if isinstance(value, list) else value for name, value in document.items()}
    return {**counts, "horizon": _time(found.horizon), "repaired": found.repaired}


def _horizon(settings: StreamSettings, buffer: timedelta) -> datetime:
    kinesis = kinesis_client(settings.aws_region)
    target = engine(settings.database, "payment-analytics audit")
    incarnation = stream_incarnation(kinesis, settings.stream_name)
    states = ShardProgress(target, settings.application_name, incarnation).states({})
    target.dispose()
    return horizon(kinesis, settings.stream_name, states, buffer)


def as_json(found: Found) -> str:
    return msgspec.json.encode(found).decode()


def tables(found: Found) -> Iterator[Table]:
    comparison = found.comparison
    yield _counts(found)
    details = {
        "not stored": [(one.rule_id, str(one.trx_id), f"{one.object}:{one.line}") for one in comparison.missing],
        "not explained by the archive": [(one.rule_id, str(one.trx_id), "") for one in comparison.unexpected],
        "open dead letters": [(one.shard_id, one.sequence_number, str(one.line)) for one in comparison.unsettled],
        "neither evaluated nor a dead letter": [
            (one.reason, "", f"{one.object}:{one.line}") for one in comparison.forgotten
        ],
    }
    for title, rows in details.items():
        if rows:
            more = f", the first {MOST_SHOWN}" if len(rows) > MOST_SHOWN else ""
            table = Table(title=f"{len(rows):,} {title}{more}", title_justify="left", show_header=False)
            for row in rows[:MOST_SHOWN]:
                table.add_row(*row)
            yield table


def _counts(found: Found) -> Table:
    comparison = found.comparison
    table = Table(show_header=False, show_edge=False)
    table.add_column()
    table.add_column(justify="right")
    rows = {
        "received from": _time(comparison.begin),
        "received before": _time(comparison.end),
        "transactions in the archive": f"{comparison.transactions:,}",
        "of them distinct": f"{comparison.distinct:,}",
        "evaluated beyond those": f"{comparison.lacking:,}",
        "anomalies expected": f"{comparison.expected:,}",
        "anomalies stored": f"{comparison.stored:,}",
        "not stored": f"{len(comparison.missing):,}",
        "not explained by the archive": f"{len(comparison.unexpected):,}",
        "lines that cannot be evaluated": f"{comparison.dead_letters:,}",
        "open dead letters": f"{len(comparison.unsettled):,}",
        "neither evaluated nor a dead letter": f"{len(comparison.forgotten):,}",
    }
    if comparison.order_dependent:
        rows["stored by rules that depend on the order, not compared"] = f"{comparison.order_dependent:,}"
    if found.repaired is not None:
        rows["repaired"] = f"{found.repaired:,}"
    for name, count in rows.items():
        table.add_row(name, count)
    return table


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
