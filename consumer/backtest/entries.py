"""Entries of lists, as a backtest is given them."""

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


def asking(entries: Iterable[Entry]) -> IsListed:
    known = defaultdict[tuple[str, str], list[Entry]](list)
    for entry in entries:
        known[entry.list, entry.value].append(entry)

    def is_listed(name: str, value: str, at: datetime) -> bool:
        return any(
            entry.effective_from <= at and (entry.expires_at is None or at < entry.expires_at)
            for entry in known.get((name, value), ())
        )

    return is_listed
