"""RDS instances that answer: a PostgreSQL behind each one's name, with the owner's password in the managed secret."""

import json
import secrets
from typing import Any

from moto.rds.models import MasterUserSecret, RDSBackend

from tests.infra.emulator.containers import Runner
from tests.infra.emulator.replacing import after, replace


def install(runner: Runner) -> None:
    def start(instance: Any, *_: Any) -> None:
        runner.start_database(instance.address, instance.master_username, instance.owner_password, instance.db_name)

    def make_password(self: Any) -> str:
        """moto's is the same for all, of a user of its own."""
        self.resource.owner_password = secrets.token_urlsafe(16)
        return json.dumps({"username": self.resource.master_username, "password": self.resource.owner_password})

    replace(MasterUserSecret, _generate_secret_string=make_password)
    after(RDSBackend, "create_db_instance", start)
    after(RDSBackend, "delete_db_instance", lambda *_: runner.stop_database())
