"""The commands that mend a gap: `replay` and `progress`. Data on stdout, messages and the progress bar on stderr."""

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.table import Table

from consumer import progress, reading
from consumer.archive import ArchiveObject, archive_objects
from consumer.database import engine
from consumer.domain import DeadLetter
from consumer.errors import CrashError
from consumer.incarnation import kinesis_client, stream_incarnation
from consumer.progress import ShardState
from consumer.publishing.source import current_book
from consumer.replay import Replay, Summary, Window
from consumer.settings import DatabaseSettings, StreamSettings
from consumer.store import insert_unfenced

MOST_TOLD = 10
WIDE = 200  # columns where nobody looks: no line is broken


def replay(sources: Sequence[str], window: Window, *, alert: bool) -> Summary:
    """Raises SettingsError, CrashError, RetryError, OSError or DBAPIError; what was added until then stays."""
    settings = DatabaseSettings.load()
    target = engine(settings.database, "payment-analytics replay")
    told = Told(Console(stderr=True))
    book = current_book()
    run = Replay(
        book, lambda found: insert_unfenced(target, book, found, "pending" if alert else "muted"), window, told
    )
    _read(run, archive_objects(sources, settings.aws_region), told.console)
    target.dispose()
    return run.summary


class Told:
    """Names the first lines that cannot be evaluated."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._count = 0

    def __call__(self, letter: DeadLetter) -> None:
        self._count += 1
        if self._count <= MOST_TOLD:
            position = letter.line.position
            self.console.print(
                f"{position.shard.shard_id}:{position.line}: {letter.reason}", highlight=False, markup=False
            )


def _read(run: Replay, objects: Sequence[ArchiveObject], console: Console) -> None:
    with reading.watched(objects, console) as advance:
        for archived in objects:
            run.read(archived, advance)


def summary_table(summary: Summary) -> Table:
    table = Table(show_header=False, show_edge=False)
    table.add_column()
    table.add_column(justify="right")
    rows = {
        "lines read": summary.lines,
        "anomalies added": summary.added,
        "conflicts added": summary.conflicts,
        "anomalies already there": summary.known,
        "lines that cannot be evaluated": summary.undecodable,
    }
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    return table


def states() -> list[ShardState]:
    """Of the settings' application and stream. Raises SettingsError, CrashError, RetryError or DBAPIError."""
    return _progress()[1]


def accept(shard_ids: Collection[str]) -> list[ShardState]:
    """Accepts KCL's checkpoints for these shards, or for all if none is named. Returns those that were behind.

    Raises CrashError for a shard that is not known, and what `states` raises.
    """
    found, known = _progress()
    if missing := set(shard_ids) - {state.shard_id for state in known}:
        raise CrashError(f"no such shard: {', '.join(sorted(missing))}")
    behind = [state for state in known if state.is_ahead and (not shard_ids or state.shard_id in shard_ids)]
    found.accept(behind)
    return behind


def state_table(found: Sequence[ShardState]) -> Table:
    table = Table(show_edge=False)
    for name in ("shard", "stored up to", "arrived", "KCL checkpoint", ""):
        table.add_column(name, overflow="fold")
    for state in found:
        arrived = f"{state.arrived_at:%Y-%m-%dT%H:%M:%SZ}" if state.arrived_at else ""
        remark = "AHEAD: records are missing" if state.is_ahead else "read to its end" if state.ended else ""
        table.add_row(state.shard_id, str(state.stored or ""), arrived, state.checkpoint or "", remark)
    return table


def output() -> Console:
    """Takes no text for markup: some of it is what clients sent."""
    width = None if Console().is_terminal else WIDE
    return Console(width=width, markup=False, emoji=False, highlight=False)


def _progress() -> tuple[progress.Progress, list[ShardState]]:
    settings = StreamSettings.load()
    incarnation = stream_incarnation(kinesis_client(settings.aws_region), settings.stream_name)
    target = engine(settings.database, "payment-analytics progress")
    found = progress.Progress(target, settings.application_name, incarnation)
    return found, found.states(progress.checkpoints(settings.application_name, settings.aws_region))
