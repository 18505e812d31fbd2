"""Where the embedded stack lives and listens. Six ports and a folder; everything else follows."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.postgres import Postgres

STREAM = "transactions"
BUCKET = "transaction-archive"
ARCHIVE = f"s3://{BUCKET}/transactions/"
RULES = f"s3://{BUCKET}/rules/published.json"
REGION = "eu-central-1"
APPLICATION = "payment-anomalies"
WORKER = "local-1"
KEYS_SECRET = "payment-analytics/api-keys"  # noqa: S105 - the secret's name
ALERT_SENDER = "alerts@payments.example"
ALERT_RECIPIENTS = "analysts@payments.example"
CONSOLE_USER = "admin"
SHARDS = 2
PORTS = {
    "POSTGRES_PORT": 55432,
    "EMULATOR_PORT": 45660,
    "COLLECTOR_PORT": 8080,
    "CONSUMER_METRICS_PORT": 9464,
    "NOTIFIER_METRICS_PORT": 9465,
    "CONSOLE_PORT": 8090,
}


MARKER = "this folder is the embedded stack's"


class LocalSettingsError(Exception):
    """A setting of the embedded stack is unusable; the message names it."""


@dataclass(frozen=True)
class Local:
    """The embedded stack's settings.

    ``folder`` holds all of its state (environment variable LOCAL_DIR, `.local` by default); the ports are on loopback.
    """

    folder: Path
    postgres_port: int
    emulator_port: int
    collector_port: int
    consumer_metrics_port: int
    notifier_metrics_port: int
    console_port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Local":
        """Raises LocalSettingsError for a port that is none, or is named twice."""
        folder = Path(environment.get("LOCAL_DIR") or ".local").resolve()
        ports = [_port(environment, name) for name in PORTS]
        if len(set(ports)) < len(ports):
            raise LocalSettingsError(f"{', '.join(PORTS)} must differ and are {', '.join(map(str, ports))}")
        return cls(folder, *ports)

    @property
    def is_ours(self) -> bool:
        """Whether the folder is one that a stack was started in: only such a one may be dropped."""
        return self._marker.exists()

    def claim_folder(self) -> None:
        """Raises LocalSettingsError where the folder holds somebody's files."""
        if not self.is_ours and self.folder.exists() and any(self.folder.iterdir()):
            raise LocalSettingsError(f"{self.folder} holds other files: choose a folder of its own with LOCAL_DIR=…")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._marker.touch()

    @property
    def ports(self) -> dict[str, int]:
        """Setting's name → port."""
        return {name: getattr(self, name.lower()) for name in PORTS}

    @property
    def collector_url(self) -> str:
        return f"http://127.0.0.1:{self.collector_port}"

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.console_port}"

    @property
    def aws_endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.folder / "postgres", self.postgres_port, self.secret("postgres"))

    @property
    def aws_environment(self) -> dict[str, str]:
        """What any AWS SDK needs to reach the emulator; its credentials are any words."""
        return {
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    @property
    def log_folder(self) -> Path:
        return self.folder / "log"

    @property
    def psql_link(self) -> Path:
        """psql of the wheel, where a person finds it; relative where that is shorter."""
        path = self.folder / "psql"
        return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

    @property
    def env_file(self) -> Path:
        return self.folder / "env"

    def secret(self, name: str) -> str:
        """A password of this stack's own, made at first use and kept beside its data."""
        return self._secrets().get(name) or self.keep_secret(name, secrets.token_hex(16))

    def keep_secret(self, name: str, value: str) -> str:
        path = self._secrets_file
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({**self._secrets(), name: value}))
        fresh.replace(path)
        return value

    def kept_secret(self, name: str) -> str | None:
        return self._secrets().get(name)

    @property
    def _marker(self) -> Path:
        return self.folder / MARKER

    @property
    def _secrets_file(self) -> Path:
        return self.folder / "secrets.json"

    def _secrets(self) -> dict[str, str]:
        if not self._secrets_file.exists():
            return {}
        found: dict[str, str] = json.loads(self._secrets_file.read_text())
        return found


def _port(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name) or str(PORTS[name])
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise LocalSettingsError(f"{name} must be a port, 1 to 65535, and is {text!r}")
    return int(text)
