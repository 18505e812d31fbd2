"""Drives a running embedded stack as its users and its bad luck would."""

import os
import signal

import boto3
import psutil

from infra.local.demonstrate import Collector
from infra.local.run import observer
from infra.local.settings import STREAM
from infra.local.stack import Stack
from tests.e2e.pipeline import Pipeline


class Driver(Pipeline):
    def __init__(self, stack: Stack) -> None:
        local = stack.local
        collector = Collector(local.collector_url, local.kept_secret("api_key") or "")
        super().__init__(observer(local), collector, local.postgres.url)
        self.stack = stack

    def put(self, *payloads: bytes) -> None:
        """Puts records into the stream past the producer, as a broken client of Kinesis would."""
        kinesis = boto3.client("kinesis")
        for payload in payloads:
            kinesis.put_record(StreamName=STREAM, Data=payload, PartitionKey="poison")

    def kill(self, service: str) -> None:
        """SIGKILL; returns when the supervisor has a new one running."""
        before = self.stack.supervisor.pid(service)
        os.kill(before, signal.SIGKILL)
        self.wait_until(
            lambda: self.stack.supervisor.is_up(service) and self.stack.supervisor.pid(service) != before,
            f"{service} to be started again",
        )

    def kill_consumer_child(self) -> None:
        """SIGKILL to one of the daemon's Python children, in the place of an out-of-memory kill."""
        daemon = psutil.Process(self.stack.supervisor.pid("consumer"))
        daemon.children()[0].kill()
