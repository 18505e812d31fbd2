"""What the archive expects beside what is stored, by id."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import duckdb
import msgspec
from sqlalchemy import Engine

from consumer.audit.expected import microseconds
from consumer.audit.stateful import Stateful
from consumer.audit.stored import evaluated, known
from consumer.detect import CONFLICTING_CONTENT

EDGE = timedelta(minutes=1)
"""Between receivedAt and what Kinesis's clock says of the same transaction."""
IN_TIME = "received_at >= {begin} AND received_at < {end}"


class Missing(msgspec.Struct, rename="camel"):
    """An anomaly that is not stored, and the line of the archive that it is of."""

    trx_id: UUID
    rule_id: str
    object: str
    line: int


class Unexpected(msgspec.Struct, rename="camel"):
    """An anomaly that no line of the archive explains: it was forged, or an object is missing."""

    trx_id: UUID
    rule_id: str


class Unsettled(msgspec.Struct, rename="camel"):
    """A dead letter that is open: to be redriven or discarded."""

    shard_id: str
    sequence_number: str
    line: int


class Forgotten(msgspec.Struct, rename="camel"):
    """A line of the archive that cannot be evaluated, and that is no dead letter either."""

    object: str
    line: int
    reason: str


class Comparison(msgspec.Struct, rename="camel"):
    """Of what was received from ``begin`` on, before ``end``. ``transactions``: lines that can be evaluated, and
    ``distinct`` of them by trxId. ``dead_letters``: lines that cannot, in all of the objects. ``evaluated``: what the
    consumer counted, in minutes that are surely within that time; the archive lacks some where it has fewer.
    ``order_dependent``: anomalies of rules that depend on the order of arrivals, which are stored and not compared.
    """

    begin: datetime
    end: datetime
    transactions: int
    distinct: int
    evaluated: int
    expected: int
    stored: int
    dead_letters: int
    order_dependent: int
    missing: list[Missing]
    unexpected: list[Unexpected]
    unsettled: list[Unsettled]
    forgotten: list[Forgotten]

    @property
    def lacking(self) -> int:
        """At least so many transactions are not in the archive."""
        return max(0, self.evaluated - self.transactions)

    @property
    def is_clean(self) -> bool:
        return not (self.missing or self.unexpected or self.unsettled or self.forgotten or self.lacking)


class Comparator:
    """``objects``: the archive's by their names, in the order of their numbers."""

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        engine: Engine,
        stream: str,
        objects: Sequence[str],
        begin: datetime,
        end: datetime,
        stateful: Stateful,
    ) -> None:
        self._stateful = stateful
        self._database = database
        self._engine = engine
        self._stream = stream
        self._objects = objects
        self._times = begin, end
        self._in_time = IN_TIME.format(begin=microseconds(begin), end=microseconds(end))

    def compared(self) -> Comparison:
        """Raises DBAPIError."""
        return Comparison(
            *self._times,
            self._count(f"FROM lines WHERE {self._in_time}"),
            self._count(f"FROM (SELECT DISTINCT trx_id FROM lines WHERE {self._in_time})"),
            evaluated(self._engine, self._stream, self._times[0] + EDGE, self._times[1] - EDGE),
            self._count(f"FROM (SELECT DISTINCT trx_id, rule_id FROM expected WHERE {self._in_time})"),
            self._count("FROM stored"),
            self._count("FROM undecodable"),
            self._count(f"FROM stored WHERE {self._is_of(self._stateful.order_dependent())}"),
            self._missing(),
            self._unexpected(),
            self._unsettled(),
            self._forgotten(),
        )

    def _missing(self) -> list[Missing]:
        """Also what was received again at another time is not missing."""
        rows = self._rows(
            "SELECT DISTINCT ON (trx_id, rule_id) trx_id, rule_id, object, line FROM expected "
            f"ANTI JOIN stored USING (trx_id, rule_id) WHERE {self._in_time} ORDER BY object, line"
        )
        there = known(self._engine, [(row[0], row[1]) for row in rows])
        return [Missing(row[0], row[1], self._objects[row[2]], row[3]) for row in rows if (row[0], row[1]) not in there]

    def _unexpected(self) -> list[Unexpected]:
        """A conflict is expected where the archive has two contents; whether it was seen depends on their order. What
        is received after this audit's end may have made a window match whose transaction is dated behind that, or as
        little before it as lateness allows: such matches are for a later audit.
        """
        settled = microseconds(self._times[1] - self._stateful.book.lateness)
        rows = self._rows(
            "SELECT trx_id, rule_id FROM stored ANTI JOIN expected USING (trx_id, rule_id) "
            f"WHERE NOT {self._is_of(self._stateful.order_dependent())} "
            f"AND NOT ({self._is_of(self._stateful.windowed())} AND transaction_date >= {settled}) "
            f"AND NOT (rule_id = '{CONFLICTING_CONTENT}' AND trx_id IN "
            "(SELECT trx_id FROM lines GROUP BY trx_id HAVING count(DISTINCT content) > 1)) ORDER BY ALL"
        )
        return [Unexpected(*row) for row in rows]

    def _unsettled(self) -> list[Unsettled]:
        in_time = self._in_time.replace("received_at", "arrived_at")
        rows = self._rows(
            f"SELECT shard_id, sequence_number, line FROM letters WHERE state = 'open' AND {in_time} ORDER BY ALL"
        )
        return [Unsettled(*row) for row in rows]

    def _forgotten(self) -> list[Forgotten]:
        """Such a line tells no time: it is due where nothing in its object was received too late for this audit."""
        end = microseconds(self._times[1])
        rows = self._rows(
            "SELECT object, line, reason FROM undecodable ANTI JOIN letters USING (digest) "
            f"WHERE object NOT IN (SELECT object FROM lines WHERE received_at >= {end}) ORDER BY ALL"
        )
        return [Forgotten(self._objects[row[0]], row[1], row[2]) for row in rows]

    @staticmethod
    def _is_of(rules: Collection[tuple[str, int]]) -> str:
        """Ids of rules hold no quotes."""
        return (
            " OR ".join(f"(rule_id, rule_version) = ('{id_}', {version})" for id_, version in sorted(rules)).join("()")
            if rules
            else "FALSE"
        )

    def _count(self, query: str) -> int:
        return int(self._rows(f"SELECT count(*) {query}")[0][0])

    def _rows(self, query: str) -> list[Any]:
        return self._database.execute(query).fetchall()
