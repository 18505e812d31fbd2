"""The embedded stack as drills need it: a gate in each connection, a saboteur in each Python process, spare consumers.

The emulator stands for AWS: it is never struck, and AWS's bad days are the gates'.
"""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from infra.local.demonstrate import Collector
from infra.local.settings import Local
from infra.local.stack import Stack, adopt_environment
from infra.local.supervision import Supervisor
from infra.local.supervisor_config import Program
from tests.drills.aws_gate import AwsGate
from tests.drills.gate import Gate
from tests.drills.loop import Loop
from tests.drills.sabotage import Sabotage
from tests.e2e.conftest import free_ports
from tests.e2e.driver import Driver

# A consumer beside the first, and one that has the first one's worker id.
SECOND, TWIN = "consumer-2", "consumer-twin"
SECOND_WORKER = "local-2"


class Gates:
    """One in each connection, by the connection's name."""

    def __init__(self, loop: Loop, local: Local, seed: int) -> None:
        self.producers_aws = AwsGate(loop, local.emulator_port)
        self.notifiers_aws = AwsGate(loop, local.emulator_port)
        targets = {
            "client-producer": local.collector_port,
            "producer-AWS": self.producers_aws.port,
            "KCL-Kinesis": local.emulator_port,
            "KCL-DynamoDB": local.emulator_port,
            "consumer-PostgreSQL": local.postgres_port,
            "notifier-PostgreSQL": local.postgres_port,
            "notifier-SES": self.notifiers_aws.port,
        }
        chance = random.Random(seed)
        self._gates = {name: Gate(loop, target, chance) for name, target in targets.items()}

    def __getitem__(self, name: str) -> Gate:
        return self._gates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._gates)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self[name].port}"

    def database_url(self, name: str, url: str, port: int) -> str:
        return url.replace(f":{port}/", f":{self[name].port}/")


class DrilledSupervisor(Supervisor):
    """Starts the stack's programs with ``environments`` of their own, and knows ``spares`` of one of them."""

    def __init__(
        self, local: Local, environments: dict[str, dict[str, str]], spares: dict[str, dict[str, str]]
    ) -> None:
        super().__init__(local.folder, local.log_folder)
        self._environments = environments
        self._spares = spares

    def launch(self, programs: Sequence[Program], *, tied_to_us: bool) -> None:
        drilled = [self._drilled(program) for program in programs]
        consumer = next(program for program in drilled if program.name == "consumer")
        spares = [
            replace(consumer, name=name, environment={**consumer.environment, **changes})
            for name, changes in self._spares.items()
        ]
        super().launch([*drilled, *spares], tied_to_us=tied_to_us)

    def _drilled(self, program: Program) -> Program:
        return replace(program, environment={**program.environment, **self._environments.get(program.name, {})})


def environments(local: Local, gates: Gates, sabotage: Sabotage) -> dict[str, dict[str, str]]:
    """What sends each program through its gates. A fresh digest every second, so that drills need not wait for one."""
    url = local.postgres.url
    found: dict[str, dict[str, str]] = {
        "aws": {},
        "producer": {"AWS_ENDPOINT_URL": gates.url("producer-AWS")},
        "consumer": {
            "AWS_ENDPOINT_URL": gates.url("KCL-Kinesis"),
            "AWS_ENDPOINT_URL_DYNAMODB": gates.url("KCL-DynamoDB"),
            "DATABASE_URL": gates.database_url("consumer-PostgreSQL", url, local.postgres_port),
            "TMPDIR": str(local.folder),  # the daemon's files lie in a folder that is named by the worker alone
        },
        "notifier": {
            "AWS_ENDPOINT_URL": gates.url("notifier-SES"),
            "DATABASE_URL": gates.database_url("notifier-PostgreSQL", url, local.postgres_port),
            "DIGEST_INTERVAL_SECONDS": "1",
        },
    }
    return {name: {**changes, **sabotage.environment} for name, changes in found.items()}


class Rig:
    """A running stack, and all that a drill can do to it."""

    def __init__(self, stack: Stack, gates: Gates, sabotage: Sabotage, of_the_second: Sabotage) -> None:
        self.driver = Driver(stack)
        self.supervisor = stack.supervisor
        self.local = stack.local
        self.gates = gates
        self.sabotage = sabotage
        self.sabotage_of_the_second = of_the_second

    @property
    def collector(self) -> Collector:
        """The producer, as its clients reach it."""
        return Collector(self.gates.url("client-producer"), self.local.kept_secret("api_key") or "")


@contextmanager
def running_rig(folder: Path, seed: int) -> Iterator[Rig]:
    before = dict(os.environ)
    local = Local.from_environment({"LOCAL_DIR": str(folder), **free_ports()})
    local.claim_folder()
    adopt_environment(local)
    stack = Stack(local, lambda _name: nullcontext())
    with Loop() as loop:
        gates, sabotage = Gates(loop, local, seed), Sabotage(folder.with_name(f"{folder.name}-sabotage"))
        of_the_second = Sabotage(folder.with_name(f"{folder.name}-sabotage-2"))
        spares = {SECOND: {"WORKER_ID": SECOND_WORKER, **of_the_second.environment}, TWIN: {}}
        stack.supervisor = DrilledSupervisor(local, environments(local, gates, sabotage), spares)
        try:
            stack.up(tied_to_us=True)
            yield Rig(stack, gates, sabotage, of_the_second)
        finally:
            stack.down()
            os.environ.clear()
            os.environ.update(before)
