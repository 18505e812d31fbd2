"""`python -m consumer console`: the composition root."""

from fastapi import FastAPI
from sqlalchemy import Engine

from consumer.console import (
    anomaly_page,
    anomaly_pages,
    dead_letter_pages,
    key_pages,
    list_pages,
    login_pages,
    overview_pages,
    rule_pages,
    sign_on_pages,
    static,
    user_pages,
)
from consumer.console.rulebook import Rulebook
from consumer.console.watch import Sources, Stream
from consumer.console.web import Site
from consumer.database import engine as database_engine
from consumer.publishing.place import place
from consumer.settings import ConsoleSettings

PARTS = (
    login_pages,
    sign_on_pages,
    overview_pages,
    anomaly_pages,
    anomaly_page,
    rule_pages,
    dead_letter_pages,
    list_pages,
    key_pages,
    user_pages,
    static,
)
STATEMENT_TIMEOUT_MS = 10_000
SHUTDOWN_SECONDS = 3
"""Whoever watches the overview would go on for ever."""


def compose(settings: ConsoleSettings, engine: Engine | None = None, sources: Sources | None = None) -> Site:
    """Without ``sources`` they are this world's."""
    made = engine or database_engine(
        settings.database,
        "payment-analytics console",
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        connections=settings.console_connections,
    )
    where = place(settings.rules, settings.aws_region) if settings.rules else None
    site = Site(made, settings, Rulebook(where), sources or _sources(settings, made))
    for part in PARTS:
        part.add_to(site)
    return site


def _sources(settings: ConsoleSettings, engine: Engine) -> Sources:
    if not settings.stream_name:
        return Sources()
    return Sources(Stream(engine, settings.stream_name, settings.application_name, settings.aws_region).read)


def create(settings: ConsoleSettings) -> FastAPI:
    return compose(settings).app


def serve(settings: ConsoleSettings) -> None:
    import uvicorn

    uvicorn.run(
        create(settings),
        host=settings.console_host,
        port=settings.console_port,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
