"""Entries of lists, and who is listed when."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from consumer.rules.evaluate import IsListed


class Entry(NamedTuple):
    """``value`` stands in ``list`` from one receivedAt on, and before another; for ever where that is None."""

    list: str
    value: str
    effective_from: datetime
    expires_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        return self.effective_from <= moment and (self.expires_at is None or moment < self.expires_at)


def asking(entries: Iterable[Entry]) -> IsListed:
    known = defaultdict[tuple[str, str], list[Entry]](list)
    for entry in entries:
        known[entry.list, entry.value].append(entry)

    def is_listed(name: str, value: str, at: datetime) -> bool:
        return any(entry.holds_at(at) for entry in known.get((name, value), ()))

    return is_listed


def nobody(_list: str, _value: str, _at: datetime) -> bool:
    """All lists are empty."""
    return False
