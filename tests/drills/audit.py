"""Holds what came out against what went in, by id: the checkers, each of which finds its own kind of harm."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tests.drills.evidence import Evidence, Position
from tests.drills.payments import Payment, from_wire

RULE = "large-amount"
SHOWN = 5


class Harm(StrEnum):
    LOST = "lost"
    DOUBLED = "doubled"
    ALIEN = "alien"
    WRONG = "wrong"


class Complaint(NamedTuple):
    """``what`` names the thing by its id."""

    harm: Harm
    where: str
    what: str


@dataclass
class Truth:
    """``sent``: all that was ever posted, by trxId; ``accepted``: what must come out. ``poison``: what must end as
    dead letters. ``extra_mails``: copies that crashes and lost answers allow. ``matches``: trxId and rule of what rules
    beside the one that ships must find."""

    sent: Mapping[str, Payment]
    accepted: Mapping[str, Payment]
    poison: Mapping[Position, bytes] = field(default_factory=dict)
    extra_mails: int = 0
    matches: frozenset[tuple[str, str]] = frozenset()


Checker = Callable[[Truth, Evidence], Iterator[Complaint]]


def audit(truth: Truth, evidence: Evidence) -> list[Complaint]:
    return [complaint for check in CHECKERS for complaint in check(truth, evidence)]


def stream(truth: Truth, evidence: Evidence) -> Iterator[Complaint]:
    """202 means durable."""
    lines = (line for position, line in evidence.stream.items() if position not in truth.poison)
    found = {payment.trx_id for payment in map(from_wire, lines) if payment}
    yield from _each(Harm.LOST, "stream", truth.accepted.keys() - found)
    yield from _each(Harm.ALIEN, "stream", found - truth.sent.keys())


def progress(truth: Truth, evidence: Evidence) -> Iterator[Complaint]:
    """Nothing is skipped and nothing counted twice: each shard is done with exactly the lines that it has."""
    lines = Counter(position.shard for position in evidence.stream)
    for shard in lines.keys() | evidence.counted.keys():
        difference = evidence.counted.get(shard, 0) - lines[shard]
        harm = Harm.DOUBLED if difference > 0 else Harm.LOST
        yield from _each(harm, "progress", [f"{shard} number {number}" for number in range(abs(difference))])


def anomalies(truth: Truth, evidence: Evidence) -> Iterator[Complaint]:
    """Each anomaly is stored, once, with the content that was sent."""
    found = Counter((payment.trx_id, rule) for rule, payment in evidence.anomalies)
    wanted = {(trx_id, RULE) for trx_id, payment in truth.accepted.items() if payment.is_anomaly}
    wanted |= {(trx_id, rule) for trx_id, rule in truth.matches if trx_id in truth.accepted}
    allowed = {(trx_id, RULE) for trx_id, payment in truth.sent.items() if payment.is_anomaly} | truth.matches
    yield from _each(Harm.LOST, "anomalies", wanted - found.keys())
    yield from _each(Harm.DOUBLED, "anomalies", (key for key, count in found.items() for _ in range(count - 1)))
    yield from _each(Harm.ALIEN, "anomalies", found.keys() - allowed)
    yield from _each(
        Harm.WRONG, "anomalies", (stored for _, stored in evidence.anomalies if _differs(stored, truth.sent))
    )
    yield from _each(Harm.ALIEN, "conflicts", evidence.conflicts)


def dead_letters(truth: Truth, evidence: Evidence) -> Iterator[Complaint]:
    """Poison is kept with its bytes at its position, and nothing else is a dead letter."""
    found = dict(evidence.dead_letters)
    yield from _each(Harm.LOST, "dead letters", truth.poison.keys() - found.keys())
    yield from _each(Harm.ALIEN, "dead letters", found.keys() - truth.poison.keys())
    known = truth.poison.items()
    yield from _each(Harm.WRONG, "dead letters", (at for at, line in known if found.get(at, line) != line))
    yield from _each(Harm.DOUBLED, "dead letters", range(len(evidence.dead_letters) - len(found)))


def archive(truth: Truth, evidence: Evidence) -> Iterator[Complaint]:
    """Everything that was accepted, and all poison, is archived at least once, as it was sent."""
    lines, poison = {*evidence.archive}, {*truth.poison.values()}
    read = {line: from_wire(line) for line in lines - poison}
    found = {payment.trx_id for payment in read.values() if payment}
    yield from _each(Harm.LOST, "archive", truth.accepted.keys() - found)
    yield from _each(Harm.LOST, "archive", poison - lines)
    yield from _each(Harm.ALIEN, "archive", found - truth.sent.keys())
    yield from _each(Harm.ALIEN, "archive", (line for line, payment in read.items() if payment is None))
    contents = (payment for payment in read.values() if payment)
    yield from _each(Harm.WRONG, "archive", (payment for payment in contents if _differs(payment, truth.sent)))


def mail(truth: Truth, evidence: Evidence) -> Iterator[Complaint]:
    """Each alert is in one e-mail that was sent, each e-mail in the mailbox; copies are as few as crashes were."""
    copies = Counter(mail.digest_id for mail in evidence.mails)
    sent = {email.id for email in evidence.emails.values() if email.state == "sent"}
    yield from _each(Harm.LOST, "alerts", evidence.untold)
    yield from _each(Harm.LOST, "mailbox", sent - copies.keys())
    yield from _each(Harm.ALIEN, "mailbox", map(str, copies.keys() - evidence.emails.keys()))
    extra = sum(count - 1 for count in copies.values())
    yield from _each(Harm.DOUBLED, "mailbox", range(max(0, extra - truth.extra_mails)))
    for email in evidence.emails.values():
        if email.state == "sent" and (email.alerts, email.total) != (email.members, email.members_total):
            yield Complaint(Harm.WRONG, "e-mail", email.id)


CHECKERS: tuple[Checker, ...] = (stream, progress, anomalies, dead_letters, archive, mail)


def count(complaints: list[Complaint], harm: Harm) -> int:
    """Different things that came to ``harm``; one that is missed in several places counts in the worst of them."""
    places = Counter(complaint.where for complaint in complaints if complaint.harm is harm)
    return max(places.values(), default=0)


def words(complaints: list[Complaint]) -> str:
    """For people: of each kind the number and the first few."""
    kinds: dict[tuple[Harm, str], list[str]] = {}
    for harm, where, what in complaints:
        kinds.setdefault((harm, where), []).append(what)
    return "\n".join(
        f"{where}: {len(things):,} {harm}: {'; '.join(sorted(things)[:SHOWN])}"
        for (harm, where), things in kinds.items()
    )


def _differs(stored: Payment, sent: Mapping[str, Payment]) -> bool:
    return stored != sent.get(stored.trx_id, stored)


def _each(harm: Harm, where: str, things: Iterable[object]) -> Iterator[Complaint]:
    for thing in things:
        yield Complaint(harm, where, str(thing))
