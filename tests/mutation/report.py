"""The report: how many mutants of each module were noticed, and why the others live."""

import platform
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.mutation.mutants import Mutant

EXPLANATIONS = Path(__file__).with_name("survivors.toml")
LEAST_SHARE = 0.90
HEAD = """\
# Mutants: the code broken on purpose

{command} on {date}, Python {python}. Each mutant is one change of one module: an operator, a comparison, a number, a
condition, an exception, a decorator, or a statement that is left out. It is noticed when one of the module's tests
(`tests/mutation/modules.py`) fails. Mutants of annotations are left out, for nothing runs them.

| module | mutants | noticed | share |
|---|---:|---:|---:|
"""
LIVING = """

## Those that live, and why

| where | before | after | why no test can or need notice |
|---|---|---|---|
"""


class Verdict(NamedTuple):
    mutant: Mutant
    noticed: bool


def explanations() -> dict[tuple[str, str, str], str]:
    """Why a mutant may live, by module, line before and line after."""
    listed = tomllib.loads(EXPLANATIONS.read_text("utf-8")).get("survivor", [])
    return {(one["module"], one["before"], one["after"]): one["why"] for one in listed}


def key(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.path, mutant.before, mutant.after


def share(verdicts: Sequence[Verdict]) -> float:
    return sum(one.noticed for one in verdicts) / len(verdicts) if verdicts else 1.0


def unexplained(verdicts: Iterable[Verdict]) -> list[Mutant]:
    known = explanations()
    return [one.mutant for one in verdicts if not one.noticed and key(one.mutant) not in known]


def markdown(verdicts: Sequence[Verdict], command: str) -> str:
    known = explanations()
    paths = list(dict.fromkeys(one.mutant.path for one in verdicts))
    rows = [_row(path, [one for one in verdicts if one.mutant.path == path]) for path in paths]
    living = [
        f"| `{one.mutant.path}:{one.mutant.line}` | `{_cell(one.mutant.before)}` | `{_cell(one.mutant.after)}` "
        f"| {known.get(key(one.mutant), '**not explained**')} |"
        for one in verdicts
        if not one.noticed
    ]
    table = "\n".join([*rows, _row("all", verdicts)])
    head = HEAD.format(command=command, date=f"{datetime.now(UTC):%Y-%m-%d}", python=platform.python_version())
    return head + table + LIVING + "\n".join(living) + "\n"


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    noticed = sum(one.noticed for one in verdicts)
    return f"| {name} | {len(verdicts)} | {noticed} | {share(verdicts):.1%} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
