"""ECS tasks and services that run: RunTask, CreateService, UpdateService and DeleteService reach a runner."""

import json
import threading
import time
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend
from moto.logs.models import logs_backends
from moto.secretsmanager.models import secretsmanager_backends

from tests.infra.emulator.containers import Container, Ending, Runner
from tests.infra.emulator.replacing import after
from tests.infra.emulator.settings import Settings


class Tasks:
    def __init__(self, runner: Runner, settings: Settings) -> None:
        self._runner = runner
        self._settings = settings

    def install(self) -> None:
        after(EC2ContainerServiceBackend, "run_task", self._run)
        after(EC2ContainerServiceBackend, "create_service", self._start)
        after(EC2ContainerServiceBackend, "update_service", self._start)
        after(EC2ContainerServiceBackend, "delete_service", self._stop)
        after(EC2ContainerServiceBackend, "describe_services", self._look)

    def _run(self, tasks: Any, backend: Any, *_: Any) -> None:
        for task in tasks:
            task.advance = lambda: None  # its state is ours to tell
            threading.Thread(target=self._carry_out, args=(backend, task), daemon=True).start()

    def _carry_out(self, backend: Any, task: Any) -> None:
        container = self._containers(backend, task.task_definition_arn, task.overrides)[0]
        ending = self._runner.run(container)
        _write_log(backend, container, task.id, ending)
        task.containers[0].exitCode = ending.code
        task.stopped_reason = "Essential container in task exited"
        task.desired_status = task.last_status = "STOPPED"

    def _start(self, service: Any, backend: Any, *_: Any) -> None:
        """Anew where the task definition is another; one task, however many are desired."""
        if service.deployments[0].get("started") != service.task_definition:
            service.deployments[0].update(started=service.task_definition, taskDefinition=service.task_definition)
            containers = self._containers(backend, service.task_definition, {})
            threading.Thread(target=self._runner.start, args=(service.name, containers), daemon=True).start()

    def _stop(self, service: Any, *_: Any) -> None:
        self._runner.stop(service.name)

    def _look(self, found: Any, *_: Any) -> None:
        for service in found[0]:
            runs = service.status == "ACTIVE" and self._runner.is_healthy(service.name)
            service.running_count = service.desired_count if runs else 0
            service.pending_count = service.desired_count - service.running_count
            service.deployments[0]["rolloutState"] = "COMPLETED" if runs else "IN_PROGRESS"

    def _containers(self, backend: Any, definition: str, overrides: dict[str, Any]) -> list[Container]:
        commands = {given["name"]: given.get("command") for given in overrides.get("containerOverrides", [])}
        return [
            Container(
                name=container["name"],
                definition=container,
                command=commands.get(container["name"]) or container.get("command") or [],
                environment={**_environment(backend, container), **self._settings.overrides(container["name"])},
            )
            for container in backend.describe_task_definition(definition).container_definitions
        ]


def _environment(backend: Any, container: Any) -> dict[str, str]:
    plain = {setting["name"]: setting["value"] for setting in container["environment"]}
    return plain | {secret["name"]: _secret(backend, secret["valueFrom"]) for secret in container.get("secrets", [])}


def _secret(backend: Any, reference: str) -> str:
    """An ARN, and behind two colons more the key of a JSON document."""
    arn, key = reference.rsplit(":", 3)[0], reference.rsplit(":", 3)[1]
    found = secretsmanager_backends[backend.account_id][backend.region_name].get_secret_value(arn, None, None)
    return str(json.loads(found["SecretString"] if isinstance(found, dict) else json.loads(found)["SecretString"])[key])


def _write_log(backend: Any, container: Container, task_id: str, ending: Ending) -> None:
    options = container.definition["logConfiguration"]["options"]
    stream = f"{options['awslogs-stream-prefix']}/{container.name}/{task_id}"
    logs = logs_backends[backend.account_id][backend.region_name]
    logs.create_log_stream(options["awslogs-group"], stream)
    now = int(time.time() * 1000)
    logs.put_log_events(
        options["awslogs-group"], stream, [{"timestamp": now, "message": line} for line in ending.lines or [""]]
    )
