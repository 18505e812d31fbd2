"""What `python -m consumer notify` hands to the process that it becomes."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

import msgspec

from consumer.login import Database

if TYPE_CHECKING:
    from consumer.settings import NotifierSettings

VARIABLE = "NOTIFIER_SETTINGS"


class Handover(msgspec.Struct, frozen=True):
    """`NotifierSettings`, which were checked, without the library that checks them."""

    log_format: str
    log_level: str
    database_url: str
    database_auth: str
    aws_region: str
    alert_sender: str
    alert_recipients: tuple[str, ...]
    digest_interval_seconds: float
    notify_poll_seconds: float
    metrics_host: str
    metrics_port: int | None
    heartbeat_file: str | None
    ses_configuration_set: str | None
    metrics_namespace: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Handover":
        return msgspec.json.decode(environment[VARIABLE], type=cls)

    @property
    def database(self) -> Database:
        return Database(self.database_url, self.database_auth, self.aws_region)


def become_notifier(settings: "NotifierSettings") -> NoReturn:
    """Never returns: under the same process id, and with the same signals, it is `consumer.notifier` from now on."""
    environment = {**os.environ, VARIABLE: settings.model_dump_json()}
    os.execve(sys.executable, [sys.executable, "-m", "consumer.notifier"], environment)  # noqa: S606 - our own
