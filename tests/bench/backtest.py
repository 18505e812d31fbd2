"""A backtest beside DuckDB's own reading of the same files, and the memory that it takes as archives grow.

All of it has both cores.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from consumer.rules.sql import COLUMNS
from tests.bench.figures import Figure
from tests.load.process import MIB

ROWS = 1_000_000
FILES = 16
SIZES = (10**5, 10**6, 10**7, 10**8)
WINDOWED_SIZES = (10**6, 10**7)
MEMORY = "1GB"
FLAT = 1.1
TEST = "tests: [{given: [{amount: 0}], expect: no match}]"
STATELESS = f"""
rules:
  - {{id: large-amount, version: 1, title: T, severity: low, when: amount > 24_900, explain: "{{amount}}", {TEST}}}
"""
FEW = STATELESS.replace("24_900", "24_999.9")
"""A match of a million: what is found is kept, whatever was read."""
WINDOWED = f"""
windows:
  sent_1h: {{sum: amount, by: senderId, over: 1h}}
  payees_1d: {{distinct: receiverId, by: senderId, over: 24h}}
  got_1d: {{count: transactions, by: receiverId, over: 24h}}
rules:
  - {{id: sent, version: 1, title: T, severity: low, when: sent_1h > 90_000, explain: "{{sent_1h}}", {TEST}}}
  - {{id: payees, version: 1, title: T, severity: low, when: payees_1d >= 30, explain: "{{payees_1d}}", {TEST}}}
  - {{id: got, version: 1, title: T, severity: low, when: got_1d >= 40, explain: "{{got_1d}}", {TEST}}}
"""
A_LINE = """
    SELECT 1 AS v, CAST(uuid() AS VARCHAR) AS "trxId",
        CAST(CAST(round(random() * 25000, 2) AS DECIMAL(18, 2)) AS VARCHAR) AS amount,
        's-' || CAST(floor(random() * {parties}) AS BIGINT) AS "senderId",
        'r-' || CAST(floor(random() * {parties}) AS BIGINT) AS "receiverId",
        'GR' || lpad(CAST(CAST(floor(random() * 1e12) AS BIGINT) AS VARCHAR), 25, '0') AS "senderIban",
        'GRxxxxxxxxxxxxxxxxxxxxx4673' AS "receiverIban", 'PIRBGRAA' AS "senderBankId", 'ETHNGRAA' AS "receiverBankId",
        strftime(moment, '%Y-%m-%dT%H:%M:%S+00:00') AS "transactionDate",
        strftime(moment + INTERVAL '2 seconds', '%Y-%m-%dT%H:%M:%S.%fZ') AS "receivedAt"
    FROM (SELECT TIMESTAMP '2026-11-01' + n * INTERVAL '100 milliseconds' AS moment FROM range({begin}, {end}) AS r(n))
"""


class Ran(NamedTuple):
    """``most``: bytes that were resident."""

    seconds: float
    most: int


def measure(rounds: int, show: Callable[[Figure], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _write(folder / "archive", ROWS, FILES)
        _speed(folder, rounds, show)
        _memory(folder, show)


def _speed(folder: Path, rounds: int, show: Callable[[Figure], None]) -> None:
    archive = folder / "archive"
    for title, rules, target in (("no window", STATELESS, 0.5), ("three windows", WINDOWED, 0.2)):
        ours, limit, counted = [], [], []
        for _ in range(rounds):
            limit.append(ROWS / _read_and_counted(archive, "count(COLUMNS(*))").seconds)
            counted.append(ROWS / _read_and_counted(archive, "count(*)").seconds)
            ours.append(ROWS / _backtested(folder, rules, archive).seconds)
        what = f"backtest of {ROWS:,} transactions, {title}"
        show(Figure(what, "transactions/s", ours, "DuckDB reads and counts each field", limit, target))
        show(Figure(what, "transactions/s", ours, "DuckDB reads and counts rows", counted))


def _memory(folder: Path, show: Callable[[Figure], None]) -> None:
    """The archive of the speeds, again and again: where nothing is remembered it need not be another."""
    found: dict[int, list[float]] = {}
    for size in SIZES:
        repeated = folder / f"{size}"
        if size < ROWS:
            _write(repeated, size, 1)
        else:
            _repeat(folder / "archive", repeated, size // ROWS)
        found[size] = [_backtested(folder, FEW, repeated).most / MIB]
    for size in SIZES[1:]:
        what = f"backtest of {size:,} transactions, no window: most memory"
        show(Figure(what, "MiB", found[size], f"{SIZES[1]:,} transactions", found[SIZES[1]], FLAT, at_most=True))
    many = _backtested(folder, STATELESS, folder / f"{SIZES[-1]}").most / MIB
    show(Figure(f"backtest of {SIZES[-1]:,} transactions, no window, 0.4 % of them match: most memory", "MiB", [many]))
    for size in WINDOWED_SIZES:
        _write(folder / f"windowed-{size}", size, FILES)
        ran = _backtested(folder, WINDOWED, folder / f"windowed-{size}", MEMORY)
        what = f"backtest of {size:,} transactions, three windows, --memory {MEMORY}"
        show(Figure(f"{what}: most memory", "MiB", [ran.most / MIB]))
        show(Figure(what, "transactions/s", [size / ran.seconds]))


def _backtested(folder: Path, rules: str, archive: Path, memory: str = "2GB") -> Ran:
    file = folder / "rules.yaml"
    file.write_text(rules)
    return _timed(
        "from consumer.archive import archive_objects\n"
        "from consumer.backtest.backtest import Settings, backtest\n"
        "from consumer.backtest.run import Scope\n"
        "from consumer.rules import rulefile\n"
        f"settings = Settings(Scope(), memory={memory!r})",
        f"rules = rulefile.read(open({str(file)!r}).read())\n"
        f"backtest(rules, None, archive_objects([{str(archive)!r}]), settings, lambda _: None)",
    )


def _read_and_counted(archive: Path, counted: str) -> Ran:
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in ("v", "trxId", *COLUMNS))
    query = f"SELECT {counted} FROM read_json('{archive}/*', format = 'newline_delimited', columns = {{{columns}}})"
    return _timed("import duckdb", f"duckdb.sql({query!r}).fetchall()")


def _timed(prepare: str, code: str) -> Ran:
    """In a process of its own, without its start."""
    script = f"import time\n{prepare}\nbegan = time.perf_counter()\n{code}\nprint(time.perf_counter() - began)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        seconds = float(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(seconds, used.ru_maxrss * 1024)


def _write(folder: Path, rows: int, files: int) -> None:
    """As the producer writes them, gzipped; parties have some ten transactions a day each."""
    folder.mkdir()
    for begin, end in _parts(rows, files):
        line = A_LINE.format(begin=begin, end=end, parties=min(rows, 100_000))
        duckdb.sql(f"COPY ({line}) TO '{folder}/{begin:09}.ndjson.gz' (FORMAT json, COMPRESSION gzip)")


def _parts(rows: int, files: int) -> Iterator[tuple[int, int]]:
    for number in range(files):
        yield rows * number // files, rows * (number + 1) // files


def _repeat(archive: Path, folder: Path, times: int) -> None:
    folder.mkdir()
    files: Sequence[Path] = sorted(archive.iterdir())
    for number in range(times):
        for file in files:
            (folder / f"{number:03}-{file.name}").symlink_to(file)
