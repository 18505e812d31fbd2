"""What drills came to: a line each, a table in the end, and JSON for whoever keeps it."""

import json
import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from tests.drills.audit import Complaint, Harm
from tests.drills.drill import Outcome


def line(outcome: Outcome) -> str:
    """fault, records, lost, duplicated, seconds to recover; and the seed that makes it again."""
    mark = "✓" if outcome.passed else "✗"
    more = f", {outcome.extra_mails} mails twice" if outcome.extra_mails else ""
    mail = f", mail after {outcome.mail_seconds:.1f} s" if outcome.mail_seconds else ""
    if outcome.skipped:
        return f"- {outcome.drill}: skipped, for {outcome.skipped}"
    return (
        f"{mark} {outcome.drill} (seed {outcome.seed}): {outcome.records:,} records, {outcome.lost} lost, "
        f"{outcome.doubled} duplicated{more}, on again after {outcome.seconds:.1f} s{mail}"
    )


def table(outcomes: Sequence[Outcome]) -> Table:
    """One row a drill, over all its rounds."""
    made = Table(show_edge=False)
    for name in (
        "fault",
        "rounds",
        "kills",
        "reshards",
        "records",
        "lost",
        "duplicated",
        "mails twice",
        "slowest",
        "mail",
        "",
    ):
        made.add_column(name, justify="left" if name in ("fault", "") else "right")
    for name in dict.fromkeys(outcome.drill for outcome in outcomes):
        made.add_row(*_row(name, [outcome for outcome in outcomes if outcome.drill == name]))
    made.add_section()
    made.add_row(*_row("all", outcomes))
    return made


def _row(name: str, rounds: Sequence[Outcome]) -> list[str]:
    kills = sum(sum(outcome.kills.values()) for outcome in rounds)
    sums = [sum(getattr(outcome, field) for outcome in rounds) for field in SUMMED]
    slowest = [f"{max(getattr(outcome, field) for outcome in rounds):.0f} s" for field in ("seconds", "mail_seconds")]
    mark = "✓" if all(outcome.passed for outcome in rounds) else "✗"
    return [name, f"{len(rounds)}", f"{kills:,}", *(f"{number:,}" for number in sums), *slowest, mark]


SUMMED = ("reshards", "records", "lost", "doubled", "extra_mails")


def kills_table(outcomes: Sequence[Outcome]) -> Table:
    """Kills by the step at which they came."""
    made = Table("killed at", "times", show_edge=False)
    kills = sum((Counter(outcome.kills) for outcome in outcomes), Counter[str]())
    for step, times in sorted(kills.items()):
        made.add_row(step, f"{times}")
    return made


def write_json(path: Path, outcomes: Sequence[Outcome]) -> None:
    path.write_text(json.dumps([asdict(outcome) | {"passed": outcome.passed} for outcome in outcomes], indent=1))


def read_json(files: Iterable[Path]) -> list[Outcome]:
    """What `write_json` wrote, of several runs together."""
    listed = [one for file in files for one in json.loads(file.read_text())]
    for one in listed:
        del one["passed"]
        one["complaints"] = [Complaint(Harm(harm), where, what) for harm, where, what in one["complaints"]]
    return [Outcome(**one) for one in listed]


HEAD = """\
# The drills: every fault on purpose, and what came out, by id

`{command}` on {date}, {cores} cores, Python {python}. Each round posts payments without a pause, breaks something,
mends it, and then compares SQL, archive and mailbox with what was accepted, by id: nothing may be lost, nothing be
there twice, and what is posted after the last blow must come out within 60 seconds. E-mails: at most one copy more for
each crash of the notifier and each answer of SES that was lost.

**{kinds} kinds of fault, {rounds} rounds, {kills} kills, {reshards} splits and merges, {records} records: {lost} lost,
{doubled} twice, {mails} e-mails once more; on again after {slowest} s at most.**

| fault | rounds | kills | splits, merges | records | lost | twice | mails twice | slowest, s | mail, s | |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|
"""
KILLS = """

| killed at | times |
|---|---:|
"""


def markdown(outcomes: Sequence[Outcome], command: str) -> str:
    """For `docs/drills.md`."""
    held = [outcome for outcome in outcomes if not outcome.skipped]
    names = dict.fromkeys(outcome.drill for outcome in held)
    rows = [_row(name, [outcome for outcome in held if outcome.drill == name]) for name in names]
    kills = sum((Counter(outcome.kills) for outcome in held), Counter[str]())
    head = HEAD.format(
        command=command,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        cores=os.cpu_count(),
        python=platform.python_version(),
        **totals(held),
    )
    table = "\n".join(
        f"| {' | '.join(cell.removesuffix(' s') for cell in row)} |" for row in [*rows, _row("all", held)]
    )
    return head + table + KILLS + "\n".join(f"| `{step}` | {times} |" for step, times in sorted(kills.items())) + "\n"


def totals(held: Sequence[Outcome]) -> dict[str, str]:
    sums = {
        "kinds": len({outcome.kind for outcome in held}),
        "rounds": len(held),
        "kills": sum(sum(outcome.kills.values()) for outcome in held),
        "reshards": sum(outcome.reshards for outcome in held),
        "records": sum(outcome.records for outcome in held),
        "lost": sum(outcome.lost for outcome in held),
        "doubled": sum(outcome.doubled for outcome in held),
        "mails": sum(outcome.extra_mails for outcome in held),
        "slowest": round(max((max(outcome.seconds, outcome.mail_seconds) for outcome in held), default=0)),
    }
    return {name: f"{number:,}" for name, number in sums.items()}
