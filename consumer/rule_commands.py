"""`python -m consumer rules`: the rules as analysts write, try and publish them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from consumer.rules.ruleset import Rule, RuleSet
    from consumer.rules.syntax import Fault

FAULTY = 1

app = typer.Typer(no_args_is_help=True, help="The rules: what is an anomaly, written by analysts in a file.")


@app.callback()
def _rules() -> None:
    """A group, also while it has one command."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A file of rules, YAML.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document: rules and faults.")] = False,
) -> None:
    """Check a file of rules: its words, names and types, and the tests that its rules bring along.

    Prints the rules, or everything that is wrong, as file:line:column. Exit code 1 if anything is. Needs neither AWS
    nor a database.

    Example: python -m consumer rules check consumer/rules.yaml
    """
    from consumer.errors import CrashError
    from consumer.repairs import output
    from consumer.rules import rulefile
    from consumer.rules.document import FaultsError

    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CrashError(f"{file} is not UTF-8 (at byte {error.start})") from None
    found: RuleSet | None = None
    faults: list[Fault] = []
    try:
        found = rulefile.read(text)
    except FaultsError as error:
        faults = error.faults
    if as_json:
        typer.echo(_json(found, faults))
    elif found:
        output().print(_table(found))
    for fault in faults:
        typer.echo(f"{file}:{fault.line}:{fault.column}: {fault.words}", err=True)
    raise typer.Exit(FAULTY if faults else 0)


def _json(found: "RuleSet | None", faults: "list[Fault]") -> str:
    import msgspec

    document: dict[str, Any] = {
        "rules": [_facts(rule) for rule in found.rules] if found else [],
        "faults": [{"line": one.line, "column": one.column, "message": one.words} for one in faults],
    }
    return msgspec.json.encode(document).decode()


def _facts(rule: "Rule") -> dict[str, Any]:
    return {
        "id": rule.id,
        "version": rule.version,
        "title": rule.title,
        "severity": rule.severity,
        "when": rule.when,
        "orderDependent": rule.is_order_dependent,
    }


def _table(found: "RuleSet") -> "Table":
    from rich.table import Table

    table = Table("rule", "version", "severity", "when", "evaluated")
    for rule in found.rules:
        evaluated = "once, on arrival" if rule.is_order_dependent else "whenever its windows grow"
        if not found.windows_of(rule):
            evaluated = "once"
        table.add_row(rule.id, str(rule.version), rule.severity, rule.when, evaluated)
    return table
