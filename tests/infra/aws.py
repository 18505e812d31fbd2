"""The emulator as a process of the tests' own, and what it was asked."""

import contextlib
import json
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.integration.emulator import free_port, wait_for

CHECKOUT = Path(__file__).parents[2]
TOOLS = CHECKOUT / ".venv-infra" / "bin"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
KEY = "test"
READING = ("Describe", "Get", "List", "Lookup", "GET", "HEAD", "BatchGet", "AssumeRole", "RunTask")


@dataclass(frozen=True)
class Aws:
    """``folder`` is the emulator's; see its settings."""

    folder: Path
    port: int
    producer_port: int
    has_engine: bool

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def producer_url(self) -> str:
        return f"http://127.0.0.1:{self.producer_port}"

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
    aws = Aws(folder, free_port(), free_port(), has_engine)
    settings = {
        "folder": str(folder),
        "port": aws.port,
        "registry_port": free_port(),
        "producer_port": aws.producer_port,
        "database_address": f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}",
        "has_engine": has_engine,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    with (folder / "emulator.log").open("w") as log:
        command = [str(TOOLS / "python"), "-m", "tests.infra.emulator", str(folder / "settings.json")]
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(aws, process))
        yield aws
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _answers(aws: Aws, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, (aws.folder / "emulator.log").read_text()
    try:
        return bool(aws.client("sts").get_caller_identity())
    except Exception:  # not yet
        return False
