"""The consumer's commands. Data goes to stdout, messages to stderr; the imports are late, so that help is quick."""

import sys
from enum import StrEnum
from typing import Annotated
from uuid import UUID

try:
    import typer
except ModuleNotFoundError:
    sys.exit("The consumer is not installed here: run make setup, then .venv/bin/python -m consumer")

from consumer import breaker_commands, dead_letters, list_commands, rule_commands, user_commands
from consumer.errors import ConsumerError, SettingsError

FAILED = 1
USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Finds anomalies in a Kinesis stream of payment transactions, stores them in PostgreSQL and tells by e-mail.",
)
progress = typer.Typer(no_args_is_help=True, help="How far the stream is stored, and the repair where KCL is ahead.")
app.add_typer(progress, name="progress")
emails = typer.Typer(no_args_is_help=True, help="The alert e-mails, and the repair where SES refused some.")
app.add_typer(emails, name="emails")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(breaker_commands.app, name="breaker")
app.add_typer(rule_commands.app, name="rules")
app.add_typer(list_commands.app, name="lists")
app.add_typer(user_commands.app, name="users")


class Role(StrEnum):
    RUN = "run"
    NOTIFY = "notify"
    CONSOLE = "console"


Begin = Annotated[str | None, typer.Option("--from", help="RFC 3339; received by the producer at this time or later.")]
End = Annotated[str | None, typer.Option("--to", help="RFC 3339; received by the producer before this time.")]


@app.command()
def run() -> None:
    """Read the stream until SIGTERM: keeps KCL's MultiLangDaemon running, which has one child a shard.

    Waits until the database is migrated. AWS_REGION, STREAM_NAME and DATABASE_URL are required. Any number may run:
    each takes a slot, and whoever takes a dead one's takes its shards up at once. A WORKER_ID takes a slot's place; it
    is for one running consumer alone.

    Example: AWS_REGION=eu-west-1 STREAM_NAME=payments DATABASE_URL=postgresql://… python -m consumer run
    """
    from consumer.run import main as supervise

    raise typer.Exit(supervise())


@app.command()
def notify() -> None:
    """Send the alert e-mails of the outbox until SIGTERM. Any number may run.

    AWS_REGION, DATABASE_URL, ALERT_SENDER (verified in SES) and ALERT_RECIPIENTS (comma-separated) are required.

    Example: ALERT_SENDER=alerts@example.org ALERT_RECIPIENTS=a@example.org,b@example.org python -m consumer notify
    """
    from consumer.handover import become_notifier
    from consumer.settings import NotifierSettings

    become_notifier(NotifierSettings.load())


@app.command()
def console() -> None:
    """Serve the console, a page for the people who decide about anomalies, until SIGTERM. Any number may run.

    DATABASE_URL is required; CONSOLE_HOST and CONSOLE_PORT say where it listens. `users create` makes the first user.

    Example: DATABASE_URL=postgresql://console:…@localhost:5432/payments python -m consumer console
    """
    from consumer import logs
    from consumer.console.main import serve
    from consumer.settings import ConsoleSettings

    settings = ConsoleSettings.load()
    logs.configure(settings.log_format, settings.log_level)
    serve(settings)


@app.command()
def health(role: Annotated[Role, typer.Argument(help="Which command runs in this container.")]) -> None:
    """Tell whether this container's `run`, `notify` or `console` does its work, by exit code: 0 if so, else 1 and why.

    With the settings that the command itself has; for `notify`, HEARTBEAT_FILE is required.

    Example: python -m consumer health run
    """
    from consumer import health

    if role is Role.NOTIFY:
        health.require_notifier_here()
    elif role is Role.CONSOLE:
        health.require_console_here()
    elif remark := health.require_daemon_here():
        typer.echo(remark, err=True)


@app.command()
def migrate() -> None:
    """Bring the database's tables to this version. Safe to repeat, and two at once are one. DATABASE_URL is required.

    Example: DATABASE_URL=postgresql://owner:…@localhost:5432/payments python -m consumer migrate
    """
    from consumer import logs
    from consumer.migrate import migrate as upgrade
    from consumer.settings import DatabaseSettings

    settings = DatabaseSettings.load()
    logs.configure(settings.log_format, settings.log_level)
    revision = upgrade(settings.database)
    typer.echo(f"the database is at revision {revision}", err=True)


@app.command()
def replay(
    sources: Annotated[list[str], typer.Argument(help="Files, or s3://bucket/prefix; gzipped or not.")],
    begin: Begin = None,
    end: End = None,
    alert: Annotated[
        bool, typer.Option("--alert", help="Send e-mails for what is added; without it nobody is told.")
    ] = False,
) -> None:
    """Put archived transactions through the rules again and add the anomalies that are missing. Safe to repeat.

    For a gap, as after a database was restored. DATABASE_URL is required; S3 is reached as the AWS SDK is
    set up, in AWS_REGION.

    Example: python -m consumer replay --from 2026-11-23T10:00:00Z s3://archive/transactions/dt=2026-11-23/
    """
    from consumer import repairs
    from consumer.replay import Window, instant

    window = Window(**{name: instant(text) for name, text in (("begin", begin), ("end", end)) if text})
    summary = repairs.replay(sources, window, alert=alert)
    repairs.output().print(repairs.summary_table(summary))


@app.command()
def audit(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, or s3://bucket/prefix; gzipped or not.")],
    begin: Begin = None,
    end: End = None,
    repair: Annotated[bool, typer.Option("--repair", help="Store the anomalies that are missing.")] = False,
    alert: Annotated[
        bool, typer.Option("--alert", help="Send e-mails for what is repaired; without it nobody is told.")
    ] = False,
    buffer: Annotated[
        float, typer.Option(min=0, help="Seconds that Firehose may hold a record before it is archived.")
    ] = 300,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Prove that nothing was lost: hold the archive against the database, by id. Safe to repeat.

    Asks for what was received before the horizon, which every shard's progress and Firehose's buffer have passed.
    Exit code 1 where anything differs and was not repaired. AWS_REGION, STREAM_NAME and DATABASE_URL are required.

    Example: python -m consumer audit --from 2026-11-23T00:00:00Z --to 2026-11-24T00:00:00Z s3://archive/transactions/
    """
    from datetime import timedelta

    from consumer import repairs
    from consumer.audit import show
    from consumer.replay import instant

    if alert and not repair:
        raise typer.BadParameter("--alert tells of what is repaired: add --repair")
    first, last = (instant(text) if text else None for text in (begin, end))
    found = show.watched(show.Asked(sources, first, last, timedelta(seconds=buffer), repair, alert))
    if as_json:
        typer.echo(show.as_json(found))
    else:
        for table in show.tables(found):
            repairs.output().print(table)
    raise typer.Exit(0 if found.is_clean else FAILED)


@app.command()
def await_anomaly(
    trx_id: Annotated[UUID, typer.Argument(metavar="TRX_ID", help="The transaction's trxId, a UUID.")],
    seconds: Annotated[float, typer.Option(min=0, help="How long to wait, at most.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line for each anomaly.")] = False,
) -> None:
    """Wait until an anomaly of a transaction is stored, and show it. DATABASE_URL is required.

    Exit code 1 if it is not in time, also where the database does not answer until then.

    Example: python -m consumer await-anomaly 4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b --seconds 30
    """
    from consumer import awaiting, repairs

    found = awaiting.await_stored(trx_id, seconds)
    if as_json:
        typer.echo("\n".join(awaiting.as_json(trx_id, one) for one in found))
    else:
        repairs.output().print(awaiting.as_table(found))


@progress.command()
def show() -> None:
    """Show how far each shard is stored, beside KCL's checkpoint.

    AWS_REGION, STREAM_NAME and DATABASE_URL are required. Exit code 1 where KCL is ahead: records are missing.

    Example: python -m consumer progress show
    """
    from consumer import repairs

    found = repairs.states()
    repairs.output().print(repairs.state_table(found))
    raise typer.Exit(FAILED if any(state.is_ahead for state in found) else 0)


@progress.command()
def accept(
    shard: Annotated[list[str] | None, typer.Option(help="A shard; can be repeated.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All shards.")] = False,
) -> None:
    """Accept KCL's checkpoints as stored, after the records in between were replayed from the archive.

    AWS_REGION, STREAM_NAME and DATABASE_URL are required.

    Example: python -m consumer progress accept --shard shardId-000000000000
    """
    from consumer import repairs

    if bool(shard) == every:
        raise typer.BadParameter("name shards with --shard, or take --all")
    moved = repairs.accept(shard or [])
    for state in moved:
        typer.echo(f"{state.shard_id}: accepted {state.checkpoint}", err=True)
    if not moved:
        typer.echo("nothing to accept: no checkpoint is ahead of what is stored", err=True)


@emails.command()
def retry() -> None:
    """Tell again what failed e-mails were to tell, once their reason is mended. DATABASE_URL is required.

    Their alerts wait for the next e-mail, which holds them all, to the recipients of that day; a running notifier
    sends it. The failed e-mails stay as history, with their reasons and without members. Safe to repeat.

    Example: python -m consumer emails retry
    """
    from consumer.emails import retry_failed

    released = retry_failed()
    typer.echo(f"{released.alerts} alerts of {released.emails} failed e-mails wait for the next e-mail")


def main() -> None:
    try:
        app()
    except Exception as error:
        from sqlalchemy.exc import DBAPIError

        if not isinstance(error, ConsumerError | OSError | DBAPIError):
            raise
        typer.echo(f"Error: {_words(error)}", err=True)
        sys.exit(USAGE if isinstance(error, SettingsError) else FAILED)


def _words(error: Exception) -> str:
    from consumer.logs import describe

    return str(error) if isinstance(error, ConsumerError) else describe(error)


if __name__ == "__main__":
    main()
