"""Dead letters once more through decode ▸ detect ▸ insert, without the stream's fence, and those that are set aside.

The counts of `shard_progress` and `throughput` stay: they tell what became of each line as the stream went by, and
add up to what came in. A letter's own state and history tell what became of it later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Connection, Engine

from consumer.decode import has_too_many_lines, lines
from consumer.domain import DeadLetter, Line, Position
from consumer.insertion import AlertState
from consumer.letters import Letter, Selection, State, held, note, operator, portions
from consumer.pipeline import TOO_MANY_LINES, Evaluation, evaluate
from consumer.recent.judged import Judge
from consumer.rules.book import Book
from consumer.store import insert_into


@dataclass(frozen=True)
class Outcome:
    """What became of one letter: ``fault`` says why it still cannot be evaluated."""

    letter: Letter
    anomalies: int
    fault: str | None


@dataclass(frozen=True)
class Act:
    """Who does it, and what they say of it. Without ``by``: the database's and the system's user."""

    by: str | None = None
    note: str = ""

    def author(self, connection: Connection) -> str:
        return self.by or operator(connection)


class Redrive:
    """Safe to repeat, to interrupt, and to run twice at once: a transaction for each portion of letters, held by it.

    ``dry_run`` does all of it and takes every transaction back.
    """

    def __init__(self, engine: Engine, book: Book, alert: AlertState, act: Act, *, dry_run: bool) -> None:
        self._engine = engine
        self._book = book
        self._alert = alert
        self._act = act
        self._dry_run = dry_run

    def run(self, selection: Selection) -> Iterator[Outcome]:
        """Each letter, once its portion is stored. Raises DBAPIError; what was stored until then stays."""
        after: Position | None = None
        for most in portions(selection):
            outcomes = self._portion(selection, after, most)
            yield from outcomes
            if len(outcomes) < most:
                return
            after = outcomes[-1].letter.position

    def _portion(self, selection: Selection, after: Position | None, most: int) -> list[Outcome]:
        with self._engine.connect() as connection, connection.begin() as transaction:
            found = held(connection, selection, after, most)
            outcomes = self._redrive(connection, found)
            self._note(connection, outcomes)
            if self._dry_run:
                transaction.rollback()
        return outcomes

    def _redrive(self, connection: Connection, found: Sequence[Letter]) -> list[Outcome]:
        origin = {line.position: letter.position for letter in found for line in lines_of(letter)}
        evaluation = self._evaluate(found)
        stored = insert_into(connection, Judge(self._book), evaluation.findings, self._alert)
        faults = {origin[dead.line.position]: dead.reason for dead in (*stored.refused, *evaluation.undecodable)}
        new = [origin[anomaly.line.position] for anomaly in stored.anomalies]
        return [Outcome(one, new.count(one.position), faults.get(one.position)) for one in found]

    def _evaluate(self, found: Sequence[Letter]) -> Evaluation:
        whole = [letter for letter in found if has_too_many_lines(letter.payload)]
        evaluation = evaluate(self._book, chain(*(lines_of(one) for one in found if one not in whole)))
        evaluation.undecodable += [DeadLetter(letter.line, TOO_MANY_LINES) for letter in whole]
        return evaluation

    def _note(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        by = self._act.author(connection)
        note(connection, [one.letter for one in outcomes if not one.fault], State.REDRIVEN, by, self._act.note)
        for one in outcomes:
            if one.fault:
                words = ": ".join(filter(None, (self._act.note, one.fault)))
                note(connection, [one.letter], one.letter.state, by, words)


def lines_of(letter: Letter) -> list[Line]:
    """One, but where a record of too many lines was kept as one letter."""
    if has_too_many_lines(letter.payload):
        return [letter.line]
    begin = letter.position
    return [
        Line(Position(begin.shard, begin.sequence_number, number), payload, letter.arrived_at)
        for number, payload in enumerate(lines(letter.payload), start=begin.line)
    ]


def discard(engine: Engine, selection: Selection, act: Act) -> Iterator[Letter]:
    """Sets open letters aside for good; they stay as they are, with the note. Safe to repeat, as a redrive is."""
    for most in portions(selection):
        with engine.begin() as connection:
            found = held(connection, selection, None, most)
            note(connection, found, State.DISCARDED, act.author(connection), act.note)
        yield from found
        if len(found) < most:
            return
