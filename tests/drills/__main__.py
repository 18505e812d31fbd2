"""`make drills`: breaks a stack of its own on purpose, and compares what came out with the truth, by id."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.drills.drill import Outcome, perform
from tests.drills.evidence import witness_of
from tests.drills.plan import Round, by_stack, every, short
from tests.drills.registry import DRILLS
from tests.drills.report import kills_table, line, read_json, table, write_json
from tests.drills.report import markdown as as_markdown
from tests.drills.rig import running_rig

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option(help="A drill by its name; can be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="The first round's seed; those that follow count on.")] = 1,
    rounds: Annotated[int | None, typer.Option(help="Rounds of each drill.")] = None,
    long: Annotated[
        bool, typer.Option("--long", help="The long form: every drill, step and link, for longer.")
    ] = False,
    names: Annotated[bool, typer.Option("--list", help="Show the drills' names and kinds of fault.")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Show what happened when.")] = False,
    logs: Annotated[Path | None, typer.Option(help="Where to keep the stacks' logs.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the outcomes.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the report.")] = None,
    of: Annotated[
        list[Path] | None, typer.Option(help="Hold no drill, report what --json wrote; can be repeated.")
    ] = None,
) -> None:
    """Hold the short form of the drills: 20 rounds, each with a seed of its own. Exit code 0 when all are passed.

    Example: python -m tests.drills --only "a zombie consumer" --seed 17 --notes
    """
    if names:
        console.print("\n".join(f"{drill.name:40} {drill.kind}" for drill in DRILLS.values()))
        return
    plan = every(only or list(DRILLS), seed, rounds or (None if long else 1)) if only or long else short(seed)
    outcomes: list[Outcome] = read_json(of or [])
    for outcome in [] if of else _held(plan, long, logs):
        outcomes.append(outcome)
        _show(outcome, notes)
        if json:
            write_json(json, outcomes)
    if markdown:
        markdown.write_text(as_markdown(outcomes, "make drills" if not of else "make drills DRILL_ARGS=…"))
    console.print(table(outcomes), kills_table(outcomes))
    raise typer.Exit(0 if all(outcome.passed for outcome in outcomes) else 1)


def _held(plan: Sequence[Round], long: bool, logs: Path | None) -> Iterator[Outcome]:
    for number, part in enumerate(by_stack(plan), start=1):
        with (
            tempfile.TemporaryDirectory(prefix="drills-") as folder,
            running_rig(Path(folder) / "stack", number) as rig,
        ):
            witness = witness_of(rig.driver)
            for drill, seed in part:
                yield perform(rig, witness, drill, seed, long=long)
            if logs:
                shutil.copytree(rig.local.log_folder, logs / f"{number}")


def _show(outcome: Outcome, notes: bool) -> None:
    console.print(line(outcome), markup=False)
    if notes:
        console.print("\n".join(outcome.notes), markup=False)
    if not outcome.passed:
        console.print(outcome.explanation, style="red", markup=False)


if __name__ == "__main__":
    app()
