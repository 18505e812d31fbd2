"""`python -m consumer users`: who may use the console."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.console.roles import Role

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

app = typer.Typer(no_args_is_help=True, help="Who may use the console, and as what.")

Name = Annotated[str, typer.Argument(help="To log in with: small letters, digits and . _ @ + -")]
RoleOption = Annotated[Role, typer.Option(help="viewer looks; analyst decides and publishes; admin sees to users too.")]
FromStdin = Annotated[bool, typer.Option("--stdin", help="Read the password from stdin's first line; else it asks.")]
ToSecret = Annotated[
    str | None, typer.Option(metavar="SECRET", help="Make a password, and put it there: a secret of Secrets Manager.")
]
FromEnvironment = Annotated[bool, typer.Option("--from-environment", help="The password is CONSOLE_PASSWORD.")]
UnlessThere = Annotated[bool, typer.Option("--unless-there", help="Leave a user of that name as it is.")]
SingleSignOn = Annotated[bool, typer.Option("--no-password", help="The user comes by single sign-on alone.")]


@app.command()
def create(
    name: Name,
    role: RoleOption = Role.VIEWER,
    stdin: FromStdin = False,
    from_environment: FromEnvironment = False,
    no_password: SingleSignOn = False,
    to_secret: ToSecret = None,
    unless_there: UnlessThere = False,
) -> None:
    """Make a user. DATABASE_URL is required.

    --to-secret makes the password; KEY_KMS_ID is the key of a secret that it makes. Whoever has fetched it changes it
    in the console, and deletes the secret.

    Example: python -m consumer users create ann --role analyst
    """
    from consumer.console import handover, users

    if no_password:
        password = None
    elif to_secret:
        password = handover.made()
    else:
        password = _environments() if from_environment else _password(stdin=stdin)
    with _database().begin() as connection:
        if unless_there and name in [user.name for user in users.every(connection)]:
            typer.echo(f"{name} is there already", err=True)
            return
        users.create(connection, name, role, password)
        _tell(connection, "user made", name, role=role.value)
        if to_secret and password:  # before the user is there for others
            handover.put(to_secret, password, os.environ.get("AWS_REGION"), os.environ.get("KEY_KMS_ID"))
    typer.echo(f"{name} may log in as {role}", err=True)


@app.command("list")
def list_users(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line for each user.")] = False,
) -> None:
    """List the users. DATABASE_URL is required.

    Example: python -m consumer users list
    """
    import msgspec
    from rich.table import Table

    from consumer.console import users
    from consumer.repairs import output

    with _database().connect() as connection:
        found = users.every(connection)
    if as_json:
        for user in found:
            typer.echo(msgspec.json.encode(user._asdict()).decode())
        return
    table = Table("name", "role", "since", "")
    for user in found:
        locked = user.locked_until and user.locked_until > datetime.now(UTC)
        remark = "disabled" if user.disabled_at else "locked out for now" if locked else ""
        table.add_row(user.name, user.role, f"{user.created_at:%Y-%m-%d}", remark)
    output().print(table)


@app.command("role")
def change_role(name: Name, role: Annotated[Role, typer.Argument(help="From the next request on.")]) -> None:
    """Give a user another role. DATABASE_URL is required.

    Example: python -m consumer users role ann admin
    """
    from consumer.console import users

    with _database().begin() as connection:
        users.set_role(connection, users.find(connection, name), role)
        _tell(connection, "role changed", name, role=role.value)
    typer.echo(f"{name} is {role} now", err=True)


@app.command()
def password(name: Name, stdin: FromStdin = False) -> None:
    """Set a user's password: ends all of the user's sessions, and opens what is locked out. DATABASE_URL is required.

    Example: python -m consumer users password ann
    """
    from consumer.console import sessions, users

    new = _password(stdin=stdin)
    with _database().begin() as connection:
        user = users.find(connection, name)
        users.set_password(connection, user, new)
        sessions.end_all(connection, user.id)
        _tell(connection, "password changed", name)
    typer.echo(f"{name} has a new password", err=True)


@app.command()
def disable(name: Name) -> None:
    """Let a user in no more, and end all of the user's sessions. DATABASE_URL is required.

    Example: python -m consumer users disable ann
    """
    from consumer.console import sessions, users

    with _database().begin() as connection:
        user = users.find(connection, name)
        users.set_disabled(connection, user, is_disabled=True)
        sessions.end_all(connection, user.id)
        _tell(connection, "user disabled", name)
    typer.echo(f"{name} may not log in any more", err=True)


@app.command()
def enable(name: Name) -> None:
    """Let a user in again. DATABASE_URL is required.

    Example: python -m consumer users enable ann
    """
    from consumer.console import users

    with _database().begin() as connection:
        users.set_disabled(connection, users.find(connection, name), is_disabled=False)
        _tell(connection, "user enabled", name)
    typer.echo(f"{name} may log in again", err=True)


def _environments() -> str:
    if not (found := os.environ.get("CONSOLE_PASSWORD")):
        raise typer.BadParameter("CONSOLE_PASSWORD is not set")
    return found


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _tell(connection: "Connection", action: str, subject: str, **details: str) -> None:
    from consumer.console import log
    from consumer.letters import operator

    log.tell(connection, operator(connection), action, subject, details)


def _database() -> "Engine":
    from consumer.database import engine
    from consumer.settings import DatabaseSettings

    return engine(DatabaseSettings.load().database, "payment-analytics users")
