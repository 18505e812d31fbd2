"""A console on a database of its own, and people who are logged in to it."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from consumer.console import users
from consumer.console.main import compose
from consumer.console.roles import Role
from consumer.console.web import Site
from consumer.settings import ConsoleSettings

PASSWORD = "correct horse battery"
LogIn = Callable[[str], TestClient]


@pytest.fixture
def site(engine: Engine) -> Site:
    url = engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg2", "postgresql")
    return compose(ConsoleSettings(database_url=url, console_https=False), engine)


@pytest.fixture
def people(engine: Engine) -> None:
    with engine.begin() as connection:
        for role in Role:
            users.create(connection, role.value, role, PASSWORD)


@pytest.fixture
def stranger(site: Site) -> Iterator[TestClient]:
    with TestClient(site.app, base_url="http://console.test", follow_redirects=False) as client:
        yield client


@pytest.fixture
def log_in(site: Site, people: None) -> Iterator[LogIn]:
    clients: list[TestClient] = []

    def enter(name: str) -> TestClient:
        client = TestClient(site.app, base_url="http://console.test", follow_redirects=False)
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        clients.append(client)
        return client

    yield enter
    for client in clients:
        client.close()
