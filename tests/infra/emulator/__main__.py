"""`python -m tests.infra.emulator SETTINGS.json`: serves until SIGTERM."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

# Read by moto and boto3 when they are imported.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")

from moto.ecr.models import Repository
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.infra.emulator import databases
from tests.infra.emulator.calls import recording
from tests.infra.emulator.containers import Runner
from tests.infra.emulator.corrections import correct
from tests.infra.emulator.engine import DockerRunner
from tests.infra.emulator.pretence import PretendingRunner
from tests.infra.emulator.registry import Registry
from tests.infra.emulator.replacing import after
from tests.infra.emulator.settings import Settings
from tests.infra.emulator.tasks import Tasks


def main(file: Path) -> int:
    settings = Settings.read(file)
    runner: Runner = DockerRunner(settings) if settings.has_engine else PretendingRunner(settings)
    correct()
    Tasks(runner, settings).install()
    databases.install(runner)
    _use_registry(settings)
    signal.signal(signal.SIGTERM, _exit)
    try:
        _serve(settings)
    finally:
        runner.close()
    return 0


def _use_registry(settings: Settings) -> None:
    def rename(_: None, repository: Repository, *__: object) -> None:
        repository.uri = f"{settings.registry}/{repository.name}"

    after(Repository, "__init__", rename)
    registry = Registry(settings.registry_port, settings.folder / "images")
    threading.Thread(target=registry.serve_forever, daemon=True).start()


def _serve(settings: Settings) -> None:
    application = recording(DomainDispatcherApplication(create_backend_app), settings.calls)
    make_server(
        "127.0.0.1", settings.port, application, threaded=True, request_handler=MotoRequestHandler
    ).serve_forever()


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
