"""What the tests of the engines ask them: rules, over an archive of random histories."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random

from consumer.archive import ArchiveObject
from consumer.backtest.athena import Place
from consumer.backtest.backtest import Engine, Settings, tried
from consumer.backtest.run import Scope
from consumer.rules.entries import Entry
from consumer.rules.ruleset import RuleSet
from tests.consumer.backtest.test_backtest import STATELESS, WINDOWED
from tests.integration.histories import BOOK, CHANGE, NOON, payments

ASKED: dict[str, tuple[RuleSet, Scope]] = {
    "stateless": (STATELESS, Scope()),
    "windows": (WINDOWED, Scope()),
    "first edition": (BOOK.pages[0].rules, Scope(end=CHANGE)),
    "second edition": (BOOK.pages[1].rules, Scope(begin=CHANGE)),
    "up to a horizon": (BOOK.pages[1].rules, Scope(horizon=CHANGE)),
}
ENTRIES = [Entry("blocked", "1e8481-a", NOON, NOON + timedelta(seconds=30)), Entry("blocked", "f4241-b", NOON)]


def write_archive(folder: Path) -> Path:
    """Two objects, with copies and late ones, a line that is written in another way, and one that is none."""
    folder.mkdir()
    chance = Random(5)  # noqa: S311 - can be had again
    lines = [
        payment.line(at)
        for begin in (1_000_001, 2_000_001)
        for payment in payments(chance, 120, begin)
        for at in payment.receipts
    ]
    chance.shuffle(lines)
    (folder / "first").write_bytes(b"".join(lines[:200]) + b"poison\n")
    odd = lines[200].replace(b'":"', b'": "').replace(b"1e8481-a", rb"1e8481\u002da")
    (folder / "second").write_bytes(odd + b"".join(lines[201:]))
    return folder


def found(
    rules: RuleSet, scope: Scope, objects: Sequence[ArchiveObject], engine: Engine | Place = Engine.DUCKDB
) -> tuple[object, list[str]]:
    """What was counted, and every match with its windows' values."""
    conditions = [rule.condition for rule in rules.rules]
    settings = Settings(scope, ENTRIES, engine=engine)
    with tried(conditions, rules.asked, objects, settings, lambda _: None) as run:
        rows = run.database.execute("SELECT DISTINCT * FROM found").fetchall()
    assert rows
    return run.counted, sorted(map(str, rows))
