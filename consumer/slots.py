"""Slots: workers' ids that outlive their workers. Whoever takes a dead worker's slot is that worker to KCL, and has its
shards at once; a stranger would wait until KCL's leader, who may be the dead one, gives them away.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine, case, func, null, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from consumer.tables import worker_slots

EXPIRY_SECONDS = 12
WATCH_SECONDS = 5.0
"""How long a newcomer looks before it takes a slot for a dead worker's. The living renew theirs every 2 seconds, and
within 4 once the database answers again."""


class Slot(NamedTuple):
    """``holder``: the life of a process that has it; None where it was given up, at ``expires_at``."""

    number: int
    holder: UUID | None
    expires_at: datetime
    expired: bool


class Slots:
    """The slots of one application, as ``holder`` deals with them. Each method raises DBAPIError."""

    def __init__(self, engine: Engine, application: str, holder: UUID) -> None:
        self._engine = engine
        self._application = application
        self._holder = holder

    def all(self) -> list[Slot]:
        slots = worker_slots.c
        query = select(slots.slot, slots.holder, slots.expires_at, slots.expires_at <= func.now())
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(slots.application == self._application).order_by(slots.slot))
            return [Slot(*row) for row in rows]

    def hold(self, number: int) -> bool:
        """Takes the slot, or renews it; False where another holds it, whose time is not over."""
        slots = worker_slots.c
        until = func.now() + text(f"interval '{EXPIRY_SECONDS} seconds'")
        mine = slots.holder == self._holder
        taken = upsert(worker_slots).values(
            application=self._application, slot=number, holder=self._holder, claimed_at=func.now(), expires_at=until
        )
        statement = taken.on_conflict_do_update(
            index_elements=["application", "slot"],
            set_={
                "holder": self._holder,
                "claimed_at": case((mine, slots.claimed_at), else_=func.now()),
                "expires_at": until,
            },
            where=or_(mine, slots.holder.is_(null()), slots.expires_at <= func.now()),
        ).returning(worker_slots.c.slot)
        with self._engine.begin() as connection:
            return connection.execute(statement).first() is not None

    def give_up(self, number: int) -> None:
        """Frees the slot at once; does nothing where it is another's."""
        slots = worker_slots.c
        mine = (slots.application == self._application, slots.slot == number, slots.holder == self._holder)
        with self._engine.begin() as connection:
            connection.execute(update(worker_slots).where(*mine).values(holder=null(), expires_at=func.now()))


class Lookout:
    """Which slot a newcomer takes: a dead worker's before any other, for nobody else has its shards soon.

    A worker is dead when its time is over and it has not renewed its slot under our eyes. Right after an outage of the
    database the time of all is over, and the living need a moment: one lookout is for one time of the database's.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = clock()
        self._first: dict[int, Slot] | None = None

    def choose(self, slots: Sequence[Slot]) -> int | None:
        """None: look again soon."""
        if self._first is None:
            self._begun, self._first = self._clock(), {slot.number: slot for slot in slots}
        silent = [slot for slot in slots if slot.holder and self._is_silent(slot)]
        dead = [slot.number for slot in silent if slot.expired]
        if dead and self._clock() - self._begun >= WATCH_SECONDS:
            return min(dead)
        return None if silent else free(slots)

    def _is_silent(self, slot: Slot) -> bool:
        first = (self._first or {}).get(slot.number)
        return first is not None and (first.holder, first.expires_at) == (slot.holder, slot.expires_at)


def free(slots: Sequence[Slot]) -> int:
    """The one given up last, whose shards may still be without a worker; else a new one."""
    given_up = [(slot.expires_at, slot.number) for slot in slots if slot.holder is None]
    return max(given_up)[1] if given_up else min({*range(len(slots) + 1)} - {slot.number for slot in slots})
