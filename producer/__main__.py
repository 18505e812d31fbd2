"""The producer's commands. Data goes to stdout, messages to stderr; the imports are late, so that help is quick."""

import os
import sys
from pathlib import Path
from typing import Annotated

from producer import health as asked

# Asked every few seconds, beside the service: the command line's machinery alone takes four times as long.
if __name__ == "__main__" and sys.argv[1:] in (["health"], ["health", "--ready"]):
    sys.exit(asked.main(os.environ, ready="--ready" in sys.argv))

try:
    import typer
except ModuleNotFoundError as missing:
    sys.exit(f"{missing.name} is not installed: run make setup, then .venv/bin/python -m producer")

from producer.keys.commands import app as keys

FAILED = 1
USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Takes payment transactions over HTTP and puts them on a Kinesis stream.",
)
app.add_typer(keys, name="keys")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def serve() -> None:
    """Serve HTTP until SIGTERM.

    Settings come from the environment; AWS_REGION, STREAM_NAME and API_KEYS_SECRET_ID are required.

    Example: AWS_REGION=eu-west-1 STREAM_NAME=payments API_KEYS_SECRET_ID=payments/keys python -m producer serve
    """
    from producer import logs, main
    from producer.settings import ServiceSettings, load

    settings = load(ServiceSettings)
    logs.configure(settings.log_format, settings.log_level)
    raise typer.Exit(main.run(settings))


@app.command()
def health(
    ready: Annotated[
        bool, typer.Option("--ready", help="Whether it serves requests, not only whether it runs.")
    ] = False,
) -> None:
    """Tell whether the service on 127.0.0.1 is live, by exit code: 0 if so, else 1 and why.

    With the service's PRODUCER_PORT.

    Example: python -m producer health --ready
    """
    raise typer.Exit(asked.main(os.environ, ready=ready))


def _found(path: Path) -> Path:
    if path != Path("-") and path.is_dir():
        raise typer.BadParameter(f"{path.absolute()}: is a directory")
    if path != Path("-") and not path.exists():
        raise typer.BadParameter(f"{path.absolute()}: no such file")
    return path


def _given(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    if not value and not context.resilient_parsing:
        raise typer.BadParameter(f"give it, or set {parameter.envvar}; the local stack's is set by: . .local/env")
    return value


Url = Annotated[
    str, typer.Option(envvar="COLLECTOR_URL", callback=_given, show_default=False, help="The collector's address.")
]
Key = Annotated[
    str,
    typer.Option(
        envvar="COLLECTOR_API_KEY", callback=_given, show_default=False, help="Better given by the environment."
    ),
]


@app.command()
def send(
    file: Annotated[Path, typer.Argument(callback=_found, help="JSONL; .gz is unpacked, - is standard input.")],
    url: Url = "",
    api_key: Key = "",
    batch: Annotated[int, typer.Option(min=1, help="Transactions a request, at most.")] = 500,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Requests in flight.")] = 4,
    give_up_after: Annotated[float, typer.Option(min=0, help="Seconds without a single receipt.")] = 120.0,
    rejects: Annotated[Path | None, typer.Option(dir_okay=False, help="Writes all rejections here, as JSONL.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send a file of transactions, one JSON object a line, to a collector.

    What was unavailable or lost is sent again; sending a file twice is safe. Exit code 0 means that everything was
    accepted, 1 that something was rejected or given up.

    Example: python -m producer send payments.jsonl.gz --url http://127.0.0.1:8080 --rejects rejects.jsonl
    """
    from producer.client.command import Options, send_file

    options = Options(file, url, api_key.strip(), batch, concurrency, give_up_after, rejects, as_json)
    raise typer.Exit(send_file(options))


def main() -> None:
    from api_keys.errors import KeysError
    from producer.errors import ProducerError, SettingsError

    try:
        app(prog_name="python -m producer")
    except SettingsError as error:
        typer.echo(f"{error}", err=True)
        sys.exit(USAGE)
    except (ProducerError, KeysError) as error:
        typer.echo(f"Failed: {error}", err=True)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
