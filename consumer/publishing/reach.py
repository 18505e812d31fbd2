"""How far back windows reach, and whether what they need was kept."""

from datetime import timedelta

from consumer.recent.keys import kinds_of
from consumer.rules.book import Book
from consumer.rules.ruleset import RuleSet


def unfilled(known: Book, rules: RuleSet) -> timedelta | None:
    """How far back the rules' windows reach, where what they need was not kept so far; else None."""
    if not rules.asked:
        return None
    kept = {kind.by for kind in kinds_of(page.rules for page in known.pages)}
    reach = reach_of(rules)
    farthest = max((reach_of(page.rules) for page in known.pages), default=timedelta(0))
    return reach if reach > farthest or any(window.by not in kept for window in rules.asked) else None


def reach_of(rules: RuleSet) -> timedelta:
    """By receivedAt, before that of whoever asks."""
    spans = [window.span for window in rules.asked]
    return max(spans) + 2 * rules.lateness if spans else timedelta(0)
