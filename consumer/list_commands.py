"""`python -m consumer lists`: who stands in the lists that rules ask for, and why."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.arguments import moment

if TYPE_CHECKING:
    from rich.table import Table
    from sqlalchemy import Engine

    from consumer.lists import Change, Kept

app = typer.Typer(no_args_is_help=True, help="The lists that rules ask for: who stands in them, since when, and why.")


def _name(text: str) -> str:
    from consumer.rules.declarations import NAME

    if not NAME.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no list's name: small letters, digits and _, 40 at most")
    return text


ListName = Annotated[str, typer.Argument(parser=_name, metavar="LIST", help="The list, as rules name it.")]
Values = Annotated[list[str], typer.Argument(metavar="VALUE...", help="Who or what, letter by letter.")]
Reason = Annotated[str, typer.Option(help="Why: it stands beside the entry for ever.")]
By = Annotated[str | None, typer.Option(help="Who does it; else the database's and the system's user.")]
From = Annotated[
    datetime | None,
    typer.Option("--from", parser=moment, help="RFC 3339; from when on: a minute from now or later."),
]


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(parser=_name, metavar="[LIST]", help="One list alone.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what has expired.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line for each entry.")] = False,
) -> None:
    """Show the entries, in force or coming. DATABASE_URL is required.

    Example: python -m consumer lists show trusted
    """
    from datetime import UTC

    from consumer.lists import kept
    from consumer.repairs import output

    with _database().connect() as connection:
        found = kept(connection, name, at=None if every else datetime.now(UTC))
    if as_json:
        for one in found:
            typer.echo(_json(one))
    else:
        output().print(_table(found))


@app.command()
def add(
    name: ListName,
    values: Values,
    reason: Reason,
    begin: From = None,
    expires: Annotated[
        datetime | None, typer.Option(parser=moment, help="RFC 3339; before when. For ever where it is not told.")
    ] = None,
    by: By = None,
) -> None:
    """Add values to a list: what is received from then on meets them. DATABASE_URL is required. Safe to repeat.

    Example: python -m consumer lists add trusted landlord --reason "rent, seen by ann" --expires 2027-01-01T00:00:00Z
    """
    from consumer import lists

    with _database().begin() as connection:
        new = lists.add(connection, _change(connection, name, values, reason, by, begin), expires)
    for value in values:
        typer.echo(f"{name}: {value}: {'added' if value in new else 'stands there already'}", err=True)


@app.command()
def remove(name: ListName, values: Values, reason: Reason, begin: From = None, by: By = None) -> None:
    """End the entries of values: what is received from then on does not meet them. DATABASE_URL is required.

    The entries stay for what was received before. Safe to repeat.

    Example: python -m consumer lists remove trusted landlord --reason "moved out"
    """
    from consumer import lists

    with _database().begin() as connection:
        gone = lists.remove(connection, _change(connection, name, values, reason, by, begin))
    for value in values:
        typer.echo(f"{name}: {value}: {'removed' if value in gone else 'does not stand there'}", err=True)


def _change(
    connection: object, name: str, values: list[str], reason: str, by: str | None, at: datetime | None
) -> "Change":
    from sqlalchemy import Connection

    from consumer.letters import operator
    from consumer.lists import Change

    assert isinstance(connection, Connection)
    if not reason.strip():
        raise typer.BadParameter("--reason must say why")
    return Change(name, values, reason, by or operator(connection), at)


def _json(one: "Kept") -> str:
    import msgspec

    document = {**one.entry._asdict(), **one._asdict()}
    document.pop("entry")
    return msgspec.json.encode(document).decode()


def _table(found: "list[Kept]") -> "Table":
    from rich.table import Table

    from consumer.letters_shown import readable
    from consumer.rules.explain import shown

    table = Table("list", "value", "from", "until", "reason", "by")
    for one in found:
        entry = one.entry
        until = shown(entry.expires_at) if entry.expires_at else ""
        words = (readable(text.encode("utf-8", "surrogateescape")) for text in (entry.value, one.reason, one.added_by))
        value, reason, by = words
        table.add_row(entry.list, value, shown(entry.effective_from), until, reason, by)
    return table


def _database() -> "Engine":
    from consumer.database import engine
    from consumer.settings import DatabaseSettings

    return engine(DatabaseSettings.load().database, "payment-analytics lists")
