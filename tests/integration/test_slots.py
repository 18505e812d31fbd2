"""Slots as the database keeps them: one holder each, by the database's clock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from consumer.database import engine as database_engine
from consumer.login import Database
from consumer.slots import EXPIRY_SECONDS, Slots

APPLICATION = "payment-anomalies"
Make = Callable[[], Slots]


@pytest.fixture
def life(engine: Engine) -> Make:
    """Slots as the life of another process sees them."""
    return lambda: Slots(engine, APPLICATION, uuid4())


def expire(owner: Engine, number: int) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE worker_slots SET expires_at = now() WHERE slot = :slot"), {"slot": number})


def test_a_slot_has_one_holder_who_may_renew_it(life: Make) -> None:
    mine, other = life(), life()
    assert mine.hold(0)
    (before,) = mine.all()
    assert not other.hold(0)
    assert mine.hold(0)
    (after,) = other.all()
    assert (after.number, after.holder, after.expired) == (0, before.holder, False)
    assert after.expires_at > before.expires_at


def test_a_renewal_keeps_the_time_of_the_claim_and_a_new_holder_has_its_own(
    life: Make, owner: Engine, engine: Engine
) -> None:
    def row() -> tuple[bool, float]:
        query = "SELECT claimed_at, extract(epoch FROM expires_at - now()) FROM worker_slots"
        with engine.connect() as connection:
            claimed_at, left = connection.execute(text(query)).one()
        return claimed_at, float(left)

    mine = life()
    mine.hold(0)
    claimed, left = row()
    assert 0 < left <= EXPIRY_SECONDS
    mine.hold(0)
    assert row()[0] == claimed
    expire(owner, 0)
    life().hold(0)
    assert row()[0] > claimed


def test_a_slot_whose_time_is_over_is_the_next_ones_and_its_former_holders_no_more(life: Make, owner: Engine) -> None:
    former, next_one = life(), life()
    former.hold(0)
    expire(owner, 0)
    assert [slot.expired for slot in former.all()] == [True]
    assert next_one.hold(0)
    assert not former.hold(0)
    former.give_up(0)
    assert not life().hold(0)


def test_a_slot_whose_time_is_over_stays_its_holders_while_nobody_takes_it(life: Make, owner: Engine) -> None:
    """As after an outage of the database."""
    mine = life()
    mine.hold(0)
    expire(owner, 0)
    assert mine.hold(0)
    assert not life().hold(0)


def test_a_slot_that_was_given_up_is_free_at_once(life: Make) -> None:
    mine = life()
    mine.hold(0)
    mine.give_up(0)
    assert [(slot.holder, slot.expired) for slot in mine.all()] == [(None, True)]
    assert life().hold(0)


def test_a_slot_that_a_restored_database_has_forgotten_is_had_again(life: Make, owner: Engine) -> None:
    mine = life()
    mine.hold(0)
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM worker_slots"))
    assert mine.hold(0)


def test_applications_have_slots_of_their_own(engine: Engine, life: Make) -> None:
    life().hold(0)
    other = Slots(engine, "another", uuid4())
    assert other.all() == []
    assert other.hold(0)


@pytest.mark.parametrize("state", ["new", "expired", "given up"])
def test_of_many_who_want_a_slot_at_once_one_has_it(state: str, life: Make, owner: Engine, database_url: str) -> None:
    if state != "new":
        former = life()
        former.hold(0)
        expire(owner, 0) if state == "expired" else former.give_up(0)
    engines = [database_engine(Database(database_url), "newcomer") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        had = list(pool.map(lambda one: Slots(one, APPLICATION, uuid4()).hold(0), engines))
    for one in engines:
        one.dispose()
    assert sum(had) == 1


def test_people_see_who_runs_and_who_is_silent(life: Make, owner: Engine) -> None:
    holders = [life() for _ in range(3)]
    for number, holder in enumerate(holders):
        holder.hold(number)
    expire(owner, 1)
    holders[2].give_up(2)
    with owner.connect() as connection:
        rows = connection.execute(text("SELECT worker, state FROM worker_report ORDER BY worker")).all()
    assert [tuple(row) for row in rows] == [
        ("worker-0", "running"),
        ("worker-1", "silent"),
        ("worker-2", "given up"),
    ]
