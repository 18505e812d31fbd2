"""`python -m infra.local`: the embedded stack's commands, as `make` calls them."""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.local.ports import PortsTakenError
from infra.local.postgres import PostgresFailedError
from infra.local.resources import ResourcesFailedError
from infra.local.settings import Local, LocalSettingsError
from infra.local.stack import Stack, StackFailedError, adopt_environment
from infra.local.stopping import StoppedError, stop_on_signals
from infra.local.supervision import NotRunningError

SAMPLE = Path(__file__).parents[2] / "samples" / "transactions.jsonl"
EXPECTED = (
    PortsTakenError, PostgresFailedError, ResourcesFailedError, LocalSettingsError, StackFailedError, NotRunningError
)  # fmt: skip

app = typer.Typer(
    help="The whole pipeline on this machine, on loopback, without Docker.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
messages = Console(stderr=True)


@app.command()
def up() -> None:
    """Start the stack in the background; returns when a posted transaction would be processed.

    Example: make up && . .local/env && curl $COLLECTOR_URL/health/ready
    """
    stack = _stack()
    if stack.supervisor.is_running():
        _require_same_ports(stack.local)
    stop_on_signals()
    begun = time.monotonic()
    stack.up(tied_to_us=False)
    messages.print(f"Up after {time.monotonic() - begun:.1f} s at {stack.local.collector_url} (/docs shows the API).")
    messages.print(f"For your shell: . {_shown(stack.local.env_file)}", soft_wrap=True)
    messages.print("Next: make send INPUT=samples/transactions.jsonl")


@app.command()
def down() -> None:
    """Stop the stack; PostgreSQL's data and the emulator's are kept."""
    stack = _stack()
    with _step("Stop"):
        stack.down()


@app.command()
def clean() -> None:
    """Stop the stack and drop all of its data."""
    stack = _stack()
    folder = stack.local.folder
    if not folder.exists():
        messages.print(f"Nothing to drop: there is no {_shown(folder)}.", soft_wrap=True)
        return
    if not stack.local.is_ours:
        raise LocalSettingsError(f"{folder} is not dropped: no stack was ever started in it")
    stack.down()
    shutil.rmtree(folder)
    messages.print(f"Dropped {_shown(folder)}.", soft_wrap=True)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Show the stack's processes; exit code 0 when all of them run, 1 otherwise."""
    processes = _stack().supervisor.processes()
    if as_json:
        print(json.dumps({process["name"]: _facts(process) for process in processes}))  # noqa: T201
    else:
        Console().print(_process_table(processes))
    raise typer.Exit(0 if all(process["statename"] == "RUNNING" for process in processes) else 1)


@app.command()
def run(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, one transaction each; .gz too.")] = SAMPLE,
) -> None:
    """Start the stack, send FILE, show what came out, stay up until Ctrl-C.

    Example: make run INPUT=transactions.jsonl
    """
    from infra.local.run import run_in_foreground  # its imports are slow, and the other commands do not need them

    if not source.is_file():
        raise typer.BadParameter(f"there is no file {source}")
    stack = _stack()
    if stack.supervisor.is_running():
        messages.print(
            "[red]The stack is up already[/] (make up, or a make run elsewhere): "
            "make send INPUT=… posts a file to it, make down stops it."
        )
        raise typer.Exit(1)
    raise typer.Exit(run_in_foreground(stack, source, messages))


def _stack() -> Stack:
    local = Local.from_environment()
    adopt_environment(local)
    return Stack(local, _step)


@contextmanager
def _step(name: str) -> Iterator[None]:
    begun = time.monotonic()
    with messages.status(name):
        yield
    messages.print(f"[green]✓[/] {name} [dim]{time.monotonic() - begun:.1f} s[/]")


def _require_same_ports(local: Local) -> None:
    if local.env_file.exists() and f"='{local.collector_url}'" not in local.env_file.read_text():
        raise LocalSettingsError("the stack is up on other ports than these: make down first")


def _facts(process: dict[str, object]) -> dict[str, object]:
    return {"state": process["statename"], "pid": process["pid"], "startedAt": process["start"]}


def _process_table(processes: list[dict[str, object]]) -> Table:
    table = Table(show_edge=False)
    for column in ("service", "state", "details", "log"):
        table.add_column(column)
    for process in processes:
        colour = "green" if process["statename"] == "RUNNING" else "red"
        table.add_row(
            str(process["name"]),
            f"[{colour}]{process['statename']}[/]",
            str(process["description"]),
            _shown(Path(str(process["stdout_logfile"]))),
        )
    return table


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    try:
        app()
    except EXPECTED as error:
        messages.print(str(error), style="bold red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except StoppedError:
        sys.exit(130)
