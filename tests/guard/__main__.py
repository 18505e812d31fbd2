"""Counts the instructions of the hot paths: `python -m tests.guard` shows them, `--write` makes them the baseline."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tests.bench.child import DATABASE, ROLE, database
from tests.guard.counting import BASELINE, Baseline, baseline, here, instructions
from tests.guard.paths import PATHS
from tests.integration.conftest import url_of

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(write: Annotated[bool, typer.Option("--write", help="Make these the baseline.")] = False) -> None:
    """Takes about two minutes. Example: python -m tests.guard --write"""
    with database() as server:
        url = url_of(server, DATABASE, ROLE)
        found = {path: float(round(instructions(path, url))) for path in PATHS}
    known = baseline().instructions if BASELINE.exists() else {}
    table = Table("path", "instructions a transaction", "baseline", "ratio")
    for path, counted in found.items():
        before = known.get(path, counted)
        table.add_row(path, f"{counted:,.0f}", f"{before:,.0f}", f"{counted / before:.2f}")
    Console().print(table)
    if write:
        BASELINE.write_bytes(msgspec.json.format(msgspec.json.encode(Baseline(*here(), found))) + b"\n")


if __name__ == "__main__":
    app(prog_name="python -m tests.guard")
