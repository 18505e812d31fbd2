"""Named windows: an aggregate over the transactions of one key in a span of time.

A window is over event time, half-open: ``(t - span, t]`` where ``t`` is the transaction's own ``transactionDate``.
Among equal times those up to the transaction's own trxId belong to it, itself included. Each trxId counts once,
however often it is delivered. What is dated too far from its receivedAt belongs to no window but its own: how far is
the rules' lateness.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from consumer.rules.tree import Aggregate, Digits

COUNT_DIGITS = 12
"""No window holds a million million transactions."""
AMOUNT = Digits(20, 18)
SPAN = re.compile(r"([1-9][0-9]{0,6})(s|m|h|d)")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LONGEST = timedelta(days=400)
LATENESS = timedelta(days=1)
LONGEST_LATENESS = timedelta(days=100 * 366)

DIGITS = {
    Aggregate.COUNT: Digits(COUNT_DIGITS, 0),
    Aggregate.SUM: Digits(AMOUNT.before + COUNT_DIGITS, AMOUNT.after),
    Aggregate.MAX: AMOUNT,
    Aggregate.AVERAGE: Digits(AMOUNT.before + COUNT_DIGITS, AMOUNT.after),
    Aggregate.DISTINCT: Digits(COUNT_DIGITS, 0),
    Aggregate.PREVIOUS_AMOUNT: AMOUNT,
    Aggregate.PREVIOUS_SECONDS: Digits(10, 6),
}
GROWING = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.MAX, Aggregate.DISTINCT})
"""These never get less when a transaction is added, for amounts are not negative."""


@dataclass(frozen=True)
class Declaration:
    """``of`` is what is counted apart, for a distinct count; ``by`` are the fields that make the key. ``lateness`` is
    that of its file.
    """

    name: str
    aggregate: Aggregate
    of: str
    by: tuple[str, ...]
    span: timedelta
    lateness: timedelta = LATENESS

    @property
    def is_nullable(self) -> bool:
        return self.aggregate in (Aggregate.PREVIOUS_AMOUNT, Aggregate.PREVIOUS_SECONDS)


def span_of(text: str) -> timedelta:
    """Of 90s, 15m, 1h or 7d. Raises ValueError, whose words end a sentence."""
    found = SPAN.fullmatch(text)
    if not found:
        raise ValueError("is no span of time: write it like 90s, 15m, 24h or 7d")
    return timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def windows_span(text: str) -> timedelta:
    """A span that a window can have; raises as `span_of`."""
    span = span_of(text)
    if span > LONGEST:
        raise ValueError(f"is out of bounds: a window spans {LONGEST.days} days at most")
    return span


def lateness_span(text: str) -> timedelta:
    """As `windows_span`."""
    span = span_of(text)
    if span > LONGEST_LATENESS:
        raise ValueError(f"is out of bounds: lateness is {LONGEST_LATENESS.days} days at most")
    return span
