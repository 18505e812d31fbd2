"""What rules with windows say of transactions, and of those before them whose windows have grown by them.

Whatever is stored with the answer, these keys are locked from the first look until it is committed: of two batches that
meet in a key, the second sees all of the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from consumer.domain import Content, Finding, Transaction
from consumer.lists import Lists
from consumer.recent import state
from consumer.recent.keys import Kind, kinds_of
from consumer.recent.state import Identity, Place, Row, Stretch
from consumer.recent.values import Question, values_of
from consumer.rules.book import Book
from consumer.rules.entries import nobody
from consumer.rules.evaluate import IsListed, Values


@dataclass
class _Grown:
    """``new``: what was not there. ``alone``: what is in no window but its own, for it is late, or has another content
    than what is known. Of each key, the places of new transactions, and how far behind them they matter.
    """

    new: set[Identity] = field(default_factory=set)
    alone: set[int] = field(default_factory=set)
    places: dict[UUID, list[Place]] = field(default_factory=dict)
    spans: dict[UUID, timedelta] = field(default_factory=dict)

    @property
    def stretches(self) -> list[Stretch]:
        return [
            one
            for key, found in self.places.items()
            if self.spans[key]
            for one in _stretches(key, found, self.spans[key])
        ]


class Judge:
    """Of a book of rules. Where none of them has a window, or asks for a list, nothing is done at all."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._pages = book.pages
        self._kinds: dict[int, list[Kind]] = {}
        self._lists = Lists()
        self._is_listed: IsListed = nobody

    def hold(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """To be called first, and with all that this database transaction is going to ask `judged` about."""
        if self._book.has_lists:
            self._is_listed = self._lists.asked(connection)
        if self._book.has_windows:
            state.lock(connection, {key for one in findings for _, key in self._keys(one.transaction)})

    def judged(self, connection: Connection, findings: Sequence[Finding]) -> list[Finding]:
        """The findings with what rules with windows add, and behind them others that are known and match now."""
        if not self._book.has_windows and not self._book.has_lists:
            return list(findings)
        grown = self._remember(connection, findings)
        questions = [self._question(number, one, grown) for number, one in enumerate(findings)]
        questions += self._again(connection, grown, {_identity(one) for one in findings})
        values = values_of(connection, questions, self._book.lateness)
        answered = [self._answered(one, known) for one, known in zip(questions, values, strict=True)]
        later = len(findings)
        return answered[:later] + [one for one in answered[later:] if one.matches]

    def fill(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """Windows hold these from now on. Nothing is asked: that is for windows which no rule in force uses yet."""
        self._remember(connection, findings)

    def _question(self, number: int, finding: Finding, grown: _Grown) -> Question:
        """Rules that depend on the order of arrivals are asked once."""
        rules = self._book.at(finding.transaction.received_at)
        is_alone = number in grown.alone
        is_first = is_alone or _identity(finding) in grown.new
        return Question(finding, rules.stateful if is_first else rules.lasting, is_alone)

    def _again(self, connection: Connection, grown: _Grown, asked: set[Identity]) -> list[Question]:
        stretches = grown.stretches
        known = state.within(connection, stretches, self._book.lateness) if stretches else []
        return [
            Question(one, self._book.at(one.transaction.received_at).growing)
            for one in known
            if _identity(one) not in asked
        ]

    def _answered(self, question: Question, values: Values) -> Finding:
        finding = question.finding
        more = question.rules.matches(finding.transaction, values, self._is_listed)
        return msgspec.structs.replace(finding, matches=(*finding.matches, *more)) if more else finding

    def _remember(self, connection: Connection, findings: Sequence[Finding]) -> _Grown:
        rows, grown = dict[tuple[UUID, Identity], Row](), _Grown()
        contents, counted = dict[UUID, Content](), set[tuple[UUID, UUID]]()
        for number, one in enumerate(findings):
            transaction = one.transaction
            in_time = self._book.at(transaction.received_at).is_in_time(transaction)
            if (
                not in_time
                or contents.setdefault(transaction.transaction_id, transaction.content) != transaction.content
            ):
                grown.alone.add(number)
                continue
            for kind, key in self._keys(transaction):
                grown.spans[key] = max(kind.grows_for, grown.spans.get(key, kind.grows_for))
                counts = (key, transaction.transaction_id) not in counted
                rows.setdefault((key, _identity(one)), state.row(one, key, counts=counts))
                counted.add((key, transaction.transaction_id))
        remembered = state.remember(connection, list(rows.values())) if rows else state.NOTHING
        for new in remembered.new:
            grown.new.add(new.identity)
            if new.counts:
                grown.places.setdefault(new.key, []).append(new.place)
        grown.alone |= {number for number, one in enumerate(findings) if _identity(one) in remembered.conflicting}
        return grown

    def _keys(self, transaction: Transaction) -> list[tuple[Kind, UUID]]:
        if self._pages is not self._book.pages:
            self._pages, self._kinds = self._book.pages, {}
        oldest = self._book.oldest_reaching(transaction.received_at)
        if oldest not in self._kinds:
            self._kinds[oldest] = kinds_of(page.rules for page in self._book.pages[oldest:])
        return [(kind, kind.key(transaction.content)) for kind in self._kinds[oldest]]


def _identity(finding: Finding) -> Identity:
    return finding.transaction.transaction_id, finding.transaction.received_at


def _stretches(key: UUID, places: Sequence[Place], span: timedelta) -> Iterator[Stretch]:
    """Behind each of the places as far as it matters; where these meet they are one."""
    begin, *others = sorted(places)
    end = state.plus(begin.date, span)
    for place in others:
        if place.date >= end:
            yield Stretch(key, begin, end)
            begin = place
        end = state.plus(place.date, span)
    yield Stretch(key, begin, end)
