"""The emulator as a process of the tests' own, and what it was asked."""

import contextlib
import json
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import EndpointConnectionError

from tests.integration.emulator import free_port, wait_for

CHECKOUT = Path(__file__).parents[2]
PYTHON = CHECKOUT / ".venv-infra" / "bin" / "python"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
KEY = "test"
READING = ("Describe", "Get", "List", "Lookup", "GET", "HEAD", "BatchGet", "AssumeRole", "RunTask")


@dataclass(frozen=True)
class Aws:
    """``folder`` is the emulator's; see its settings. In ``tools`` is the AWS command line."""

    folder: Path
    port: int
    producer_port: int
    has_engine: bool
    tools: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def producer_url(self) -> str:
        return f"http://127.0.0.1:{self.producer_port}"

    @property
    def socket(self) -> Path:
        """Where the command line is served."""
        return self.tools / "served"

    @property
    def bundle(self) -> Path:
        """The certificates that the database's is verified with."""
        return self.folder / "rds" / "bundle.pem"

    def client(self, service: str) -> Any:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]

    def calls(self) -> list[str]:
        """`service action`, in their order; but not those of the containers."""
        file = self.folder / "calls.log"
        lines = [line.split(" ", 2) for line in file.read_text().splitlines()] if file.exists() else []
        return [call for _, key, call in lines if key == KEY]

    def changes(self) -> list[str]:
        """The calls that were not for reading."""
        return [call for call in self.calls() if not call.split(" ", 1)[1].startswith(READING)]

    def secret(self, name: str) -> str | None:
        client = self.client("secretsmanager")
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            return str(client.get_secret_value(SecretId=name)["SecretString"])
        return None

    def override(self, **environment: Mapping[str, str]) -> None:
        """Container's name → variables that win over its task definition's, from its next start on."""
        (self.folder / "environment.json").write_text(json.dumps(self._overrides() | environment))

    @contextlib.contextmanager
    def overriding(self, container: str, **environment: str) -> Iterator[None]:
        before = self._overrides()
        self.override(**{container: environment})
        yield
        (self.folder / "environment.json").write_text(json.dumps(before))

    def _overrides(self) -> dict[str, Any]:
        file = self.folder / "environment.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}


@contextlib.contextmanager
def serving(folder: Path, *, has_engine: bool) -> Iterator[Aws]:
    with tempfile.TemporaryDirectory(prefix="aws-") as short:
        aws = Aws(folder, free_port(), free_port(), has_engine, Path(short))
        (folder / "settings.json").write_text(json.dumps(_settings(aws)))
        _write_command(aws)
        with (
            _running(aws, "tests.infra.emulator", str(folder / "settings.json")) as emulator,
            _running(aws, "tests.infra.commandline", str(aws.socket)) as command_line,
        ):
            wait_for(lambda: _answers(aws, emulator, command_line))
            yield aws


def _settings(aws: Aws) -> dict[str, Any]:
    return {
        "folder": str(aws.folder),
        "port": aws.port,
        "registry_port": free_port(),
        "producer_port": aws.producer_port,
        "database_address": f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}",
        "has_engine": aws.has_engine,
    }


def _write_command(aws: Aws) -> None:
    client = CHECKOUT / "tests" / "infra" / "commandline" / "client.py"
    command = aws.tools / "aws"
    command.write_text(f'#!/bin/sh\nexec "{PYTHON}" -SE "{client}" "{aws.socket}" "$@"\n')
    command.chmod(0o755)


@contextlib.contextmanager
def _running(aws: Aws, module: str, argument: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (aws.folder / f"{module}.log").open("w") as log:
        process = subprocess.Popen([PYTHON, "-m", module, argument], cwd=CHECKOUT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _answers(aws: Aws, *processes: "subprocess.Popen[bytes]") -> bool:
    assert all(process.poll() is None for process in processes), [file.read_text() for file in aws.folder.glob("*.log")]
    with contextlib.suppress(EndpointConnectionError):
        return aws.socket.exists() and bool(aws.client("sts").get_caller_identity())
    return False
