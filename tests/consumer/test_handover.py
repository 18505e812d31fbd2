"""What `notify` hands to the process that it becomes: all of its settings, and nothing that checks them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from consumer.handover import Handover, become_notifier
from consumer.settings import NotifierSettings

CHECKOUT = Path(__file__).parents[2]
REQUIRED: dict[str, Any] = {
    "database_url": "postgresql://app:s3cret@db/payments",
    "aws_region": "eu-west-1",
    "alert_sender": "Überwachung <alerts@example.org>",
    "alert_recipients": "ops@example.org, Ops <night@example.org>",
}
ALL: dict[str, Any] = {
    **REQUIRED,
    "metrics_port": 0,
    "heartbeat_file": "beat",
    "ses_configuration_set": "payments",
    "metrics_namespace": "payments",
    "digest_interval_seconds": 0.5,
}


class BecameError(Exception):
    def __init__(self, path: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.path, self.arguments, self.environment = path, arguments, environment


def become(path: str, arguments: list[str], environment: dict[str, str]) -> NoReturn:
    raise BecameError(path, arguments, environment)


@pytest.mark.parametrize("given", [REQUIRED, ALL])
def test_every_setting_is_handed_over_as_it_was_read(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = NotifierSettings.load(**given)
    monkeypatch.setattr(os, "execve", become)
    with pytest.raises(BecameError) as became:
        become_notifier(settings)
    assert became.value.arguments == [sys.executable, "-m", "consumer.notifier"]
    assert became.value.environment.items() >= os.environ.items()
    told = Handover.from_environment(became.value.environment)
    assert msgspec.structs.asdict(told) == settings.model_dump() | {"heartbeat_file": given.get("heartbeat_file")}
    assert told.database == settings.database


def test_the_notifier_carries_none_of_what_checks_its_settings() -> None:
    script = "import consumer.notifier, sys; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert {"sqlalchemy", "boto3"} <= set(loaded.stdout.split())
    assert not {"pydantic", "pydantic_settings", "typer"} & set(loaded.stdout.split())
