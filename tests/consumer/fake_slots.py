"""The table of slots in memory, with a clock turned by hand: what `consumer.slots.Slots` is to one process."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.exc import OperationalError

from consumer.slots import EXPIRY_SECONDS, Slot

EPOCH = datetime(2026, 11, 26, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)


@dataclass
class Table:
    """The database that all processes share. ``down``: it does not answer."""

    clock: Clock = field(default_factory=Clock)
    down: bool = False
    rows: dict[int, tuple[UUID | None, datetime]] = field(default_factory=dict)

    def answer(self) -> None:
        if self.down:
            raise OperationalError("SELECT", {}, Exception("Connection refused"))


class FakeSlots:
    def __init__(self, table: Table) -> None:
        self._table = table
        self.holder = uuid4()

    def all(self) -> list[Slot]:
        self._table.answer()
        now = self._table.clock.now
        return [Slot(number, holder, until, until <= now) for number, (holder, until) in self._table.rows.items()]

    def hold(self, number: int) -> bool:
        self._table.answer()
        now = self._table.clock.now
        holder, until = self._table.rows.get(number, (None, now))
        if holder not in (None, self.holder) and until > now:
            return False
        self._table.rows[number] = (self.holder, now + timedelta(seconds=EXPIRY_SECONDS))
        return True

    def give_up(self, number: int) -> None:
        self._table.answer()
        if self._table.rows[number][0] == self.holder:
            self._table.rows[number] = (None, self._table.clock.now)
