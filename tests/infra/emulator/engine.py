"""Containers on this machine's Docker engine, as ECS starts them, and PostgreSQL in the place of RDS."""

import secrets
import subprocess
import threading
from collections.abc import Mapping

from tests.infra.emulator.certificates import Authority
from tests.infra.emulator.containers import Container, Ending
from tests.infra.emulator.settings import Settings

# A role's token is the password, and RDS checks its signature: here the role is trusted, behind the same TLS.
LOGINS = """\
local   all  all            trust
hostssl all  consumer  all  trust
hostssl all  all       all  scram-sha-256
"""
PREPARE = """\
install -o postgres -g postgres -m 600 /rds/server.key /var/lib/postgresql/server.key
exec docker-entrypoint.sh postgres -c listen_addresses={address} -c ssl=on -c ssl_cert_file=/rds/server.pem \
    -c ssl_key_file=/var/lib/postgresql/server.key -c hba_file=/rds/logins.conf
"""


class DockerRunner:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._label = f"deployment-test-{secrets.token_hex(4)}"
        self._hosts: list[str] = []
        self._services: dict[str, list[str]] = {}
        self._changing = threading.Lock()
        self._files = settings.folder / "rds"
        self._files.mkdir()
        self._authority = Authority(self._files)

    def run(self, container: Container) -> Ending:
        done = _docker("run", "--rm", *self._options(container), check=False)
        return Ending(done.returncode, (done.stdout + done.stderr).splitlines())

    def start(self, service: str, containers: list[Container]) -> None:
        with self._changing:
            self._remove(service)
            self._services[service] = [f"{self._label}-{service}-{container.name}" for container in containers]
            for name, container in zip(self._services[service], containers, strict=True):
                _docker(
                    "run",
                    "--detach",
                    "--restart=on-failure",
                    "--name",
                    name,
                    *_health(container),
                    *self._options(container),
                )

    def stop(self, service: str) -> None:
        with self._changing:
            self._remove(service)

    def is_healthy(self, service: str) -> bool:
        names = self._services.get(service, [])
        states = _docker("inspect", "--format", "{{.State.Health.Status}}", *names, check=False).stdout.split()
        return bool(names) and states == ["healthy"] * len(names)

    def _remove(self, service: str) -> None:
        if names := self._services.pop(service, []):
            _docker("rm", "--force", "--volumes", *names, check=False)

    def start_database(self, host: str, user: str, password: str, database: str) -> None:
        self._authority.certify(host)
        (self._files / "logins.conf").write_text(LOGINS)
        (self._files / "roles.sql").write_text("CREATE ROLE rds_iam;\n")
        self._hosts = ["--add-host", f"{host}:{self._settings.database_address}"]
        first = f"{self._files}/roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro"
        settings = {"POSTGRES_USER": user, "POSTGRES_PASSWORD": password, "POSTGRES_DB": database}
        options = ["--volume", f"{self._files}:/rds:ro", "--volume", first, *_environment(settings)]
        prepare = PREPARE.format(address=self._settings.database_address)
        named = ["--name", f"{self._label}-rds", "--entrypoint", "bash", *self._labelled()]
        _docker("run", "--detach", *named, *options, "postgres:17", "-c", prepare)

    def stop_database(self) -> None:
        _docker("rm", "--force", "--volumes", f"{self._label}-rds", check=False)

    def close(self) -> None:
        left = _docker("ps", "--all", "--quiet", "--filter", f"label={self._label}").stdout.split()
        if left:
            _docker("rm", "--force", "--volumes", *left, check=False)

    def _labelled(self) -> list[str]:
        return ["--label", self._label, "--network", "host"]

    def _options(self, container: Container) -> list[str]:
        definition = container.definition
        return [
            *self._labelled(),
            *self._hosts,
            *_limits(container),
            *_environment(container.environment),
            str(definition["image"]),
            *container.command,
        ]


def _limits(container: Container) -> list[str]:
    """What the task definition allows and forbids."""
    definition, linux = container.definition, container.definition.get("linuxParameters", {})
    flags = ["--memory", f"{definition['memory']}m", "--user", definition["user"]]
    flags += ["--read-only"] if definition.get("readonlyRootFilesystem") else []
    flags += ["--init"] if linux.get("initProcessEnabled") else []
    flags += [f"--cap-drop={capability}" for capability in linux.get("capabilities", {}).get("drop", [])]
    return flags + [f"--mount=type=volume,dst={mount['containerPath']}" for mount in definition.get("mountPoints", [])]


def _health(container: Container) -> list[str]:
    check = container.definition["healthCheck"]
    _, *command = check["command"]
    times = ["--health-interval", "2s", "--health-timeout", f"{check['timeout']}s", "--health-start-period", "60s"]
    return ["--health-cmd", " ".join(command), *times, "--health-retries", str(check["retries"])]


def _environment(settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]


def _docker(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=check)
