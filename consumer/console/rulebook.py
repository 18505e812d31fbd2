"""The published rules as pages ask for them; looked for anew every few seconds."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from consumer.detect import CONFLICTING_CONTENT
from consumer.errors import ConsumerError
from consumer.publishing.place import Place
from consumer.publishing.source import NONE, published, read
from consumer.rules.book import Book
from consumer.rules.editions import EMPTY, SHIPPED, Editions
from consumer.rules.ruleset import Rule, RuleSet, Severity

KEEP_SECONDS = 10
OF_CONFLICTS = Severity.HIGH
"""Two contents under one trxId: no rule of a file says how severe that is."""


@dataclass(frozen=True)
class Known:
    """``every`` set of rules that there is or was, the oldest first, beginning with those that ship.

    ``severities`` of each rule by its id, as its last edition has it. ``fault``: why what is published now could not be
    read; what was known before stays.
    """

    editions: Editions
    every: Sequence[RuleSet]
    severities: Mapping[str, Severity]
    tag: str
    fault: str | None = None


class Rulebook:
    def __init__(self, place: Place | None) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._known = _known(EMPTY, NONE)
        self._until = 0.0

    def known(self) -> Known:
        with self._lock:
            if time.monotonic() >= self._until:
                self._known = self._read()
                self._until = time.monotonic() + KEEP_SECONDS
            return self._known

    def _read(self) -> Known:
        """It is a matter of a tenth of a second for many editions, so only what has changed is."""
        try:
            content = self._place.read() if self._place else None
            tag = content.tag if content else NONE
            if tag == self._known.tag:
                return replace(self._known, fault=None)
            return _known(read(content).editions, tag)
        except ConsumerError as error:
            return replace(self._known, fault=str(error))

    def current(self) -> Book:
        """As it is published at this moment: what is judged by it is stored. Raises ConsumerError."""
        return published(self._place).editions.book

    def severities(self) -> Mapping[str, Severity]:
        return self.known().severities

    def rule(self, rule_id: str, version: int) -> tuple[Rule, RuleSet] | None:
        """The last one of that id and version, and the file that it stands in."""
        for rules in reversed(self.known().every):
            for rule in rules.rules:
                if (rule.id, rule.version) == (rule_id, version):
                    return rule, rules
        return None

    @property
    def shipped_text(self) -> str:
        return SHIPPED.read_text(encoding="utf-8")


def _known(editions: Editions, tag: str) -> Known:
    every = [page.rules for page in editions.book.pages]
    found = {rule.id: rule.severity for rules in every for rule in rules.rules}
    return Known(editions, every, {**found, CONFLICTING_CONTENT: OF_CONFLICTS}, tag)
