"""A backtest on Athena, over the archive's lines: its SQL is DuckDB's, translated.

What Trino's 38 digits do not decide comes back as NULL and is decided here; matches are reported from DuckDB.
"""

import csv
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from consumer.archive import ArchiveObject, archive_objects
from consumer.backtest import lines, trino
from consumer.backtest.judge import FIELDS, ROWS_A_FETCH, Judge
from consumer.backtest.run import Advance, Counted, Scope
from consumer.decode import decode
from consumer.errors import CrashError, RejectedError, RetryError
from consumer.letters_shown import readable
from consumer.rules.entries import Entry
from consumer.rules.windows import Declaration

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

MOST_BYTES = 262_144
"""Of a query: Athena's own limit."""
MOST_ODD = 500
"""Lines, which travel in the query."""
LONGEST_CELL = 2**31 - 1
"""Characters. A line that is none may be as long as a record."""
TABLE = "lines"
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Place:
    """Where queries run: a workgroup, which knows where results go, and whose database has the table `TABLE`; of that,
    what ``sources`` name, as ``s3://bucket/prefix``.
    """

    workgroup: str
    sources: Sequence[str]
    region: str | None = None

    @property
    def database(self) -> str:
        """As infra/athena.tf names it."""
        return self.workgroup.replace("-", "_")

    @property
    def lines(self) -> str:
        """A query. Raises CrashError."""
        if others := [source for source in self.sources if not source.startswith("s3://")]:
            raise CrashError(f"Athena reads what is in S3 alone: {others[0]}")
        return f"SELECT line FROM {TABLE} WHERE {' OR '.join(_below(source) for source in self.sources)}"


class AthenaRun:
    """As `run.Run`: the judge's table has what was found."""

    def __init__(self, place: Place, judge: Judge, windows: Sequence[Declaration], folder: Path, scope: Scope) -> None:
        self.counted = Counted()
        self._lines = place.lines
        self._queries = Queries(place)
        self._judge = judge
        self._windows = windows
        self._folder = folder
        self._scope = scope

    def read(self, objects: Sequence[ArchiveObject], entries: Sequence[Entry], advance: Advance) -> None:
        """``advance`` hears of bytes that were scanned, as often as they are. Raises CrashError or RetryError."""
        advance = _at_most(sum(one.size for one in objects), advance)
        known = trino.readable(self._lines, self._rewritten(advance))
        ((count,),) = self._queries.rows(f"SELECT count(*) FROM ({known}) AS readable", advance)
        self.counted.transactions = int(count)
        query = trino.asked(self._judge, self._windows, self._scope, known, entries)
        found = (self._typed(row) for row in self._queries.rows(query, advance))
        while some := list(islice(found, ROWS_A_FETCH)):
            self._judge.take(some, self._folder)

    def _rewritten(self, advance: Advance) -> list[str]:
        """Lines that are not written as the producer writes them, as it would."""
        found: list[str] = []
        for (line,) in self._queries.rows(trino.odd(self._lines, MOST_ODD + 1), advance):
            if trino.LOST in line:
                raise CrashError("a line is not UTF-8, of which Athena does not tell enough: use DuckDB or Spark")
            try:
                found.append(lines.plainly(decode(line.encode())).decode())
            except RejectedError:
                self.counted.undecodable += 1
        if len(found) + self.counted.undecodable > MOST_ODD:
            raise CrashError(
                f"more than {MOST_ODD} lines are not written as the producer writes them: use DuckDB or Spark"
            )
        return found

    def _typed(self, row: Sequence[str]) -> list[Any]:
        decisions = len(self._judge.conditions)
        fields = zip(FIELDS, row[decisions : decisions + len(FIELDS)], strict=True)
        return [
            *(_DECISIONS[decision] for decision in row[:decisions]),
            *(_TYPES.get(name, str)(text) for name, text in fields),
            *(Decimal(value) if value else None for value in row[decisions + len(FIELDS) :]),
        ]


_DECISIONS = {"true": True, "false": False, "": None}
_TYPES: dict[str, Callable[[str], Any]] = {
    "amount": Decimal,
    "transaction_date": datetime.fromisoformat,
    "received_at": datetime.fromisoformat,
}


class Queries:
    """Those of one workgroup. Their results are read from S3, where Athena puts them as CSV."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._athena: AthenaClient = boto3.client("athena", region_name=place.region)

    def rows(self, query: str, advance: Advance) -> Iterator[list[str]]:
        """What is NULL is as what is empty. Raises CrashError where the query is refused or fails, else RetryError."""
        if len(query.encode()) > MOST_BYTES:
            raise CrashError(f"the rules and their lists make a query of more than {MOST_BYTES:,} bytes: use Spark")
        (result,) = archive_objects([self._executed(query, advance)], self._place.region)
        csv.field_size_limit(LONGEST_CELL)
        with result.open() as stored, TextIOWrapper(stored, "utf-8", newline="") as text:
            read = csv.reader(text)
            next(read)  # names
            yield from read

    def _executed(self, query: str, advance: Advance) -> str:
        """Where its result is."""
        place = self._place
        try:
            started = self._athena.start_query_execution(
                QueryString=query, WorkGroup=place.workgroup, QueryExecutionContext={"Database": place.database}
            )
            try:
                return self._awaited(started["QueryExecutionId"], advance)
            except BaseException:
                with suppress(ClientError, BotoCoreError):  # what is told is why it is stopped
                    self._athena.stop_query_execution(QueryExecutionId=started["QueryExecutionId"])
                raise
        except self._athena.exceptions.InvalidRequestException as error:
            raise CrashError(f"Athena refuses: {error.response['Error']['Message']}") from error
        except (ClientError, BotoCoreError) as error:
            raise RetryError(f"Athena cannot be asked: {error}") from error

    def _awaited(self, query_id: str, advance: Advance) -> str:
        scanned = 0
        while True:
            execution = self._athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            now = execution.get("Statistics", {}).get("DataScannedInBytes", scanned)
            advance(now - scanned)
            scanned = now
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(POLL_SECONDS)
        if execution["Status"]["State"] != "SUCCEEDED":
            why = execution["Status"].get("StateChangeReason", "the query was stopped")
            raise CrashError(f"Athena cannot go on: {readable(why.encode())}")
        return execution["ResultConfiguration"]["OutputLocation"]


def _below(source: str) -> str:
    """By the partition too, where it is named: no other is then listed."""
    path = f"""starts_with("$path", {trino.quoted(source)})"""
    day = re.search(r"/dt=(\d{4}-\d{2}-\d{2})/", source)
    return f"(dt = '{day[1]}' AND {path})" if day else path


def _at_most(total: int, advance: Advance) -> Advance:
    """Some is scanned more than once."""
    heard = 0

    def at_most(size: int) -> None:
        nonlocal heard
        size = min(size, total - heard)
        heard += size
        advance(size)

    return at_most
