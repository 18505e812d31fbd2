"""What drills came to: a line each, a table in the end, and JSON for whoever keeps it."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

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
