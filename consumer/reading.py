"""The progress bar of whatever reads the archive's objects."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from consumer.archive import ArchiveObject

Advance = Callable[[int], None]
"""Hears of bytes that are behind."""


@contextmanager
def watched(objects: Sequence[ArchiveObject], console: Console | None = None) -> Iterator[Advance]:
    """On stderr, where that is a terminal."""
    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{len(objects)} objects", total=sum(one.size for one in objects))
        yield lambda size: bar.advance(task, size)
