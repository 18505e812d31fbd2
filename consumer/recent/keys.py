"""What a window is kept by: the values of some fields, as one key."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

import msgspec

from consumer.domain import Content
from consumer.rules.ruleset import RuleSet
from consumer.rules.vocabulary import ATTRIBUTES

By = tuple[str, ...]
"""Fields by their names on the wire."""
STRIPES = 2_048
"""PostgreSQL's table of locks holds some 6,400 of all connections together, as it comes."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Kind:
    """Windows by the same fields. ``grows_for``: what is dated this much later may match because of a transaction."""

    by: By
    grows_for: timedelta

    def key(self, content: Content) -> UUID:
        """128 bits of a hash: no two keys of this world are the same."""
        return _key(self.by, tuple(getattr(content, ATTRIBUTES[field]) for field in self.by))


@lru_cache(16_384)
def _key(by: By, values: tuple[object, ...]) -> UUID:
    """A batch asks for the same ones again and again."""
    return UUID(bytes=blake2b(_encode([by, values]), digest_size=16).digest())


def kinds_of(rules: Iterable[RuleSet]) -> list[Kind]:
    spans: dict[By, timedelta] = {}
    for one in rules:
        for window in one.asked:
            spans.setdefault(window.by, timedelta(0))
        for window in one.growing.asked:
            spans[window.by] = max(spans[window.by], window.span)
    return [Kind(by, spans[by]) for by in sorted(spans)]


def stripe(key: UUID) -> int:
    """Which of the locks stands for a key."""
    return key.int % STRIPES
