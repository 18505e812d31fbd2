"""`python -m consumer rules`: the rules as analysts write, try and publish them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from consumer.backtest.run import Scope
    from consumer.rules.ruleset import Rule, RuleSet
    from consumer.rules.syntax import Fault

FAULTY = 1

app = typer.Typer(no_args_is_help=True, help="The rules: what is an anomaly, written by analysts in a file.")

RuleFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A file of rules, YAML.")]


@app.command()
def check(
    file: RuleFile,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document: rules and faults.")] = False,
) -> None:
    """Check a file of rules: its words, names and types, and the tests that its rules bring along.

    Prints the rules, or everything that is wrong, as file:line:column. Exit code 1 if anything is. Needs neither AWS
    nor a database.

    Example: python -m consumer rules check consumer/rules.yaml
    """
    from consumer.repairs import output

    found, faults = _read(file)
    if as_json:
        typer.echo(_json(found, faults))
    elif found:
        output().print(_table(found))
    _tell(file, faults)
    raise typer.Exit(FAULTY if faults else 0)


@app.command()
def backtest(
    candidate: RuleFile,
    archive: Annotated[list[str], typer.Option(help="A file, a folder, or s3://bucket/prefix; can be repeated.")],
    against: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The rules to compare with, a file.")
    ] = None,
    begin: Annotated[str | None, typer.Option("--from", help="RFC 3339; received at this time or later.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="RFC 3339; received before this time.")] = None,
    memory: Annotated[str, typer.Option(help="What goes beyond it is kept on disk.")] = "2GB",
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the report there too, as one page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Try rules on the archive: what they match, and what that adds and removes beside other rules.

    Nothing is stored and nobody is told. S3 is reached as the AWS SDK is set up. Exit code 1 where a file of rules is
    wrong or the archive cannot be read.

    Example: python -m consumer rules backtest candidate.yaml --against rules.yaml --archive s3://archive/transactions/
    --html report.html
    """
    from consumer.backtest import show
    from consumer.backtest.page import page
    from consumer.repairs import output

    scope, tried = _scope(begin, end), _rules_of(candidate)
    report = show.watched(tried, _rules_of(against) if against else None, archive, scope, memory)
    if html:
        html.write_text(page(report, tried, candidate.name, scope), encoding="utf-8")
        typer.echo(f"the report is in {html}", err=True)
    if as_json:
        typer.echo(show.as_json(report))
    else:
        for table in show.tables(report):
            output().print(table)


def _scope(begin: str | None, end: str | None) -> "Scope":
    from consumer.backtest.run import Scope
    from consumer.replay import instant

    return Scope(instant(begin) if begin else None, instant(end) if end else None)


def _rules_of(file: Path) -> "RuleSet":
    """Exits with what is wrong with the file."""
    found, faults = _read(file)
    _tell(file, faults)
    if not found:
        raise typer.Exit(FAULTY)
    return found


def _read(file: Path) -> "tuple[RuleSet | None, list[Fault]]":
    from consumer.errors import CrashError
    from consumer.rules import rulefile
    from consumer.rules.document import FaultsError

    try:
        return rulefile.read(file.read_text(encoding="utf-8")), []
    except UnicodeDecodeError as error:
        raise CrashError(f"{file} is not UTF-8 (at byte {error.start})") from None
    except FaultsError as error:
        return None, error.faults


def _tell(file: Path, faults: "list[Fault]") -> None:
    for fault in faults:
        typer.echo(f"{file}:{fault.line}:{fault.column}: {fault.words}", err=True)


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
