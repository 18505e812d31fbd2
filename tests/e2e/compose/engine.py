"""Whether `docker compose` can be driven here, and the project's stack under a name and on ports of its own."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.e2e.truth import CHECKOUT

EXAMPLE = CHECKOUT / ".env.example"
COMMAND_SECONDS = 600


@cache
def why_not() -> str | None:
    """None where an engine and its compose plugin answer; else a sentence for people."""
    for command in (["docker", "compose", "version"], ["docker", "info"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"no Docker engine answers: {error}"
        if done.returncode != 0:
            return f"no Docker engine answers: `{' '.join(command)}` says {done.stderr.strip() or done.stdout.strip()}"
    return None


def sourced(file: Path) -> dict[str, str]:
    """The variables that a shell has after `. file`, and no other."""
    done = subprocess.run(
        ["sh", "-c", 'set -a; . "$1"; exec env -0', "sh", str(file)],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (entry.partition("=") for entry in done.stdout.split("\0") if entry)
    return {name: value for name, _, value in pairs if name not in ("PWD", "OLDPWD", "SHLVL", "_")}


def settings_file(folder: Path, ports: Mapping[str, int]) -> Path:
    """A copy of the example as a user would make it, with other ports."""
    text = EXAMPLE.read_text()
    for name, port in ports.items():
        text = re.sub(rf"^{name}=.*", f"{name}={port}", text, flags=re.MULTILINE)
    copy = folder / ".env"
    copy.write_text(text)
    return copy


class Compose:
    """One project of docker compose; every command waits for its end and fails loudly."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **settings, "COMPOSE_PROJECT_NAME": f"payments-test-{secrets.token_hex(4)}"}

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        done = self._run(*arguments, stdin=stdin)
        if done.returncode != 0:
            logs = self._run("logs", "--tail", "20").stdout
            raise AssertionError(f"docker compose {' '.join(arguments)}:\n{done.stdout}{done.stderr}\n{logs}")
        return done.stdout

    def up(self) -> None:
        self("up", "--wait")

    def state(self, service: str) -> dict[str, Any]:
        """The engine's own record of the container: Running, ExitCode, Health, RestartCount and more."""
        container = self("ps", "--all", "--quiet", service).strip()
        done = subprocess.run(
            ["docker", "inspect", "--format", "{{json .}}", container], capture_output=True, text=True, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return {**found["State"], "RestartCount": found["RestartCount"]}

    def is_healthy(self, service: str) -> bool:
        return bool(self.state(service).get("Health", {}).get("Status") == "healthy")

    def _run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "compose", "--progress", "plain", *arguments],
            cwd=CHECKOUT,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
