"""Connections to PostgreSQL that never hang and never hold a row for long."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url

from consumer.login import Database

CONNECT_SECONDS = 5
SILENCE_SECONDS = 15


def engine(
    database: Database,
    application_name: str,
    *,
    statement_timeout_ms: int = 60_000,
    lock_timeout_ms: int = 10_000,
    silence_seconds: int = SILENCE_SECONDS,
    connections: int = 1,
) -> Engine:
    """An engine of so many connections; ``application_name`` is what pg_stat_activity shows.

    A frozen client or a dead network frees its rows within ``silence_seconds``. A timeout of 0 means none.
    Error messages hold no statement parameters.
    """
    made = create_engine(
        sqlalchemy_url(database.url),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={
            "application_name": application_name,
            "client_encoding": "utf8",
            "connect_timeout": min(CONNECT_SECONDS, silence_seconds),
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": silence_seconds * 1000,
            "options": f"-c idle_in_transaction_session_timeout={silence_seconds * 1000} -c timezone=UTC"
            f" -c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}",
        },
    )
    if database.auth == "iam":
        _log_in_with_tokens(made, database)
    return made


def _log_in_with_tokens(target: Engine, database: Database) -> None:
    from consumer.rds import Tokens  # a child without it is smaller

    assert database.region
    tokens = Tokens(target.url, database.region)

    def sign(_: object, __: object, ___: object, parameters: dict[str, Any]) -> None:
        parameters["password"] = tokens.make()

    event.listen(target, "do_connect", sign)


def sqlalchemy_url(database_url: str) -> URL:
    scheme, _, rest = database_url.partition("://")
    assert scheme in ("postgresql", "postgres")
    return make_url(f"postgresql+psycopg2://{rest}")
