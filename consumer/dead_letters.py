"""`python -m consumer dead-letters`: what could not be evaluated, seen, tried again or set aside."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consumer.arguments import moment
from consumer.errors import CrashError

if TYPE_CHECKING:
    from consumer.letters import Place, Selection

UNDECODABLE = 1

app = typer.Typer(no_args_is_help=True, help="Lines of the stream that could not be evaluated: see, redrive, discard.")


class StateFilter(StrEnum):
    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"
    ANY = "any"


def _place(text: str) -> "Place":
    from consumer.letters import Place

    shard, _, rest = text.partition(":")
    number, _, line = rest.partition(":")
    if not (shard and number.isdecimal() and line.isdecimal()):
        raise typer.BadParameter(f"{text!r} is no SHARD:SEQUENCE_NUMBER:LINE")
    return Place(shard, int(number), int(line))


StateOption = Annotated[StateFilter, typer.Option("--state", help="Which state they are in.")]
Reason = Annotated[str | None, typer.Option(help="Part of the reason, in any case.")]
ShardName = Annotated[str | None, typer.Option(help="The shard they came from.")]
Stream = Annotated[str | None, typer.Option(help="Part of the stream's ARN and creation time.")]
Begin = Annotated[datetime | None, typer.Option("--from", parser=moment, help="First seen then or later, RFC 3339.")]
End = Annotated[datetime | None, typer.Option("--to", parser=moment, help="First seen before, RFC 3339.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.")]
Name = Annotated[Any, typer.Argument(parser=_place, metavar="LETTER", help="SHARD:SEQUENCE_NUMBER:LINE, as in list.")]
Names = Annotated[
    list[Any] | None,
    typer.Argument(parser=_place, metavar="[LETTER]...", help="SHARD:SEQUENCE_NUMBER:LINE, as in list."),
]
Every = Annotated[bool, typer.Option("--all", help="All of that state, where nothing else selects.")]
By = Annotated[str | None, typer.Option(help="Who does it; else the database's and the system's user.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON line for each letter.")]


@app.command("list")
def list_letters(
    state: StateOption = StateFilter.OPEN,
    reason: Reason = None,
    shard: ShardName = None,
    stream: Stream = None,
    begin: Begin = None,
    end: End = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, the oldest first. DATABASE_URL is required.

    Example: python -m consumer dead-letters list --reason "schema version" --from 2026-11-25T00:00:00Z
    """
    from consumer import letters, letters_shown, repairs

    selection = _selection(state, reason=reason, shard=shard, stream=stream, begin=begin, end=end, limit=limit)
    database = _database()
    found = letters.find(database, selection)
    if as_json:
        _print_lines(map(letters_shown.letter_json, found))
    else:
        repairs.output().print(letters_shown.list_table(found))
    typer.echo(f"{len(found):,} of {letters.count(database, selection):,}", err=True)


@app.command()
def show(
    letter: Name,
    stream: Stream = None,
    as_hex: Annotated[bool, typer.Option("--hex", help="The bytes as hexadecimal numbers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line, the payload whole and in base64.")] = False,
) -> None:
    """Show a dead letter: its bytes, escaped, its position, reason and history. Exit code 1 if there is none.

    DATABASE_URL is required.

    Example: python -m consumer dead-letters show shardId-000000000000:4959033827149025660855969253836157109592157:1
    """
    from consumer import letters, letters_shown, repairs

    found = letters.read(_database(), letter, stream)
    if not found:
        raise CrashError(f"no such dead letter: {letter}")
    for one in found:
        if as_json:
            typer.echo(letters_shown.letter_json(one))
        else:
            repairs.output().print(letters_shown.letter_table(one, as_hex=as_hex))


@app.command()
def redrive(
    letter: Names = None,
    state: StateOption = StateFilter.OPEN,
    reason: Reason = None,
    shard: ShardName = None,
    stream: Stream = None,
    begin: Begin = None,
    end: End = None,
    limit: Limit = None,
    every: Every = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")] = False,
    no_alert: Annotated[bool, typer.Option("--no-alert", help="Tell nobody of the anomalies.")] = False,
    by: By = None,
    note: Annotated[str, typer.Option(help="Words for the history.")] = "",
    as_json: Json = False,
) -> None:
    """Put dead letters through the rules again, as after a bad deploy was mended. DATABASE_URL is required.

    Anomalies are stored and alerted once, however often it runs. What still cannot be evaluated keeps its state, with
    the new reason in its history: exit code 1.

    Example: python -m consumer dead-letters redrive --reason "schema version" --note "v2 is understood now"
    """
    from consumer import letters_shown, repairs
    from consumer.publishing.source import current_book
    from consumer.redrive import Act, Redrive

    selection = _selection(state, letter, reason=reason, shard=shard, stream=stream, begin=begin, end=end, limit=limit)
    database = _selected(selection, every)
    run = Redrive(database, current_book(), "muted" if no_alert else "pending", Act(by, note), dry_run=dry_run)
    outcomes = list(run.run(selection))
    if as_json:
        _print_lines(
            letters_shown.letter_json(one.letter._replace(payload=b""), anomalies=one.anomalies, fault=one.fault)
            for one in outcomes
        )
    else:
        repairs.output().print(letters_shown.outcome_table(outcomes))
    faults = sum(one.fault is not None for one in outcomes)
    done, anomalies = len(outcomes) - faults, sum(one.anomalies for one in outcomes)
    typer.echo(
        f"{'dry run, nothing was changed: ' if dry_run else ''}{done:,} redriven, {anomalies:,} new anomalies, "
        f"{faults:,} still cannot be evaluated",
        err=True,
    )
    raise typer.Exit(UNDECODABLE if faults else 0)


@app.command()
def discard(
    note: Annotated[str, typer.Option(help="Why, for the history.")],
    letter: Names = None,
    reason: Reason = None,
    shard: ShardName = None,
    stream: Stream = None,
    begin: Begin = None,
    end: End = None,
    limit: Limit = None,
    every: Every = False,
    by: By = None,
) -> None:
    """Set open dead letters aside: nobody is asked for them any more. They stay as they are, with who and why.

    DATABASE_URL is required. `redrive --state discarded` takes them up again.

    Example: python -m consumer dead-letters discard --reason "not JSON" --note "a load test of ours"
    """
    from consumer.redrive import Act
    from consumer.redrive import discard as set_aside

    if not note.strip():
        raise typer.BadParameter("--note must say why")
    selection = _selection(
        StateFilter.OPEN, letter, reason=reason, shard=shard, stream=stream, begin=begin, end=end, limit=limit
    )
    found = sum(1 for _ in set_aside(_selected(selection, every), selection, Act(by, note)))
    typer.echo(f"{found:,} discarded", err=True)


def _selection(state: StateFilter, places: "list[Place] | None" = None, **filters: Any) -> "Selection":
    from consumer.letters import Selection, State

    return Selection(None if state is StateFilter.ANY else State(state), tuple(places or ()), **filters)


def _selected(selection: "Selection", every: bool) -> Any:
    """The database, once it is clear that these and no others are meant. Raises CrashError for an unknown letter."""
    from consumer.letters import known

    if every == selection.is_narrowed:
        raise typer.BadParameter("name letters, or select them by --reason, --shard, --stream, --from, --to, or --all")
    database = _database()
    found = known(database, selection.places, selection.stream) if selection.places else set()
    if missing := set(selection.places) - found:
        raise CrashError(f"no such dead letter: {', '.join(map(str, sorted(missing)))}")
    return database


def _database() -> Any:
    from consumer.database import engine
    from consumer.settings import DatabaseSettings

    return engine(DatabaseSettings.load().database, "payment-analytics dead-letters")


def _print_lines(lines: Any) -> None:
    for line in lines:
        typer.echo(line)
