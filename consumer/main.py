"""Composition root of the child that KCL's daemon starts for each shard: `python -m consumer.main`."""

import io
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol, TextIO

import structlog

from consumer import logs
from consumer.breaker import Limit
from consumer.database import engine
from consumer.delivery import ChildProcess
from consumer.login import Database
from consumer.patience import Patience
from consumer.pipeline import Pipeline
from consumer.processor import ShardProcessor
from consumer.publishing.shelf import Shelf
from consumer.rules.book import Book
from consumer.shard_state import Diary
from consumer.store import Store

log = structlog.get_logger(__name__)


class Commands(Protocol):
    """What KCL says, line by line; an empty string at its end."""

    def readline(self) -> str: ...


@dataclass(frozen=True)
class ChildSettings:
    """What the daemon, which checked it, hands to its children: one environment variable of each field's name."""

    database_url: str
    database_auth: str
    aws_region: str
    stream_name: str
    stream_incarnation: str
    application_name: str
    log_format: str
    log_level: str
    dead_letter_share: str = str(Limit.share)
    dead_letter_window: str = str(Limit.window)
    shards_folder: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ChildSettings":
        return cls(**{field: environment[field.upper()] for field in cls.__dataclass_fields__})

    def environment(self) -> dict[str, str]:
        return {field.upper(): getattr(self, field) for field in self.__dataclass_fields__}

    @property
    def database(self) -> Database:
        return Database(self.database_url, self.database_auth, self.aws_region)

    @property
    def limit(self) -> Limit:
        return Limit(float(self.dead_letter_share), int(self.dead_letter_window))


def main() -> None:
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, signal.SIG_IGN)  # Java drives the shutdown, by words
    commands, answers = protocol_streams()
    settings = ChildSettings.from_environment(os.environ)
    logs.configure(settings.log_format, settings.log_level)
    pause = partial(pause_while, os.getppid(), os.getppid, time.sleep, end_process)
    diary = Diary(Path(settings.shards_folder) if settings.shards_folder else None)
    run(commands, answers, shard_processor(settings, pause, diary))


def protocol_streams() -> tuple[TextIO, TextIO]:
    """A private copy of stdout for the protocol: a stray print would desynchronise the daemon, and goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"), answers


def shard_processor(settings: ChildSettings, pause: Callable[[float], bool], diary: Diary) -> ShardProcessor:
    database = engine(settings.database, f"{settings.application_name} consumer")
    shelf = Shelf(Path(settings.shards_folder)) if settings.shards_folder else None
    book = shelf.book if shelf else shipped_book()
    store = Store(database, settings.application_name, settings.stream_name, book)
    pipeline = Pipeline(book, store, Patience(telling(diary.waiting, pause)), settings.limit)
    refresh = shelf.refresh if shelf else lambda: None
    return ShardProcessor(pipeline, settings.stream_incarnation, end_process, pause, diary, refresh)


def shipped_book() -> Book:
    from consumer.rules.editions import shipped  # a child that reads no YAML is smaller

    return shipped()


def telling(tell: Callable[[], None], pause: Callable[[float], bool]) -> Callable[[float], bool]:
    """``pause`` before which it is told."""

    def tell_and_pause(seconds: float) -> bool:
        tell()
        return pause(seconds)

    return tell_and_pause


def run(commands: Commands, answers: TextIO, processor: ShardProcessor) -> None:
    """Until KCL closes the stream. A command that cannot be read ends the process: kclpy's error would quote it."""
    try:
        ChildProcess(processor, commands, answers, sys.stderr).run()
    except Exception:
        log.critical("stopping: KCL's daemon was not understood", exc_info=True)
        processor.crash()


def pause_while(
    parent: int,
    current_parent: Callable[[], int],
    sleep: Callable[[float], object],
    end: Callable[[], NoReturn],
    seconds: float,
) -> bool:
    """Sleeps, and ends the process once its parent is gone: another worker has the shard by then."""
    sleep(seconds)
    if current_parent() != parent:
        log.warning("stopping: KCL's daemon is gone")
        end()
    return False


def end_process() -> NoReturn:
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
