"""`python -m consumer breaker`: whether the consumer stopped before a flood of dead letters, and how it goes on."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

TRIPPED = 1

app = typer.Typer(no_args_is_help=True, help="What stops the consumer before it stores a flood of dead letters.")


@app.command()
def show() -> None:
    """Tell whether the breaker is tripped, and by what. Exit code 1 if it is. DATABASE_URL is required.

    Example: python -m consumer breaker show
    """
    from consumer.breaker_state import tripped

    database, application = _database()
    found = tripped(database, application)
    typer.echo(str(found) if found else "the breaker is not tripped")
    raise typer.Exit(TRIPPED if found else 0)


@app.command()
def reset(
    note: Annotated[str, typer.Option(help="Why, for the history.")],
    by: Annotated[str | None, typer.Option(help="Who does it; else the database's and the system's user.")] = None,
) -> None:
    """Let the consumer go on: what Kinesis took until now passes, and becomes dead letters where it must.

    What comes later is judged anew, so mend the deploy first. A waiting consumer goes on within seconds.
    DATABASE_URL is required. Safe to repeat.

    Example: python -m consumer breaker reset --note "producer 1.4.1 is out"
    """
    from consumer import breaker_state
    from consumer.letters import operator

    if not note.strip():
        raise typer.BadParameter("--note must say why")
    database, application = _database()
    with database.begin() as connection:
        count = breaker_state.reset(connection, application, by or operator(connection), note)
    typer.echo("reset: the consumer goes on" if count else "nothing to reset: the breaker is not tripped", err=True)


def _database() -> "tuple[Engine, str]":
    from consumer.database import engine
    from consumer.settings import ApplicationSettings

    settings = ApplicationSettings.load()
    return engine(settings.database, "payment-analytics breaker"), settings.application_name
