"""RDS instances that answer: a PostgreSQL behind each one's name, with the owner's password in the managed secret."""

import json
import secrets
from typing import Any

from moto.rds.models import MasterUserSecret, RDSBackend

from tests.infra.emulator.containers import Runner
from tests.infra.emulator.replacing import after, replace


def install(runner: Runner) -> None:
    running: dict[str, str] = {}  # the instance's name and its owner's password; one at a time

    def start(instance: Any, *_: Any) -> None:
        """A copy beside the first is there, but nobody logs in to it."""
        if not running:
            running[instance.db_instance_identifier] = instance.owner_password
            runner.start_database(instance.address, instance.master_username, instance.owner_password, instance.db_name)

    def stop(instance: Any, *_: Any) -> None:
        if instance.db_instance_identifier in running:
            running.clear()
            runner.stop_database()

    def restart(instance: Any, *_: Any) -> None:
        """A password that is managed from now on is a new one. What stood in the database is none of the emulator's."""
        if running.get(instance.db_instance_identifier, instance.owner_password) != instance.owner_password:
            stop(instance)
            start(instance)

    def make_password(self: Any) -> str:
        """moto's is the same for all, of a user of its own."""
        self.resource.owner_password = secrets.token_urlsafe(16)
        return json.dumps({"username": self.resource.master_username, "password": self.resource.owner_password})

    replace(MasterUserSecret, _generate_secret_string=make_password)
    after(RDSBackend, "create_db_instance", start)
    after(RDSBackend, "delete_db_instance", stop)
    after(RDSBackend, "modify_db_instance", restart)
