"""Rules with windows, whose keys are met from several shards at once."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple
from uuid import UUID

from consumer.publishing.place import Place, place
from consumer.rules import rulefile
from consumer.rules.editions import EMPTY, Edition, Editions
from infra.local.settings import RULES
from tests.drills.kills import child_went_on
from tests.drills.lanes import Lane
from tests.drills.payments import Payment
from tests.drills.registry import fault
from tests.drills.sabotage import CHILD
from tests.drills.scene import Scene

RULE = "crowd"
ENOUGH = 3
RACED = "raced"
"""Begins the receivers of this drill alone."""
TEST = "tests: [{given: [{amount: 0}], expect: no match}]"
WITH_WINDOWS = f"""
windows:
  received_1d: {{count: transactions, by: receiverId, over: 1d}}
rules:
  - {{id: large-amount, version: 1, title: T, severity: low, when: amount > 1000, explain: "{{amount}}", {TEST}}}
  - id: {RULE}
    version: 1
    title: T
    severity: low
    when: received_1d >= {ENOUGH} and receiverId.starts_with("{RACED}")
    explain: "{{received_1d}} in a day"
    {TEST}
"""
RECEIVERS, PAYMENTS_EACH, A_POST = 30, 40, 20
KNOWN = """
SELECT count(*) > 0 AND bool_and(tag = %s) FROM rule_reports WHERE reported_at > now() - interval '15 seconds'
"""
REMEMBERED = "SELECT count(DISTINCT transaction_id) FROM recent_transactions WHERE transaction_id = ANY(%s::uuid[])"


class Raced(NamedTuple):
    """``matches``: trxIds of those payments that the rule must find, in whatever order they come."""

    payments: list[Payment]
    matches: set[str]


@fault("two shards on one receiver", kind="a race for a window")
def race(scene: Scene) -> None:
    """While children are killed: each payment counts once, and every receiver's third and later ones match."""
    raced = _raced(scene)
    scene.matches |= {(trx_id, RULE) for trx_id in raced.matches}
    with published(scene, WITH_WINDOWS):
        steps = list(CHILD) if scene.long else scene.random.sample(list(CHILD), 1)
        posting = threading.Thread(target=_post, args=(scene, raced.payments))
        posting.start()
        scene.slowest = max(scene.slowest, Lane("child", steps, child_went_on).run(scene))
        posting.join()
        ids = [payment.trx_id for payment in raced.payments]
        scene.until(lambda: scene.rig.driver.sql(REMEMBERED, ids) == [(len(ids),)], "all to be in the window")


@contextmanager
def published(scene: Scene, text: str) -> Iterator[None]:
    """Consumers know these rules, as if they had been published an hour ago, and none afterwards."""
    where = place(RULES, None)
    now = datetime.now(UTC)
    edition = Edition(1, now - timedelta(hours=1), now - timedelta(hours=2), "drill", text)
    _put(scene, where, Editions((edition,), (rulefile.read(text),)))
    try:
        yield
    finally:
        _put(scene, where, EMPTY)


def _put(scene: Scene, where: Place, editions: Editions) -> None:
    before = where.read()
    where.write(editions.written(), before.tag if before else None)
    there = where.read()
    assert there
    scene.until(lambda: scene.rig.driver.sql(KNOWN, there.tag) == [(True,)], "the consumers to know the rules")
    scene.note(f"{len(editions.editions)} editions are known")


def _raced(scene: Scene) -> Raced:
    """Of each receiver in turn, of senders of every shard; some at the same second."""
    random = Random(f"{scene.seed}/{RACED}")
    now = datetime.now(UTC).replace(microsecond=0)
    found: list[Payment] = []
    for _, receiver in itertools.product(range(PAYMENTS_EACH), range(RECEIVERS)):
        date = now - timedelta(seconds=random.randrange(PAYMENTS_EACH))
        one = Payment.of(random)
        found.append(
            one._replace(
                amount=Decimal(1), receiver_id=f"{RACED}-{scene.seed}-{receiver}", date=date, trx_id=_fresh(random)
            )
        )
    matches: set[str] = set()
    for _, received in itertools.groupby(sorted(found, key=_receiver), _receiver):
        inorder = sorted(received, key=lambda one: (one.date, one.trx_id))
        matches |= {one.trx_id for one in inorder[ENOUGH - 1 :]}
    return Raced(found, matches)


def _fresh(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _receiver(payment: Payment) -> str:
    return payment.receiver_id


def _post(scene: Scene, payments: Sequence[Payment]) -> None:
    """A little at a time, so that batches of both shards have some, again and again."""
    for begin in range(0, len(payments), A_POST):
        scene.load.deliver(payments[begin : begin + A_POST])
        scene.pause(0.1)
