"""Publishes an edition: announces it where windows must be filled first, tells its time, waits until all know it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from consumer.archive import ArchiveObject
from consumer.audit.horizon import ON_THE_WAY
from consumer.errors import CrashError
from consumer.publishing.fill import fill
from consumer.publishing.place import OVERTAKEN, Place
from consumer.publishing.reach import unfilled
from consumer.publishing.reports import ignorant
from consumer.publishing.source import NONE, published
from consumer.publishing.watch import EVERY_SECONDS
from consumer.reading import watched
from consumer.rules.book import NOTICE
from consumer.rules.editions import ANNOUNCED, Edition, Editions
from consumer.rules.ruleset import RuleSet

SOON = NOTICE + timedelta(seconds=30)
"""From the publication on, where no time is asked for: the publisher's clock and the consumers' may differ."""
PATIENCE_SECONDS = 6 * EVERY_SECONDS
Archive = Callable[[], Sequence[ArchiveObject]]


@dataclass(frozen=True)
class Filling:
    """``archive`` lists what there is now; ``buffer`` is what Firehose may still hold back."""

    archive: Archive
    buffer: timedelta


@dataclass(frozen=True)
class Wish:
    """``begin``: when it is to be in force; soon, where that is None."""

    text: str
    by: str
    begin: datetime | None = None


class Publisher:
    """``tell`` hears of each step. What was interrupted is published anew: an announced edition is replaced."""

    def __init__(
        self,
        place: Place,
        engine: Engine,
        application: str,
        tell: Callable[[str], object],
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._place = place
        self._engine = engine
        self._application = application
        self._tell = tell
        self._sleep = sleep
        self._now = now

    def publish(self, wish: Wish, filling: Filling | None, *, begins_empty: bool = False) -> Edition:
        """Raises FaultsError, CrashError, DBAPIError, OSError or RetryError. An edition whose time is told stays
        published, also where a consumer does not say that it knows it.
        """
        known = published(self._place)
        announced = known.editions.with_edition(wish.text, ANNOUNCED, wish.by, self._now())
        reach = unfilled(_settled(known.editions).book, announced.rules[-1])
        tag: str | None = known.tag if known.tag != NONE else None
        if reach and not begins_empty:
            if not filling:
                raise CrashError(
                    f"windows of these rules reach {_words(reach)} back, and nothing was kept for them: name the "
                    "archive that they are filled from (--archive), or let them begin empty (--begin-empty)"
                )
            tag = self._write(announced, tag)
            self._tell(f"edition {announced.last_number} is announced: consumers keep what its windows need")
            self._wait_until_known(tag)
            self._fill(announced.rules[-1], reach, filling)
            known = published(self._place)
            if known.tag != tag:
                raise CrashError("somebody else has published while the windows were filled: publish again")
        timed = _settled(known.editions).with_edition(wish.text, self._time(wish), wish.by, self._now())
        edition = timed.editions[-1]
        tag = self._write(timed, tag)
        self._tell(f"edition {edition.number} is in force from {edition.effective_from.isoformat()}")
        self._wait_until_known(tag)
        return edition

    def _time(self, wish: Wish) -> datetime:
        return wish.begin or self._now() + SOON

    def _write(self, found: Editions, over: str | None) -> str:
        self._place.write(found.written(), over)
        written = published(self._place)
        if written.editions.editions != found.editions:
            raise CrashError(OVERTAKEN)
        return written.tag

    def _wait_until_known(self, tag: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            with self._engine.connect() as connection:
                left = ignorant(connection, self._application, tag)
            self._engine.dispose()
            if not left:
                self._tell("every consumer that runs knows it")
                return
            if time.monotonic() > end:
                raise CrashError(
                    f"published, but not known to {', '.join(left)} after {PATIENCE_SECONDS:.0f} s: see rules list"
                )
            self._sleep(1)

    def _fill(self, rules: RuleSet, reach: timedelta, filling: Filling) -> None:
        """What was received until all kept it is in the archive a buffer later: what there is goes first."""
        kept_since = self._now()
        read = set[str]()
        for wait in (timedelta(0), filling.buffer + ON_THE_WAY):
            self._wait_for_the_archive((kept_since + wait - self._now()).total_seconds())
            objects = [one for one in filling.archive() if one.name not in read]
            read |= {one.name for one in objects}
            with watched(objects) as advance:
                count = fill(self._engine, rules, objects, kept_since - reach, advance)
            self._tell(f"{count:,} transactions of {len(objects):,} objects were put into the windows")

    def _wait_for_the_archive(self, seconds: float) -> None:
        if seconds > 0:
            self._tell(f"waiting {seconds:.0f} s for what is on its way to the archive")
            self._sleep(seconds)


def _settled(found: Editions) -> Editions:
    return Editions(found.editions[:-1], found.rules[:-1]) if found.is_announced else found


def _words(span: timedelta) -> str:
    return f"{span.days} days" if span.days > 1 else f"{span / timedelta(hours=1):,.1f} hours"
