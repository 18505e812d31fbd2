"""The named steps of the services at which a drill may strike one, and the folder through which it does."""

import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

SABOTEUR = Path(__file__).parent / "saboteur"
"""Goes on PYTHONPATH of the processes that may be struck, with SABOTAGE as the folder's name."""


@dataclass(frozen=True)
class Place:
    """A function, `Class.method` or bare, and the moment of its call; found: after it, where it came to something."""

    module: str
    function: str
    moment: Literal["before", "after", "found"]


# In the order in which a batch, a request, an e-mail passes them.
CHILD_START = {
    "child.taking-up": Place("consumer.store", "Store.take_up", "before"),
    "child.taken-up": Place("consumer.store", "Store.take_up", "after"),
}
CHILD = {
    "child.delivered": Place("consumer.pipeline", "evaluate_records", "before"),
    "child.evaluated": Place("consumer.pipeline", "evaluate_records", "after"),
    "child.row-held": Place("consumer.store", "ShardWork.insert", "before"),
    "child.inserted": Place("consumer.store", "ShardWork.insert", "after"),
    "child.moved": Place("consumer.store", "ShardWork.move_to", "after"),
    "child.committed": Place("consumer.pipeline", "Pipeline._process_once", "after"),
    "child.checkpointing": Place("consumer.processor", "ShardProcessor._checkpoint", "before"),
    "child.checkpoint-asked": Place("amazon_kclpy.kcl", "Checkpointer._get_action", "before"),
    "child.checkpointed": Place("consumer.processor", "ShardProcessor._checkpoint", "after"),
    "child.told": Place("amazon_kclpy.kcl", "KCLProcess._report_done", "after"),
}
SHARD_END = {
    "child.ending": Place("consumer.pipeline", "Pipeline._end_once", "before"),
    "child.ended": Place("consumer.pipeline", "Pipeline._end_once", "after"),
}
SHUTDOWN = {"child.shutting-down": Place("consumer.processor", "ShardProcessor.shutdown_requested", "before")}
PRODUCER = {
    "producer.keys-read": Place("producer.auth", "KeyRing.refresh", "before"),
    "producer.received": Place("producer.collect", "split", "before"),
    "producer.validated": Place("producer.publish", "Publisher.publish", "before"),
    "producer.publishing": Place("producer.kinesis", "KinesisStream._put", "before"),
    "producer.written": Place("producer.kinesis", "KinesisStream._put", "after"),
    "producer.settling": Place("producer.buffer", "Buffer.settle", "after"),
    "producer.published": Place("producer.publish", "Publisher.publish", "after"),
    "producer.answering": Place("producer.collect", "Collector.answer", "after"),
}
NOTIFIER = {
    "notifier.composing": Place("consumer.outbox", "Outbox.compose", "before"),
    "notifier.composed": Place("consumer.outbox", "Outbox.compose", "found"),
    "notifier.claimed": Place("consumer.outbox", "Outbox.claim", "found"),
    "notifier.rendered": Place("consumer.mail", "DigestMail.render", "after"),
    "notifier.accepted": Place("consumer.ses", "Ses.send", "after"),
    "notifier.written": Place("consumer.outbox", "Outbox.sent", "after"),
}
STEPS = CHILD_START | CHILD | SHARD_END | SHUTDOWN | PRODUCER | NOTIFIER


class Sabotage:
    """Arms steps and tells which have struck. ``folder`` is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("armed", "struck"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "steps.json").write_text(json.dumps({name: asdict(place) for name, place in STEPS.items()}))

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(SABOTEUR), "SABOTAGE": str(self.folder)}

    def arm(self, step: str, call: int = 1, number: signal.Signals = signal.SIGKILL) -> None:
        """The process that is the first to pass ``step`` for the ``call``-th time from now on gets the signal."""
        assert step in STEPS
        fresh = self.folder / f"{step}.new"
        fresh.write_text(f"{call} {number.name}")
        fresh.replace(self.folder / "armed" / step)

    def disarm(self) -> None:
        for armed in (self.folder / "armed").iterdir():
            armed.unlink(missing_ok=True)

    def struck(self, step: str) -> list[int]:
        """The ids of the processes that were struck there so far, in no order."""
        return [int(mark.suffix[1:]) for mark in (self.folder / "struck").glob(f"{step}.*")]
