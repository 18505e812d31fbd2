"""What `python -m consumer rules` does with published rules, and how people see it."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import typer
from rich.table import Table
from sqlalchemy import Engine

from consumer.archive import archive_objects
from consumer.backtest import show
from consumer.backtest.backtest import Settings
from consumer.backtest.run import Scope
from consumer.database import engine
from consumer.errors import CrashError
from consumer.letters import operator
from consumer.letters_shown import readable
from consumer.publishing.place import Place
from consumer.publishing.publish import Filling, Publisher, Wish
from consumer.publishing.reports import Report, reports
from consumer.publishing.source import published, settled_place
from consumer.repairs import output
from consumer.replay import instant
from consumer.rules.editions import ANNOUNCED, SHIPPED
from consumer.rules.explain import shown
from consumer.rules.ruleset import RuleSet
from consumer.settings import ApplicationSettings


class EditionShown(msgspec.Struct, rename="camel"):
    """``effective_from``: null while its windows are being filled."""

    number: int
    effective_from: datetime | None
    published_at: datetime
    published_by: str
    rules: list[str]


class Overview(msgspec.Struct, rename="camel"):
    editions: list[EditionShown]
    consumers: list[Report]


@dataclass(frozen=True)
class Publication:
    """As `rules publish` is asked for it; ``buffer`` in seconds."""

    text: str
    begin: str | None
    sources: Sequence[str]
    buffer: int
    by: str | None
    begins_empty: bool


def publish(asked: Publication, tried: RuleSet) -> None:
    """``tried``: what the text says. Raises SettingsError, ConsumerError, DBAPIError or OSError."""
    settings = ApplicationSettings.load()
    target, place = _database(settings), _place()
    with target.connect() as connection:
        author = asked.by or operator(connection)
    filling = None
    if asked.sources:
        current = published(place).editions.book.pages[-1].rules
        how = Settings(Scope(), show.entries(tried, current))
        report = show.watched(tried, current, asked.sources, how)
        for table in show.tables(report):
            output().print(table)
        listed = partial(archive_objects, asked.sources, settings.aws_region)
        filling = Filling(listed, timedelta(seconds=asked.buffer))
    wish = Wish(asked.text, author, instant(asked.begin) if asked.begin else None)
    publisher = Publisher(place, target, settings.application_name, partial(typer.echo, err=True))
    publisher.publish(wish, filling, begins_empty=asked.begins_empty)


def overview() -> Overview:
    """Raises as `publish`."""
    settings = ApplicationSettings.load()
    found = published(settled_place()).editions
    with _database(settings).connect() as connection:
        known = reports(connection, settings.application_name)
    editions = [
        EditionShown(
            edition.number,
            None if edition.effective_from == ANNOUNCED else edition.effective_from,
            edition.published_at,
            edition.published_by,
            [f"{rule.id} {rule.version}" for rule in rules.rules],
        )
        for edition, rules in zip(found.editions, found.rules, strict=True)
    ]
    return Overview(editions, known)


def as_json(found: Overview) -> str:
    return msgspec.json.encode(found).decode()


def tables(found: Overview) -> Iterator[Table]:
    editions = Table("edition", "in force from", "published", "by", "rules")
    editions.add_row("0", "always", "", "", "those that ship")
    for one in found.editions:
        begin = shown(one.effective_from) if one.effective_from else "announced: windows are being filled"
        editions.add_row(str(one.number), begin, shown(one.published_at), _seen(one.published_by), ", ".join(one.rules))
    yield editions
    consumers = Table("consumer", "last edition", "said so", "")
    for report in found.consumers:
        consumers.add_row(report.worker, str(report.edition), shown(report.reported_at), _seen(report.fault or ""))
    yield consumers


def _seen(words: str) -> str:
    """Somebody else's words."""
    return readable(words.encode("utf-8", "surrogateescape"))


def text_of(number: int | None) -> str:
    """Raises CrashError or RetryError."""
    found = published(settled_place()).editions
    if number is None:
        number = found.last_number
    if number == 0:
        return SHIPPED.read_text(encoding="utf-8")
    for edition in found.editions:
        if edition.number == number:
            return edition.text
    raise CrashError(f"there is no edition {number}: the last one is {found.last_number}")


def difference(one: str | None, other: str | None) -> Iterator[str]:
    """From ``one`` to ``other``, in the unified form; each a file or an edition's number, None for the last edition."""
    texts = [_text(name).splitlines() for name in (one, other)]
    names = [f"edition {name or 'last'}" if name is None or name.isdecimal() else name for name in (one, other)]
    return difflib.unified_diff(texts[0], texts[1], names[0], names[1], lineterm="")


def _text(name: str | None) -> str:
    if name is None or name.isdecimal():
        return text_of(int(name) if name else None)
    try:
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CrashError(f"{name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CrashError(f"{name} is not UTF-8 (at byte {error.start})") from None


def _place() -> Place:
    place = settled_place()
    if not place:
        raise CrashError("RULES is missing: where the rules are published, a path or s3://bucket/key")
    return place


def _database(settings: ApplicationSettings) -> Engine:
    return engine(settings.database, "payment-analytics rules")
