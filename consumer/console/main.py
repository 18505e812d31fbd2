"""`python -m consumer console`: the composition root."""

from fastapi import FastAPI
from sqlalchemy import Engine

from consumer.console import anomaly_pages, login_pages, static
from consumer.console.web import Site
from consumer.database import engine as database_engine
from consumer.settings import ConsoleSettings

STATEMENT_TIMEOUT_MS = 10_000


def compose(settings: ConsoleSettings, engine: Engine | None = None) -> Site:
    made = engine or database_engine(
        settings.database,
        "payment-analytics console",
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        connections=settings.console_connections,
    )
    site = Site(made, settings)
    for part in (login_pages, anomaly_pages, static):
        part.add_to(site)
    return site


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
    )
