"""What a kclpy child must do at least: base64, lines, JSON, a checkpoint. `python -m tests.bench.bare_child`."""

import sys
from typing import Any

import msgspec
from amazon_kclpy.kcl import KCLProcess
from amazon_kclpy.v3.processor import RecordProcessorBase


class Bare(RecordProcessorBase):  # type: ignore[misc]
    """Looks at nothing."""

    def initialize(self, received: Any) -> None:
        self._decode = msgspec.json.Decoder().decode

    def process_records(self, received: Any) -> None:
        for record in received.records:
            for line in record.binary_data.splitlines():
                self._decode(line)
        received.checkpointer.checkpoint(received.records[-1].sequence_number)

    def lease_lost(self, received: Any) -> None: ...

    def shard_ended(self, received: Any) -> None: ...

    def shutdown_requested(self, received: Any) -> None: ...


if __name__ == "__main__":
    KCLProcess(Bare(), sys.stdin, sys.stdout, sys.stderr).run()
