"""A console over an hour of payments that is always the same, at an address of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import uvicorn
from sqlalchemy import Engine

from consumer.console import users
from consumer.console.main import compose
from consumer.console.overview import Reading
from consumer.console.roles import Role
from consumer.console.watch import Sources
from consumer.console.web import Site
from consumer.rules.editions import EMPTY
from consumer.settings import ConsoleSettings
from tests.integration.console import seed

PASSWORD = "correct horse battery"


def made(url: str, owner: Engine, folder: Path) -> Site:
    """``url`` logs in to the database that ``owner`` owns; archive and rules are put into the folder."""
    seed.fill(owner)
    archive = folder / "archive"
    hour = archive / "dt=2026-11-23" / "hr=12"
    hour.mkdir(parents=True)
    (hour / "part").write_bytes(seed.archived())
    settings = ConsoleSettings(
        database_url=url, console_https=False, archive=str(archive), rules=str(_published(folder / "published.json"))
    )
    return compose(settings, sources=Sources(lambda: Reading(None, None), lambda: seed.NOON))


def add_people(site: Site) -> None:
    """One of each role, named after it."""
    with site.engine.begin() as connection:
        for role in Role:
            users.create(connection, role.value, role, PASSWORD)


@contextmanager
def served(site: Site) -> Iterator[str]:
    """Where, on a port of its own."""
    config = uvicorn.Config(site.app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    while not server.started:
        assert serving.is_alive()
        threading.Event().wait(0.01)
    (listener,) = server.servers[0].sockets
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        serving.join()


def _published(file: Path) -> Path:
    """One edition."""
    day = timedelta(days=1)
    file.write_bytes(EMPTY.with_edition(seed.RULES, seed.NOON - day, "ann", seed.NOON - 2 * day).written())
    return file
