"""What an alert e-mail tells, apart from how it is stored, rendered or sent."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One line of the table: texts as clients sent them, so trust none."""

    amount: Decimal
    transaction_id: UUID
    sender_id: str
    sender_bank_id: str
    receiver_id: str
    receiver_bank_id: str
    transaction_date: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Digest:
    """``count`` anomalies of the exact sum ``total``, paid from ``first`` to ``last``; the largest are ``shown``."""

    id: UUID
    count: int
    total: Decimal
    first: datetime
    last: datetime
    shown: tuple[Anomaly, ...]

    @property
    def largest(self) -> Decimal:
        return max((anomaly.amount for anomaly in self.shown), default=Decimal(0))

    @property
    def hidden(self) -> int:
        return self.count - len(self.shown)

    @property
    def sql(self) -> str:
        """The statement that shows all of its members, frozen as they are."""
        return f"SELECT * FROM anomaly_report WHERE email_id = '{self.id}' ORDER BY amount DESC;"  # noqa: S608 - a UUID, for people
