"""`make mutants`: breaks the modules that carry the promises, one change at a time, and sees whether a test notices."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.mutation.modules import TARGETS, Target
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.report import LEAST_SHARE, Verdict, markdown, share, unexplained
from tests.mutation.trial import copy_checkout, is_noticed, passes

ROOT = Path(__file__).parents[2]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
told = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option(help="A module by its path; can be repeated.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many at a time.")] = 2,
    again: Annotated[Path | None, typer.Option(help="A former --json: only its survivors are tried again.")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Where to write what became of each.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write the report, in Markdown.")] = None,
    of: Annotated[
        list[Path] | None, typer.Option(help="Break nothing, report what --json wrote; can be repeated.")
    ] = None,
) -> None:
    """Exit code 0 when nine in ten mutants are noticed and the others explained in tests/mutation/survivors.toml.

    Example: python -m tests.mutation --only producer/auth.py
    """
    targets = [target for target in TARGETS if not only or target.path in only]
    if of:
        verdicts = [one for file in of for one in _read(file)]
    else:
        work = [(target, one) for target in targets for one in mutants(ROOT, target.path)]
        verdicts = _tried(targets, work, jobs, _former(again))
    if as_json:
        as_json.write_text(json.dumps([[*one.mutant[:-1], one.noticed] for one in verdicts], indent=0), "utf-8")
    if report:
        command = "`make mutants`, in parts (`--only`) and reported together (`--of`)," if of else "`make mutants`"
        report.write_text(markdown(verdicts, command), "utf-8")
    _tell(verdicts)
    raise typer.Exit(0 if share(verdicts) >= LEAST_SHARE and not unexplained(verdicts) else 1)


def _read(file: Path) -> list[Verdict]:
    return [Verdict(Mutant._make([*told, ""]), noticed) for *told, noticed in json.loads(file.read_text("utf-8"))]


def _former(file: Path | None) -> set[tuple[str, str, str, str]]:
    """Those that a former run noticed."""
    listed = json.loads(file.read_text("utf-8")) if file else []
    return {(path, operator, before, after) for path, operator, _, _, before, after, noticed in listed if noticed}


def _tried(
    targets: Sequence[Target], work: Sequence[tuple[Target, Mutant]], jobs: int, known: set[tuple[str, str, str, str]]
) -> list[Verdict]:
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copy_checkout(ROOT, Path(folder, str(number)))
            copies.put(Path(folder, str(number)))
        _require_whole(Path(folder, "0"), targets)
        found = dict(_each(copies, work, jobs, known))
    return [Verdict(one, found[number]) for number, (_, one) in enumerate(work)]


def _require_whole(copy: Path, targets: Sequence[Target]) -> None:
    for target in targets:
        if not passes(copy, target):
            told.print(f"The tests of {target.path} fail before anything is broken.", style="red")
            raise typer.Exit(2)


def _each(
    copies: "SimpleQueue[Path]",
    work: Sequence[tuple[Target, Mutant]],
    jobs: int,
    known: set[tuple[str, str, str, str]],
) -> Iterator[tuple[int, bool]]:
    def attempt(number: int) -> tuple[int, bool]:
        target, mutant = work[number]
        if (mutant.path, mutant.operator, mutant.before, mutant.after) in known:
            return number, True
        copy = copies.get()
        try:
            return number, is_noticed(copy, mutant, target)
        finally:
            copies.put(copy)

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with ThreadPoolExecutor(jobs) as pool, Progress(*columns, console=told) as bar:
        task = bar.add_task("mutants", total=len(work))
        for done in as_completed([pool.submit(attempt, number) for number in range(len(work))]):
            number, noticed = done.result()
            if not noticed:
                one = work[number][1]
                bar.console.print(f"lives: {one.path}:{one.line}  {one.before}  ->  {one.after}", markup=False)
            bar.advance(task)
            yield number, noticed


def _tell(verdicts: Sequence[Verdict]) -> None:
    told.print(f"{sum(one.noticed for one in verdicts)} of {len(verdicts)} noticed ({share(verdicts):.1%})")
    for one in unexplained(verdicts):
        told.print(f"not explained: {one.path}:{one.line}\n  - {one.before}\n  + {one.after}", markup=False)


if __name__ == "__main__":
    app()
