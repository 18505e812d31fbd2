"""The whole embedded stack, started once for all tests here, in a folder and on ports of its own."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest

from infra.local.settings import PORTS, Local
from infra.local.stack import Stack, adopt_environment
from tests.e2e.driver import Driver


def free_ports() -> dict[str, str]:
    """The environment that moves the stack to ports nobody holds."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in PORTS]
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return {name: str(found.getsockname()[1]) for name, found in zip(PORTS, sockets, strict=True)}


@contextmanager
def running_stack(folder: Path) -> Iterator[Driver]:
    before = dict(os.environ)
    local = Local.from_environment({"LOCAL_DIR": str(folder), **free_ports()})
    adopt_environment(local)
    stack = Stack(local, lambda _name: nullcontext())
    try:
        stack.up(tied_to_us=True)
        yield Driver(stack)
    finally:
        stack.down()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with running_stack(tmp_path_factory.mktemp("stack")) as driver:
        yield driver
