"""The published rules as pages ask for them; read anew every few seconds."""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from consumer.detect import CONFLICTING_CONTENT
from consumer.errors import ConsumerError
from consumer.publishing.place import Place
from consumer.publishing.source import published
from consumer.rules import editions
from consumer.rules.book import Book
from consumer.rules.editions import EMPTY, Editions
from consumer.rules.ruleset import Rule, RuleSet, Severity

KEEP_SECONDS = 10
OF_CONFLICTS = Severity.HIGH
"""Two contents under one trxId: no rule of a file says how severe that is."""


class Known(NamedTuple):
    """``fault``: why they could not be read anew; what was known before stays."""

    editions: Editions
    fault: str | None


class Rulebook:
    def __init__(self, place: Place | None) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._known = Known(EMPTY, None)
        self._until = 0.0

    def known(self) -> Known:
        with self._lock:
            if time.monotonic() >= self._until:
                self._known = self._read()
                self._until = time.monotonic() + KEEP_SECONDS
            return self._known

    def _read(self) -> Known:
        try:
            return Known(published(self._place).editions, None)
        except ConsumerError as error:
            return Known(self._known.editions, str(error))

    def current(self) -> Book:
        """As it is published at this moment: what is judged by it is stored. Raises ConsumerError."""
        return published(self._place).editions.book

    def every(self) -> Iterator[RuleSet]:
        """The oldest first, beginning with those that ship."""
        return (page.rules for page in self.known().editions.book.pages)

    def severities(self) -> Mapping[str, Severity]:
        """Of each rule that there is or was, by id, as its last edition has it."""
        found = {rule.id: rule.severity for rules in self.every() for rule in rules.rules}
        return {**found, CONFLICTING_CONTENT: OF_CONFLICTS}

    def rule(self, rule_id: str, version: int) -> tuple[Rule, RuleSet] | None:
        """The last one of that id and version, and the file that it stands in."""
        for rules in reversed(list(self.every())):
            for rule in rules.rules:
                if (rule.id, rule.version) == (rule_id, version):
                    return rule, rules
        return None

    @property
    def shipped_text(self) -> str:
        return editions.SHIPPED.read_text(encoding="utf-8")
