"""`python -m consumer rules`: the rules as analysts write, try and publish them."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from consumer.backtest.run import Scope
    from consumer.rules.ruleset import Rule, RuleSet
    from consumer.rules.syntax import Fault

FAULTY = 1

app = typer.Typer(no_args_is_help=True, help="The rules: what is an anomaly, written by analysts in a file.")


class EngineName(StrEnum):
    """As `consumer.backtest.backtest.Engine`, which is slow to import; and Athena."""

    DUCKDB = "duckdb"
    SPARK = "spark"
    ATHENA = "athena"


class Written(NamedTuple):
    """A file of rules, or an object of S3."""

    name: str
    text: str


def _written(name: str) -> Written:
    from consumer.errors import ConsumerError
    from consumer.publishing.place import place

    try:
        content = place(name, os.environ.get("AWS_REGION")).read()
    except ConsumerError as error:
        raise typer.BadParameter(str(error)) from None
    if content is None:
        raise typer.BadParameter(f"there is no {name}")
    try:
        return Written(name, content.data.decode())
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{name} is not UTF-8 (at byte {error.start})") from None


RuleFile = Annotated[Any, typer.Argument(parser=_written, metavar="FILE", help="Rules, YAML; also s3://bucket/key.")]


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
        Any, typer.Option(parser=_written, metavar="FILE", help="The rules to compare with; as the candidate.")
    ] = None,
    begin: Annotated[str | None, typer.Option("--from", help="RFC 3339; received at this time or later.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="RFC 3339; received before this time.")] = None,
    memory: Annotated[str, typer.Option(help="DuckDB's; what goes beyond it is kept on disk.")] = "2GB",
    engine: Annotated[
        EngineName, typer.Option(help="DuckDB here, this Python's Spark, or Athena on AWS.")
    ] = EngineName.DUCKDB,
    workgroup: Annotated[str, typer.Option(help="Athena's; named as the deployment is.")] = "payment-analytics",
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the report there too, as one page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Try rules on the archive: what they match, and what that adds and removes beside other rules.

    Nothing is stored and nobody is told. S3 is reached as the AWS SDK is set up. Where rules ask for lists, their
    entries are read from DATABASE_URL; without it the lists are empty. Exit code 1 where a file of rules is
    wrong or the archive cannot be read.

    Example: python -m consumer rules backtest candidate.yaml --against rules.yaml --archive s3://archive/transactions/
    --html report.html
    """
    from consumer.backtest import show as shown
    from consumer.backtest.athena import Place
    from consumer.backtest.backtest import Engine, Settings
    from consumer.backtest.page import page
    from consumer.repairs import output

    scope, tried = _scope(begin, end), _rules_of(candidate)
    current = _rules_of(against) if against else None
    settings = Settings(
        scope,
        shown.entries(tried, current),
        memory=memory,
        engine=Place(workgroup, archive, os.environ.get("AWS_REGION"))
        if engine is EngineName.ATHENA
        else Engine(engine),
    )
    report = shown.watched(tried, current, archive, settings)
    if html:
        html.write_text(page(report, tried, Path(candidate.name).name, scope), encoding="utf-8")
        typer.echo(f"the report is in {html}", err=True)
    if as_json:
        typer.echo(shown.as_json(report))
    else:
        for table in shown.tables(report):
            output().print(table)


@app.command()
def publish(
    candidate: RuleFile,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="RFC 3339; in force from then on: a minute from now or later."),
    ] = None,
    archive: Annotated[
        list[str] | None,
        typer.Option(help="What new windows are filled from: a file, a folder, or s3://bucket/prefix."),
    ] = None,
    buffer: Annotated[int, typer.Option(min=0, help="Seconds that Firehose may hold back.")] = 300,
    begin_empty: Annotated[bool, typer.Option("--begin-empty", help="New windows know nothing of the past.")] = False,
    by: Annotated[str | None, typer.Option(help="Who does it; else the database's and the system's user.")] = None,
) -> None:
    """Publish a file of rules: check it, fill its new windows, tell when it is in force, wait until all consumers know.

    RULES, where it goes, and DATABASE_URL are required. Each line of the stream is judged by the edition that was in
    force when it was received, now and ever after. With --archive the rules are first tried on it. Exit code 1 where
    the file is wrong, nothing was published, or a consumer does not say that it knows.

    Example: python -m consumer rules publish rules.yaml --archive s3://archive/transactions/
    """
    from consumer import rules_shown
    from consumer.rules.document import FaultsError

    tried = _rules_of(candidate)
    try:
        rules_shown.publish(
            rules_shown.Publication(candidate.text, begin, archive or [], buffer, by, begin_empty), tried
        )
    except FaultsError as error:
        _tell(candidate, error.faults)
        raise typer.Exit(FAULTY) from None


@app.command("list")
def list_editions(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document: editions and consumers.")] = False,
) -> None:
    """List the editions that were published, and which consumers know them. DATABASE_URL is required.

    Example: python -m consumer rules list
    """
    from consumer import rules_shown
    from consumer.repairs import output

    found = rules_shown.overview()
    if as_json:
        typer.echo(rules_shown.as_json(found))
    else:
        for table in rules_shown.tables(found):
            output().print(table)


@app.command()
def show(
    edition: Annotated[int | None, typer.Argument(help="Its number; 0 for the rules that ship. Else the last.")] = None,
) -> None:
    """Print an edition as it was published.

    Example: python -m consumer rules show 3 > rules.yaml
    """
    from consumer import rules_shown

    typer.echo(rules_shown.text_of(edition), nl=False)


@app.command()
def diff(
    one: Annotated[str, typer.Argument(help="A file of rules, or an edition's number.")],
    other: Annotated[str | None, typer.Argument(help="With what to compare it; else the last edition.")] = None,
) -> None:
    """Show what is different, line by line: what has gone with -, what is new with +. Exit code 1 if anything is.

    Example: python -m consumer rules diff rules.yaml
    """
    from consumer import rules_shown

    lines = list(rules_shown.difference(*((other, one) if other else (None, one))))
    for line in lines:
        typer.echo(line)
    raise typer.Exit(FAULTY if lines else 0)


def _scope(begin: str | None, end: str | None) -> "Scope":
    from consumer.backtest.run import Scope
    from consumer.replay import instant

    return Scope(instant(begin) if begin else None, instant(end) if end else None)


def _rules_of(written: Written) -> "RuleSet":
    """Exits with what is wrong with the file."""
    found, faults = _read(written)
    _tell(written, faults)
    if not found:
        raise typer.Exit(FAULTY)
    return found


def _read(written: Written) -> "tuple[RuleSet | None, list[Fault]]":
    from consumer.rules import rulefile
    from consumer.rules.document import FaultsError

    try:
        return rulefile.read(written.text), []
    except FaultsError as error:
        return None, error.faults


def _tell(written: Written, faults: "list[Fault]") -> None:
    for fault in faults:
        typer.echo(f"{written.name}:{fault.line}:{fault.column}: {fault.words}", err=True)


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
