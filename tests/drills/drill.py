"""Performs a drill: one fault under a seeded load, how soon the stack goes on afterwards, and what the audit finds."""

import time
import traceback
from dataclasses import dataclass, field

from infra.local.programs import FOUNDATION, SERVICES
from tests.drills.audit import Complaint, Harm, Truth, audit, count, words
from tests.drills.evidence import Witness
from tests.drills.load import Load
from tests.drills.registry import Drill, SkippedError
from tests.drills.rig import SECOND, TWIN, Rig
from tests.drills.scene import Scene

RECOVERY_SECONDS = 60.0
SETTLE_SECONDS = 90.0
PROBES = 12
STORED = "SELECT count(*) FROM anomalies WHERE transaction_id = ANY(%s::uuid[])"
MAILED = """
SELECT count(*) FROM anomalies JOIN alerts ON anomaly_id = anomalies.id JOIN emails ON emails.id = email_id
WHERE emails.state = 'sent' AND transaction_id = ANY(%s::uuid[])
"""
UNDER_WAY = 200


@dataclass
class Outcome:
    """``seconds`` from the last blow until what was posted after it stands in SQL, whatever its shard; or until the
    process struck, the slowest of several, works again. ``mail_seconds`` until it was mailed, where mail was struck.
    """

    drill: str
    kind: str
    seed: int
    records: int = 0
    seconds: float = 0.0
    mail_seconds: float = 0.0
    kills: dict[str, int] = field(default_factory=dict)
    reshards: int = 0
    extra_mails: int = 0
    complaints: list[Complaint] = field(default_factory=list)
    failure: str = ""
    skipped: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return count(self.complaints, Harm.LOST)

    @property
    def doubled(self) -> int:
        return count(self.complaints, Harm.DOUBLED)

    @property
    def passed(self) -> bool:
        return not (self.complaints or self.failure or self.slow)

    @property
    def slow(self) -> str:
        seconds = max(self.seconds, self.mail_seconds)
        return f"went on after {seconds:.1f} s, not {RECOVERY_SECONDS}" if seconds > RECOVERY_SECONDS else ""

    @property
    def explanation(self) -> str:
        return "\n".join(filter(None, [self.failure, self.slow, words(self.complaints)]))


def perform(rig: Rig, witness: Witness, drill: Drill, seed: int, *, long: bool = False) -> Outcome:
    """Never raises: what went wrong stands in the outcome. The rig is whole again afterwards, if it can be."""
    outcome = Outcome(drill.name, drill.kind, seed)
    witness.mark()
    load = Load(rig.collector, f"{drill.name}/{seed}", rate=drill.rate)
    scene = Scene(rig, load, seed, long=long)
    try:
        with load.running():
            scene.until_more(UNDER_WAY, "the load to be under way")
            scene.note("the load is under way")
            drill.strike(scene)
            scene.note("the last blow is struck")
            _recover(scene, outcome, mails=drill.mails)
        settle(scene, witness)
        scene.note("settled")
    except SkippedError as error:
        outcome.skipped = str(error)
    except Exception:
        outcome.failure = traceback.format_exc(limit=-4)
    finally:
        _heal(scene)
    _judge(outcome, scene, witness)
    return outcome


def _recover(scene: Scene, outcome: Outcome, *, mails: bool) -> None:
    """Until payments of several shards, posted now, have come out."""
    begun = time.monotonic()
    ids = [payment.trx_id for payment in scene.load.post(PROBES)]
    scene.until(lambda: scene.rig.driver.sql(STORED, ids) == [(PROBES,)], "what was posted since to be stored")
    outcome.seconds = max(scene.slowest, time.monotonic() - begun)
    scene.note("what was posted since is stored")
    if mails:
        scene.until(lambda: scene.rig.driver.sql(MAILED, ids) == [(PROBES,)], "what was posted since to be mailed")
        outcome.mail_seconds = max(scene.slowest_mail, time.monotonic() - begun)
        scene.note("what was posted since is mailed")


def settle(scene: Scene, witness: Witness) -> None:
    """Until the stream is drained, every alert mailed, and the archive has it all."""
    observer = scene.rig.driver.observer
    scene.until(
        lambda: observer.is_drained() and observer.counts().unmailed == 0, "the stack to settle", SETTLE_SECONDS
    )
    scene.until(lambda: len(witness.archive()) >= len(witness.stream()), "the archive to be whole", SETTLE_SECONDS)


def _heal(scene: Scene) -> None:
    for sabotage in (scene.rig.sabotage, scene.rig.sabotage_of_the_second):
        sabotage.disarm()
    for spare in (SECOND, TWIN):
        scene.rig.supervisor.stop(spare)
    for program in (*FOUNDATION, *SERVICES):
        scene.rig.supervisor.start(program)
    scene.until(scene.rig.local.postgres.is_ready, "PostgreSQL to be ready")


def _judge(outcome: Outcome, scene: Scene, witness: Witness) -> None:
    outcome.records, outcome.notes = len(scene.load.accepted) + len(scene.poison), scene.notes
    outcome.kills, outcome.reshards = dict(scene.kills), scene.reshards
    try:
        evidence = witness.evidence()
    except Exception:
        outcome.failure += traceback.format_exc(limit=-4)
        return
    outcome.extra_mails = len(evidence.mails) - len({mail.digest_id for mail in evidence.mails})
    outcome.complaints = audit(truth_of(scene), evidence)


def truth_of(scene: Scene) -> Truth:
    """What must have come out. A crash of the notifier and an answer of SES's that was lost allow a copy more each."""
    crashes = sum(number for name, number in scene.kills.items() if name.startswith("notifier"))
    extra_mails = crashes + scene.mail_answers_lost
    return Truth(scene.load.sent, scene.load.accepted, scene.poison, extra_mails, frozenset(scene.matches))
