"""Secrets Manager goes on reading the version that was current before AWSCURRENT was moved to another."""

from typing import Any

from moto.secretsmanager.models import SecretsManagerBackend

from tests.infra.emulator.replacing import replace


def correct() -> None:
    update = SecretsManagerBackend.update_secret_version_stage

    def update_stage(self: Any, **named: Any) -> Any:
        answer = update(self, **named)
        if named["version_stage"] == "AWSCURRENT" and named["move_to_version_id"]:
            self.secrets[named["secret_id"]].set_default_version_id(named["move_to_version_id"])
        return answer

    replace(SecretsManagerBackend, update_secret_version_stage=update_stage)
