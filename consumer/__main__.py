"""The consumer's commands. Data goes to stdout, messages to stderr; the imports are late, so that help is quick."""

import sys

import typer

from consumer.errors import ConsumerError, SettingsError

FAILED = 1
USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Finds anomalies in a Kinesis stream of payment transactions, stores them in PostgreSQL and tells by e-mail.",
)


@app.command()
def run() -> None:
    """Read the stream until SIGTERM: becomes KCL's MultiLangDaemon, with one child a shard.

    Waits until the database is migrated. AWS_REGION, STREAM_NAME and DATABASE_URL are required. One WORKER_ID is for
    one running consumer; one that comes back with the same takes its shards up at once.

    Example: AWS_REGION=eu-west-1 STREAM_NAME=payments DATABASE_URL=postgresql://… python -m consumer run
    """
    from consumer import daemon

    daemon.main()


@app.command()
def notify() -> None:
    """Send the alert e-mails of the outbox until SIGTERM. Any number may run.

    AWS_REGION, DATABASE_URL, ALERT_SENDER (verified in SES) and ALERT_RECIPIENTS (comma-separated) are required.

    Example: ALERT_SENDER=alerts@example.org ALERT_RECIPIENTS=a@example.org,b@example.org python -m consumer notify
    """
    from consumer.notify import main as send

    send()


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
    revision = upgrade(settings.database_url)
    typer.echo(f"the database is at revision {revision}", err=True)


def main() -> None:
    try:
        app()
    except ConsumerError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(USAGE if isinstance(error, SettingsError) else FAILED)


if __name__ == "__main__":
    main()
