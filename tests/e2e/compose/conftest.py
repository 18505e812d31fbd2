"""The compose stack for the tests here, from nothing, under a name of its own.

Without an engine they are skipped, or fail where COMPOSE_TESTS=required says that there must be one.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.compose.driver import ComposeDriver
from tests.e2e.compose.engine import Compose, settings_file, sourced, why_not

PORTS = ("COLLECTOR_HOST_PORT", "POSTGRES_HOST_PORT", "LOCALSTACK_HOST_PORT", "CONSOLE_HOST_PORT")


def free_ports() -> dict[str, int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in PORTS]
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return {name: found.getsockname()[1] for name, found in zip(PORTS, sockets, strict=True)}


@pytest.fixture(scope="package")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeDriver]:
    if reason := why_not():
        leave = pytest.fail if os.environ.get("COMPOSE_TESTS") == "required" else pytest.skip
        leave(f"the compose stack is not tested: {reason}")
    settings = sourced(settings_file(tmp_path_factory.mktemp("settings"), free_ports()))
    compose = Compose(settings)
    try:
        compose.up()
        yield ComposeDriver(compose, settings)
    finally:
        compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5")
