"""`python -m infra.compose bootstrap|sample`, inside the containers of these names; set up by the environment."""

import os
import sys
from pathlib import Path

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
messages = Console(stderr=True)


@app.command()
def bootstrap() -> None:
    """Make what Terraform makes on AWS, and the API key of COLLECTOR_API_KEY. Safe to repeat."""
    from api_keys.errors import KeysError
    from infra.compose.bootstrap import bootstrap as make
    from infra.local.resources import ResourcesFailedError
    from producer.errors import ProducerError

    try:
        make(os.environ)
    except (ResourcesFailedError, ProducerError, KeysError, KeyError) as error:
        messages.print(f"[bold red]{type(error).__name__}: {error}[/]", highlight=False)
        sys.exit(1)


@app.command()
def sample(file: Path) -> None:
    """Post FILE (one transaction a line) and show what came out; exit code 0 if all of it did."""
    from infra.compose.sample import demonstration

    raise typer.Exit(demonstration(os.environ, messages).send_and_show(file))


if __name__ == "__main__":
    app()
