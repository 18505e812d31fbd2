"""How far back windows reach, and whether what they need was kept."""

from collections.abc import Iterable
from datetime import timedelta

from consumer.recent.keys import kinds_of
from consumer.rules.book import Book
from consumer.rules.ruleset import RuleSet


def unfilled(known: Book, rules: RuleSet) -> timedelta | None:
    """How far back the rules' windows reach, where what they need was not kept so far; else None."""
    if not rules.asked:
        return None
    kept = {kind.by for kind in kinds_of(page.rules for page in known.pages)}
    reach = _reach([rules], max(rules.lateness, known.lateness))
    is_kept = reach <= reach_of(known) and all(window.by in kept for window in rules.asked)
    return None if is_kept else reach


def reach_of(book: Book) -> timedelta:
    """By receivedAt, before that of whoever asks; nothing, where there is no window."""
    return _reach([page.rules for page in book.pages], book.lateness)


def _reach(rules: Iterable[RuleSet], lateness: timedelta) -> timedelta:
    """Whoever asks may be as late as that, and what a window holds be received as much before its date."""
    spans = [window.span for one in rules for window in one.asked]
    return max(spans) + 2 * lateness if spans else timedelta(0)
