"""What a backtest found, counted: by rule, day and account; beside the current rules, if there are any."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import duckdb
import msgspec

from consumer.backtest.judge import Judge
from consumer.backtest.run import Counted
from consumer.domain import plain
from consumer.rules.ruleset import Rule

SAMPLES = 5
ACCOUNTS = 10


class Sample(msgspec.Struct, rename="camel"):
    trx_id: str
    transaction_date: str
    amount: str
    sender_id: str
    receiver_id: str
    explanation: str


class RuleReport(msgspec.Struct, rename="camel"):
    """``added`` and ``removed`` are against the current rule of that id; null where there is nothing to compare with.
    ``version`` is null where the candidate lacks the rule. ``days`` are those of transactionDate, in UTC; ``hours`` are
    beside them where no match of any rule is two days from another, else null.
    """

    id: str
    version: int | None
    order_dependent: bool
    matches: int
    added: int | None
    removed: int | None
    days: dict[date, int]
    hours: dict[datetime, int] | None
    samples: list[Sample]


class Account(msgspec.Struct, rename="camel"):
    sender_id: str
    matches: int
    amount: str


class Report(msgspec.Struct, rename="camel"):
    """``matches`` are pairs of a transaction and a rule. ``emails``: intervals of receivedAt in which any was found."""

    transactions: int
    undecodable: int
    matches: int
    rules: list[RuleReport]
    accounts: list[Account]
    emails: int


class Asked(NamedTuple):
    """The rules of both sides; the candidate's conditions come first in the judge's numbers."""

    candidate: Sequence[Rule]
    current: Sequence[Rule] | None

    def current_number(self, rule_id: str) -> int | None:
        for number, rule in enumerate(self.current or (), start=len(self.candidate)):
            if rule.id == rule_id:
                return number
        return None


class Reporter:
    """Reads the judge's ``found``, in which a transaction may be there more than once."""

    def __init__(self, database: duckdb.DuckDBPyConnection, judge: Judge, asked: Asked) -> None:
        self._database = database
        self._judge = judge
        self._asked = asked
        database.execute("CREATE VIEW matched AS SELECT DISTINCT ON (number, trx_id) * FROM found ORDER BY received_at")

    def report(self, counted: Counted, digest_interval: timedelta) -> Report:
        rules = [*self._candidates(), *self._dropped()]
        emails = self._count(
            f"SELECT count(DISTINCT epoch_us(received_at) // {digest_interval // timedelta(microseconds=1)}) "
            f"FROM matched WHERE number < {len(self._asked.candidate)}"
        )
        matches = sum(rule.matches for rule in rules)
        return Report(counted.transactions, counted.undecodable, matches, rules, self._accounts(), emails)

    def _candidates(self) -> Iterator[RuleReport]:
        for number, rule in enumerate(self._asked.candidate):
            other = self._asked.current_number(rule.id)
            is_compared = self._asked.current is not None
            yield RuleReport(
                rule.id,
                rule.version,
                rule.is_order_dependent,
                self._count(f"SELECT count(*) FROM matched WHERE number = {number}"),
                self._more(number, other) if is_compared else None,
                self._more(other, number) if is_compared else None,
                dict(self._counts(number, "CAST(transaction_date AS DATE)")),
                self._hours(number) if self._is_short else None,
                list(self._samples(number, rule)),
            )

    def _dropped(self) -> Iterator[RuleReport]:
        """The current rules that the candidate lacks."""
        kept = {rule.id for rule in self._asked.candidate}
        for number, rule in enumerate(self._asked.current or (), start=len(self._asked.candidate)):
            if rule.id not in kept:
                removed = self._more(number, None)
                yield RuleReport(rule.id, None, rule.is_order_dependent, 0, 0, removed, {}, None, [])

    def _more(self, number: int | None, other: int | None) -> int:
        """How many transactions the one matches and the other does not."""
        ids = "SELECT trx_id FROM matched WHERE number = {}"
        return self._count(f"SELECT count(*) FROM ({ids.format(_known(number))} EXCEPT {ids.format(_known(other))})")

    def _hours(self, number: int) -> dict[datetime, int]:
        found = self._counts(number, "date_trunc('hour', transaction_date)")
        return {hour.replace(tzinfo=UTC): count for hour, count in found}

    def _counts(self, number: int, period: str) -> list[tuple[Any, int]]:
        query = f"SELECT {period}, count(*) FROM matched WHERE number = {number} GROUP BY 1 ORDER BY 1"
        return self._database.execute(query).fetchall()

    @cached_property
    def _is_short(self) -> bool:
        span = "max(transaction_date) - min(transaction_date) < INTERVAL '2 days'"
        return bool(self._count(f"SELECT coalesce({span}, FALSE) FROM matched"))

    def _samples(self, number: int, rule: Rule) -> Iterator[Sample]:
        for transaction, values in self._judge.samples(number, SAMPLES):
            content = transaction.content
            yield Sample(
                str(transaction.transaction_id),
                content.transaction_date.isoformat().replace("+00:00", "Z"),
                plain(content.amount),
                content.sender_id,
                content.receiver_id,
                rule.explanation.words(transaction, values),
            )

    def _accounts(self) -> list[Account]:
        """A transaction's amount counts once, however many rules match it."""
        rows = self._database.execute(
            "SELECT sender_id, sum(rules), sum(amount) FROM "
            "(SELECT trx_id, any_value(sender_id) AS sender_id, count(*) AS rules, any_value(amount) AS amount "
            f"FROM matched WHERE number < {len(self._asked.candidate)} GROUP BY trx_id) "
            f"GROUP BY sender_id ORDER BY 2 DESC, 3 DESC, 1 LIMIT {ACCOUNTS}"
        ).fetchall()
        return [Account(sender, int(matches), _shown(amount)) for sender, matches, amount in rows]

    def _count(self, query: str) -> int:
        ((count,),) = self._database.execute(query).fetchall()
        return int(count)


def _known(number: int | None) -> int:
    return -1 if number is None else number


def _shown(amount: Decimal) -> str:
    """Without the zeros that a column's scale adds."""
    digits = f"{amount:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
