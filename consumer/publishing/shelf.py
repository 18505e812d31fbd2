"""A child's book of rules, in a file that whoever supervises it writes: small, and without YAML or S3."""

from pathlib import Path

import structlog

from consumer.errors import CrashError
from consumer.logs import describe
from consumer.rules.book import Book, load

log = structlog.get_logger(__name__)

COMPILED = "rules.compiled"


class Shelf:
    """``book`` is the same object always; it has other pages after `refresh` where the file has changed."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / COMPILED
        self._seen = self._state()
        self.book = Book(load(self._file.read_bytes()))

    def refresh(self) -> None:
        """What cannot be read leaves the book as it is."""
        try:
            state = self._state()
            if state != self._seen:
                self._seen = state  # also where it is broken: that is told once
                self.book.turn_to(load(self._file.read_bytes()))
                log.info("rules taken up", editions=len(self.book.pages))
        except (OSError, CrashError) as error:
            log.error("the rules cannot be read, and stay as they are", error=describe(error))

    def _state(self) -> tuple[int, int]:
        found = self._file.stat()
        return found.st_ino, found.st_mtime_ns


def put(folder: Path, compiled: bytes) -> None:
    """Whoever reads finds the former rules or these."""
    fresh = folder / f"{COMPILED}.new"
    fresh.write_bytes(compiled)
    fresh.replace(folder / COMPILED)
