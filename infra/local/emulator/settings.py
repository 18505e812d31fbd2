"""The emulator's environment: what we read, and what ministack must read for it."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 45660
NO_DOCKER = "unix:///nonexistent/docker.sock"
NO_CAP = float("inf")


class EmulatorSettingsError(Exception):
    """A setting is unusable; the message names it."""


@dataclass(frozen=True)
class EmulatorSettings:
    """``state_folder`` (STATE_DIR) is where an orderly stop saves everything, None without PERSIST_STATE=1.

    ``port`` is GATEWAY_PORT. ``firehose_max_interval`` (FIREHOSE_MAX_INTERVAL_SECONDS) caps the seconds that delivery
    streams buffer for: AWS allows no fewer than 60, too long for a person who waits. ``log_level`` is
    EMULATOR_LOG_LEVEL, WARNING by default.
    """

    port: int
    state_folder: Path | None
    firehose_max_interval: float
    log_level: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "EmulatorSettings":
        """Raises EmulatorSettingsError."""
        return cls(
            port=_port(environment),
            state_folder=_state_folder(environment),
            firehose_max_interval=_seconds(environment, "FIREHOSE_MAX_INTERVAL_SECONDS", NO_CAP),
            log_level=_log_level(environment),
        )

    def for_ministack(self, environment: Mapping[str, str]) -> dict[str, str]:
        """``environment`` as ministack must see it, set before its first import.

        Loopback only, no TLS port, no MQTT or SFTP listener, no Docker, no SMTP relay: whatever the user's shell says.
        """
        kept = {name: value for name, value in environment.items() if name not in ("SMTP_HOST", "USE_SSL", "AUTH")}
        return {
            **kept,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "DOCKER_HOST": NO_DOCKER,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": self.log_level,
            "MINISTACK_REGION": environment.get("AWS_REGION") or "us-east-1",
            **self._persistence(environment),
        }

    def _persistence(self, environment: Mapping[str, str]) -> dict[str, str]:
        if self.state_folder is None:
            return {"PERSIST_STATE": "0", "S3_PERSIST": "0"}
        objects = environment.get("S3_DATA_DIR") or str(self.state_folder / "s3")
        return {"PERSIST_STATE": "1", "S3_PERSIST": "1", "S3_DATA_DIR": objects}


def _state_folder(environment: Mapping[str, str]) -> Path | None:
    if environment.get("PERSIST_STATE") != "1":
        return None
    folder = environment.get("STATE_DIR")
    if not folder:
        raise EmulatorSettingsError("PERSIST_STATE=1 needs STATE_DIR, the folder to save to")
    return Path(folder).resolve()


def _port(environment: Mapping[str, str]) -> int:
    text = environment.get("GATEWAY_PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise EmulatorSettingsError(f"GATEWAY_PORT must be a port, 1 to 65535, and is {text!r}")
    return int(text)


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise EmulatorSettingsError(f"{name} must be a number above 0 and is {text!r}")
    return seconds


def _log_level(environment: Mapping[str, str]) -> str:
    level = environment.get("EMULATOR_LOG_LEVEL") or "WARNING"
    if level not in logging.getLevelNamesMapping():
        raise EmulatorSettingsError(f"EMULATOR_LOG_LEVEL must be a level of Python's logging and is {level!r}")
    return level


def adopt(environment: Mapping[str, str]) -> None:
    """Makes ``environment`` this process's own."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
