"""`python -m tests.drills`: breaks a stack of its own on purpose, and compares what came out with the truth, by id."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import boto3
import typer
from rich.console import Console

from infra.local.settings import STREAM
from tests.drills import aws, consumers, database, disk, kills, network, poison, reshards  # noqa: F401 - they register their drills
from tests.drills.drill import Outcome, perform
from tests.drills.evidence import Witness
from tests.drills.registry import DRILLS
from tests.drills.report import kills_table, line, table, write_json
from tests.drills.rig import running_rig

app = typer.Typer(pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option(help="A drill by name; can be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="The first round's seed.")] = 1,
    rounds: Annotated[int, typer.Option(help="Rounds of each drill, with seeds that follow.")] = 1,
    long: Annotated[bool, typer.Option("--long", help="The long form: longer faults, every step.")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Show what happened when.")] = False,
    logs: Annotated[Path | None, typer.Option(help="Where to copy the stack's logs in the end.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the outcomes.")] = None,
) -> None:
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="drills-") as folder, running_rig(Path(folder) / "stack", seed) as rig:
        witness = Witness(rig.driver.sql, rig.driver.observer, boto3.client("kinesis"), STREAM)
        for drill in [DRILLS[name] for name in only or DRILLS]:
            for number in range(seed, seed + rounds):
                outcomes.append(perform(rig, witness, drill, number, long=long))
                console.print(line(outcomes[-1]), highlight=False, soft_wrap=True)
                if notes:
                    console.print("\n".join(outcomes[-1].notes), highlight=False, markup=False, soft_wrap=True)
                if not outcomes[-1].passed:
                    console.print(outcomes[-1].explanation, style="red", markup=False, soft_wrap=True)
        if logs:
            shutil.copytree(rig.local.log_folder, logs, dirs_exist_ok=True)
    console.print(table(outcomes))
    console.print(kills_table(outcomes))
    if json:
        write_json(json, outcomes)
    raise typer.Exit(0 if all(outcome.passed for outcome in outcomes) else 1)


if __name__ == "__main__":
    app()
