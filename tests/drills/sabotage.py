"""The named steps of the services at which a drill may strike one, and the folder through which it does."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

SABOTEUR = Path(__file__).parent / "saboteur"
"""Goes on PYTHONPATH of the processes that may be struck, with SABOTAGE as the folder's name."""


class Place(NamedTuple):
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
    "producer.received": Place("producer.collect", "swift.read", "before"),
    "producer.validated": Place("producer.publish", "Publisher.publish", "before"),
    "producer.publishing": Place("producer.kinesis", "KinesisStream._put", "before"),
    "producer.written": Place("producer.kinesis", "KinesisStream._put", "after"),
    "producer.settling": Place("producer.buffer", "Buffer.settle", "after"),
    "producer.published": Place("producer.publish", "Publisher.publish", "after"),
    "producer.answering": Place("producer.collect", "Collector._answer", "after"),
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
# Functions that tell the time by other means than Python's `time`.
CLOCKS = [("producer.auth", "utc_now")]
# What `saboteur/planted.py` has, and the functions in whose places it is called.
BUGS = {
    "accepts_what_it_does_not_publish": ("producer.publish", "Publisher.publish"),
    "checkpoints_past_a_batch": ("consumer.pipeline", "Pipeline.process"),
    "forgets_dead_letters": ("consumer.store", "_insert_dead_letters"),
    "stores_amounts_as_floats": ("consumer.insertion", "_row"),
    "locks_no_window": ("consumer.recent.state", "lock"),
    "mails_under_another_id": ("consumer.mail", "DigestMail.render"),
    "mails_nothing": ("consumer.ses", "Ses.send"),
    "mails_twice": ("consumer.ses", "Ses.send"),
}


class Sabotage:
    """Arms steps and tells which have struck. ``folder`` is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("armed", "struck", "planted"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "steps.json").write_text(json.dumps({"steps": STEPS, "bugs": BUGS, "clocks": CLOCKS}))

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(SABOTEUR), "SABOTAGE": str(self.folder)}

    def arm(self, step: str, call: int = 1, number: signal.Signals = signal.SIGKILL) -> None:
        """The process that is the first to pass ``step`` for the ``call``-th time from now on gets the signal."""
        assert step in STEPS
        fresh = self.folder / f"{step}.new"
        fresh.write_text(f"{call} {number.name}")
        fresh.replace(self.folder / "armed" / step)

    def move_clock(self, seconds: float) -> None:
        """What time Python has in every process from now on, beside the true one."""
        fresh = self.folder / "clock.new"
        fresh.write_text(f"{seconds}")
        fresh.replace(self.folder / "clock")

    @contextmanager
    def planted(self, bug: str) -> Iterator[None]:
        """The services have the bug while the block lasts."""
        assert bug in BUGS
        mark = self.folder / "planted" / bug
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    def disarm(self) -> None:
        for armed in (self.folder / "armed").iterdir():
            armed.unlink(missing_ok=True)

    def struck(self, step: str) -> list[int]:
        """The ids of the processes that were struck there so far, in no order."""
        return [int(mark.suffix[1:]) for mark in (self.folder / "struck").glob(f"{step}.*")]
