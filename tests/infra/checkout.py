"""A copy of what the scripts need of the checkout, and the scripts run in it against the emulator."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.infra.aws import CHECKOUT, REGION, Aws

STANDIN = Path(__file__).parent / "standin"
OVERRIDE = Path(__file__).parent / "emulator" / "emulator_override.tf"
SETTINGS = {
    "ALERT_SENDER": "alerts@payments.example",
    "ALERT_RECIPIENTS": "fraud@payments.example, on-call@payments.example",
}
SECONDS = 600


@cache
def why_no_engine() -> str | None:
    """None where a Docker engine on this machine answers and builds; else why not."""
    for command in (["docker", "info"], ["docker", "buildx", "version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return f"`{' '.join(command)}` says {done.stderr.strip()}"
    return None


class Checkout:
    """``folder`` holds the copy. In it is what a clean checkout has, and the emulator's override."""

    def __init__(self, folder: Path, aws: Aws) -> None:
        self.folder = folder
        self.aws = aws
        infra = folder / "infra"
        infra.mkdir(parents=True)
        for name in ("deploy.sh", "destroy.sh", ".dockerignore"):
            shutil.copy(CHECKOUT / name, folder)
        for file in _terraform_files():
            shutil.copy(file, infra)
        for part in ("infra/deploy", "api_keys", "producer", "consumer"):
            shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(OVERRIDE, infra)
        self._override_url()

    def run(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*words, **environment)
        out, err = ended(process)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """In a process group of its own, as a shell does it, so that a Ctrl-C can be sent to all of it."""
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_heed_interrupts,
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
        path = (
            [str(self.aws.tools), kept["PATH"]]
            if self.aws.has_engine
            else [str(STANDIN), str(self.aws.tools), kept["PATH"]]
        )
        return {
            **kept,
            **SETTINGS,
            "PATH": os.pathsep.join(path),
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "DOCKER_CONFIG": str(self._docker_config()),
            "RDS_CA_BUNDLE_URL": self.aws.bundle.as_uri(),
            "POLL_SECONDS": "1",
            "TASK_POLL_SECONDS": "1",
        }

    def _docker_config(self) -> Path:
        """Logins end there, and not in the user's own."""
        folder = self.folder.parent / "docker"
        folder.mkdir(exist_ok=True)
        plugins = Path.home() / ".docker" / "cli-plugins"
        if plugins.exists() and not (folder / "cli-plugins").exists():
            (folder / "cli-plugins").symlink_to(plugins)
        return folder

    def _override_url(self) -> None:
        """No API Gateway leads from the emulator to a container: the URL is the producer's own."""
        text = f'output "api_gateway_url" {{\n  value = "{self.aws.producer_url}"\n}}\n'
        (self.folder / "infra" / "url_override.tf").write_text(text)


def _terraform_files() -> list[Path]:
    found = [*CHECKOUT.glob("infra/*.tf"), *CHECKOUT.glob("infra/*.sh"), CHECKOUT / "infra/.terraform.lock.hcl"]
    return [file for file in found if file.name not in ("backend.tf", "kept.tf")]


def _heed_interrupts() -> None:
    """What was started in the background ignores them, and a shell could then not trap them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt(process: "subprocess.Popen[str]") -> None:
    """Ctrl-C: the whole process group gets it."""
    os.killpg(process.pid, signal.SIGINT)


def ended(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What it told on stdout and stderr until its end. An interrupted terraform first waits for what it is making: a
    database takes it a minute and a half here, and longer on a slow machine.
    """
    try:
        return process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise


def results(done: "subprocess.CompletedProcess[str]") -> Mapping[str, str]:
    """What a script printed as its results."""
    assert done.returncode == 0, done.stderr
    return dict(line.split(" = ") for line in done.stdout.splitlines())
