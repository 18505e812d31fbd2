"""Random histories of payments, the rules that they are held against, and what an oracle says of them.

The oracle knows nothing of the code: it looks at all payments, and counts, adds and compares by itself.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple
from uuid import UUID

from consumer.rules import rulefile
from consumer.rules.book import ALWAYS, Book, InForce
from tests.consumer.builders import wire

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATENESS = 20 * SECOND
CHANGE = NOON + 30 * SECOND
"""When what is received comes under the second edition."""

WINDOWS = """
  sent: {sum: amount, by: senderId, over: 10s}
  payees: {distinct: receiverId, by: senderId, over: 15s}
  got: {count: transactions, by: receiverId, over: 8s}
  most: {max: amount, by: [senderId, receiverId], over: 12s}
"""
TEST = "tests: [{given: [{amount: 0}], expect: no match}]"


def edition(*conditions: str, windows: str = WINDOWS) -> str:
    form = "  - {{id: rule-{}, version: 1, title: T, severity: low, when: '{}', explain: x, {}}}\n"
    rules = "".join(form.format(number, when, TEST) for number, when in enumerate(conditions))
    return f"lateness: 20s\nwindows: {windows}\nrules:\n{rules}"


FIRST = edition("amount > 90", "sent > 150", "payees >= 3", "got > 3 and amount > 10", "most > 90 and amount > 50")
SECOND_ = edition(
    "amount > 80",
    "sent >= 200 or payees > 3",
    "sent + amount > 260",
    "got >= 5",
    "most >= 100",
    "transactionDate.second > 50",
    windows=WINDOWS.replace(
        "got: {count: transactions, by: receiverId, over: 8s}",
        "got: {count: transactions, by: receiverBankId, over: 3s}",
    ),
)
BOOK = Book((InForce(ALWAYS, rulefile.read(FIRST)), InForce(CHANGE, rulefile.read(SECOND_))))


class Payment(NamedTuple):
    """``delays``: how long after its date it is received, each time."""

    id: UUID
    amount: Decimal
    sender: str
    receiver: str
    bank: str
    other_bank: str
    date: datetime
    delays: tuple[timedelta, ...]

    def line(self, received: datetime) -> bytes:
        return wire(
            self.id,
            format(self.amount, "f"),
            senderId=self.sender,
            receiverId=self.receiver,
            senderBankId=self.bank,
            receiverBankId=self.other_bank,
            transactionDate=self.date.isoformat(),
            receivedAt=received.isoformat(),
        )

    @property
    def receipts(self) -> list[datetime]:
        return [self.date + delay for delay in self.delays]


def payments(chance: Random, count: int, begin: int) -> list[Payment]:
    """Their ids and parties are unlike those of another history that begins a million numbers away."""
    own = f"{begin:x}"
    made = []
    for number in range(begin, begin + count):
        date = NOON + chance.randrange(0, 2 * max(10, count // 3)) * SECOND / 2
        delays = chance.choices([0, 1, 5, 19, 20, 20.5, 40, -1, -20, -21], [30, 20, 10, 3, 3, 2, 3, 2, 1, 1], k=3)
        kept = delays[: chance.choices([1, 2, 3], [8, 2, 1])[0]]
        sender, receiver, bank, other_bank = (f"{own}-{chance.choice(names)}" for names in ("ab", "xyzw", "12", "3456"))
        amount = chance.choice(["0", "1", "10.5", "40", "50.0", "60", "80.000000000000000001", "90", "100"])
        identity = UUID(int=chance.getrandbits(64) << 64 | number)
        times = tuple(timedelta(seconds=delay) for delay in kept)
        made.append(Payment(identity, Decimal(amount), sender, receiver, bank, other_bank, date, times))
    return made


Rule = Callable[["Seen"], bool]


@dataclass(frozen=True)
class Seen:
    """A payment, and all that others' windows can hold."""

    it: Payment
    others: Collection[Payment]

    def held(self, span: float, *by: str) -> list[Payment]:
        """``others`` has the payment itself once at most, and so have its windows."""
        begin, end = self.it.date - span * SECOND, (self.it.date, self.it.id)
        key = [getattr(self.it, name) for name in by]
        return [
            one
            for one in {one.id: one for one in [*self.others, self.it]}.values()
            if begin < one.date and (one.date, one.id) <= end and [getattr(one, name) for name in by] == key
        ]

    @property
    def sent(self) -> Decimal:
        return sum((one.amount for one in self.held(10, "sender")), Decimal(0))

    @property
    def payees(self) -> int:
        return len({one.receiver for one in self.held(15, "sender")})

    @property
    def most(self) -> Decimal:
        return max(one.amount for one in self.held(12, "sender", "receiver"))


RULES: tuple[Sequence[Rule], Sequence[Rule]] = (
    (
        lambda seen: seen.it.amount > 90,
        lambda seen: seen.sent > 150,
        lambda seen: seen.payees >= 3,
        lambda seen: len(seen.held(8, "receiver")) > 3 and seen.it.amount > 10,
        lambda seen: seen.most > 90 and seen.it.amount > 50,
    ),
    (
        lambda seen: seen.it.amount > 80,
        lambda seen: seen.sent >= 200 or seen.payees > 3,
        lambda seen: seen.sent + seen.it.amount > 260,
        lambda seen: len(seen.held(3, "other_bank")) >= 5,
        lambda seen: seen.most >= 100,
        lambda seen: seen.it.date.second > 50,
    ),
)


def oracle(received: Iterable[tuple[Payment, datetime]]) -> set[tuple[UUID, str]]:
    """The matches of what was received so far, whatever the order, and however often."""
    all_received = list(received)
    members = {payment.id: payment for payment, at in all_received if abs(at - payment.date) <= LATENESS}.values()
    found = set()
    for payment, at in all_received:
        seen = Seen(payment, members if abs(at - payment.date) <= LATENESS else ())
        for number, rule in enumerate(RULES[at >= CHANGE]):
            if rule(seen):
                found.add((payment.id, f"rule-{number}"))
    return found
