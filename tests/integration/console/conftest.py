"""A console on a database of its own, and people who are logged in to it."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from consumer.console.main import compose
from consumer.console.web import Site
from consumer.settings import ConsoleSettings
from tests.integration.conftest import CONSOLE_ROLE, as_user
from tests.integration.console.serving import PASSWORD, add_people, served

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
    add_people(site)


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    with served(site) as found:
        yield found


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
