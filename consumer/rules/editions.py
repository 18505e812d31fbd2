"""All rules that were ever published, as they were written, and from when each edition of them is in force.

It is in force a minute after its publication at the earliest, so that by then everybody knows it; and until the next
one's time comes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from consumer.errors import CrashError
from consumer.rules import rulefile
from consumer.rules.book import ALWAYS, NOTICE, Book, InForce
from consumer.rules.document import FaultsError
from consumer.rules.ruleset import Rule, RuleSet
from consumer.rules.tree import windows_in

ANNOUNCED = datetime(9999, 12, 31, tzinfo=UTC)
"""The time of an edition whose windows are being filled: consumers keep what they need, and do not ask its rules."""
SHIPPED = Path(__file__).parents[1] / "rules.yaml"


class Edition(msgspec.Struct, frozen=True, rename="camel"):
    """``text`` is the file of rules as it was published; times are aware."""

    number: int
    effective_from: datetime
    published_at: datetime
    published_by: str
    text: str


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    editions: list[Edition]


@dataclass(frozen=True)
class Editions:
    """``editions`` by their number, which is the order of their times; ``rules`` has what each of them says."""

    editions: tuple[Edition, ...] = ()
    rules: tuple[RuleSet, ...] = ()

    @property
    def book(self) -> Book:
        """Before the first edition the rules that come with this package are in force."""
        published = zip(self.editions, self.rules, strict=True)
        return Book((*shipped().pages, *(InForce(edition.effective_from, rules) for edition, rules in published)))

    @property
    def last_number(self) -> int:
        """0 before the first one."""
        return self.editions[-1].number if self.editions else 0

    def with_edition(self, text: str, effective_from: datetime, by: str, now: datetime) -> "Editions":
        """One that is announced takes the place of another that is. Raises FaultsError where the text is wrong,
        CrashError where it cannot be published so.
        """
        rules = rulefile.read(text)
        known = Editions(self.editions[:-1], self.rules[:-1]) if self.is_announced else self
        if effective_from < now + NOTICE:
            raise CrashError(f"an edition is in force {NOTICE.seconds} s after its publication at the earliest")
        if known.editions and effective_from <= known.editions[-1].effective_from:
            last = known.editions[-1]
            raise CrashError(
                f"edition {last.number} is in force from {last.effective_from.isoformat()}: take a later time"
            )
        if changed := sorted(_changed_in_silence(known.rules, rules)):
            raise CrashError(f"raise the version of what has changed: {', '.join(changed)}")
        edition = Edition(known.last_number + 1, effective_from, now, by, text)
        return Editions((*known.editions, edition), (*known.rules, rules))

    @property
    def is_announced(self) -> bool:
        """The last edition waits for its time to be told."""
        return bool(self.editions) and self.editions[-1].effective_from == ANNOUNCED

    def written(self) -> bytes:
        """JSON, which `read` reads."""
        return msgspec.json.format(msgspec.json.encode(_Written(list(self.editions))), indent=2) + b"\n"


EMPTY = Editions()


def read(data: bytes) -> Editions:
    """Raises CrashError, which names what is wrong."""
    try:
        editions = msgspec.json.decode(data, type=_Written).editions
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CrashError(f"this is no book of rules: {error}") from None
    times = [edition.effective_from for edition in editions]
    if any(time.tzinfo is None for time in times) or times != sorted(set(times)):
        raise CrashError("this is no book of rules: its editions' times must have offsets, and follow each other")
    return Editions(tuple(editions), tuple(_rules_of(edition) for edition in editions))


def always(rules: RuleSet) -> Book:
    return Book((InForce(ALWAYS, rules),))


def shipped() -> Book:
    """Of the rules that come with this package: in force where no others are published."""
    return always(rulefile.read(SHIPPED.read_text(encoding="utf-8")))


def _rules_of(edition: Edition) -> RuleSet:
    try:
        return rulefile.read(edition.text)
    except FaultsError as error:
        raise CrashError(f"edition {edition.number} is wrong: {error.faults[0]}") from error


def _changed_in_silence(known: Sequence[RuleSet], found: RuleSet) -> Iterator[str]:
    """Rules that mean something else than a rule of the same id and version did, in any edition."""
    meant = {(rule.id, rule.version): _meaning(rules, rule) for rules in known for rule in rules.rules}
    for rule in found.rules:
        if meant.get((rule.id, rule.version), _meaning(found, rule)) != _meaning(found, rule):
            yield f"{rule.id} {rule.version}"


def _meaning(rules: RuleSet, rule: Rule) -> object:
    """What it matches; its words may change."""
    asked = {window.name for window in windows_in(rule.condition)}
    windows = [window for window in rules.windows_of(rule) if window.name in asked]
    return rule.condition, windows, rules.lateness if windows else None
