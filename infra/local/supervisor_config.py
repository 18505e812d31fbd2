"""supervisord's configuration file."""

import configparser
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A supervised process. Those started last are stopped first."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 10


@dataclass(frozen=True)
class Place:
    """Where supervisord keeps its logs, its process id and its socket."""

    logs: Path
    pid_file: Path
    socket: Path

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def write_config(path: Path, programs: Sequence[Program], place: Place, environment: Mapping[str, str]) -> None:
    """``environment`` is every program's. The file holds passwords: for its owner alone."""
    config = configparser.RawConfigParser()
    config.read_dict(
        {
            "supervisord": _daemon(place, environment),
            "unix_http_server": {"file": _literal(place.socket), "chmod": "0700"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
            **{
                f"program:{program.name}": _program(program, order, place)
                for order, program in enumerate(programs, start=1)
            },
        }
    )
    path.touch(mode=0o600)
    with path.open("w") as file:
        config.write(file)


def _daemon(place: Place, environment: Mapping[str, str]) -> dict[str, str]:
    section = {
        "logfile": _literal(place.log("supervisord")),
        "pidfile": _literal(place.pid_file),
        "childlogdir": _literal(place.logs),
        "nocleanup": "true",
        "umask": "077",
        "environment": _variables(environment),
    }
    return section | ({"user": "root"} if os.geteuid() == 0 else {})


def _program(program: Program, order: int, place: Place) -> dict[str, str]:
    return {
        "command": _literal(shlex.join(program.command)),
        "environment": _variables(program.environment),
        "priority": str(order * 10),
        "autostart": "false",
        "autorestart": "true",
        "startretries": "1000000",
        "stopsignal": program.stop_signal,
        "stopwaitsecs": str(program.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _literal(place.log(program.name)),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "2",
    }


def _variables(environment: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_literal(value)}"' for name, value in environment.items())


def _literal(value: object) -> str:
    """supervisord expands ``%(name)s`` in its settings; a real per cent sign is doubled."""
    return str(value).replace("%", "%%")
