"""A console on a database of its own, and people who are logged in to it."""

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn

from consumer.console import users
from consumer.console.main import compose
from consumer.console.roles import Role
from consumer.console.web import Site
from consumer.settings import ConsoleSettings
from tests.integration.conftest import CONSOLE_ROLE, as_user

PASSWORD = "correct horse battery"
LogIn = Callable[[str], httpx.Client]


@pytest.fixture
def site(owner_url: str) -> Iterator[Site]:
    """With the rights that the console has."""
    settings = ConsoleSettings(database_url=as_user(owner_url, CONSOLE_ROLE), console_https=False)
    found = compose(settings)
    yield found
    found.engine.dispose()


@pytest.fixture
def people(site: Site) -> None:
    with site.engine.begin() as connection:
        for role in Role:
            users.create(connection, role.value, role, PASSWORD)


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """Where it is served, on a port of its own."""
    server = uvicorn.Server(
        uvicorn.Config(site.app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1)
    )
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    while not server.started:
        assert serving.is_alive()
        threading.Event().wait(0.01)
    (listener,) = server.servers[0].sockets
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    serving.join()


@pytest.fixture
def stranger(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        yield client


@pytest.fixture
def log_in(address: str, people: None) -> Iterator[LogIn]:
    clients: list[httpx.Client] = []

    def enter(name: str) -> httpx.Client:
        clients.append(httpx.Client(base_url=address))
        answer = clients[-1].post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return clients[-1]

    yield enter
    for client in clients:
        client.close()
