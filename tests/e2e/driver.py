"""Drives a running embedded stack as its users and its bad luck would."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import boto3
import psutil

from consumer.health import CHILD
from consumer.multilang import MAIN_CLASS
from infra.local.demonstrate import Collector
from infra.local.programs import service_environment
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

    def run_as(self, caller: str, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """One of the services' commands, with an access key of its own."""
        settings = {**service_environment(self.stack.local), "AWS_ACCESS_KEY_ID": caller, **environment}
        return subprocess.run(
            [sys.executable, "-m", *command],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    def kill(self, service: str) -> None:
        """SIGKILL; returns when the supervisor has a new one running."""
        before = self.stack.supervisor.pid(service)
        os.kill(before, signal.SIGKILL)
        self.wait_until(
            lambda: self.stack.supervisor.is_up(service) and self.stack.supervisor.pid(service) != before,
            f"{service} to be started again",
        )

    def kill_daemon(self) -> None:
        """SIGKILL to KCL's daemon; returns when its supervisor has a new one with children."""
        before = self.consumers(MAIN_CLASS)
        before[0].kill()
        self.wait_until(
            lambda: before != self.consumers(MAIN_CLASS) and bool(self.consumers(CHILD)),
            "the daemon to be started again",
        )

    def kill_consumer_child(self) -> None:
        """SIGKILL to one of the daemon's Python children, in the place of an out-of-memory kill."""
        self.consumers(CHILD)[0].kill()

    def consumers(self, word: str) -> list[psutil.Process]:
        """The consumer's processes with that word in their command: the daemon's MAIN_CLASS, or CHILD."""
        processes = psutil.Process(self.stack.supervisor.pid("consumer")).children(recursive=True)
        return [process for process in processes if word in _command(process)]


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):  # it ended meanwhile
        return process.cmdline()
    return []
