"""Transactions from a JSONL file, one a line, streamed in bounded memory."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

STDIN = Path("-")
MAX_LINE_BYTES = 1024 * 1024
_JSON_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Line(NamedTuple):
    """A line of the file, by its number from 1, without the white space around it."""

    number: int
    content: bytes


class JsonLines:
    """The lines of `file`; `position()` tells how many bytes of the (packed) file were read, `size` how many it has.

    Blank lines are left out. A line over `MAX_LINE_BYTES` is cut there, which leaves it broken: `fault` finds it.
    """

    def __init__(self, file: BinaryIO | gzip.GzipFile, packed: BinaryIO | None = None, size: int | None = None) -> None:
        self._file = file
        self._packed = packed
        self.size = size

    def __iter__(self) -> Iterator[Line]:
        for number, content in enumerate(self._whole_lines(), start=1):
            if stripped := content.strip():
                yield Line(number, stripped)

    def position(self) -> int:
        return self._packed.tell() if self._packed else 0

    def _whole_lines(self) -> Iterator[bytes]:
        while content := self._file.readline(MAX_LINE_BYTES):
            rest = content
            while len(rest) == MAX_LINE_BYTES and not rest.endswith(b"\n"):
                rest = self._file.readline(MAX_LINE_BYTES)
            yield content


@contextmanager
def open_lines(path: Path) -> Iterator[JsonLines]:
    """Opens a JSONL file; `.gz` is unpacked, `-` is standard input. Raises OSError where it can't be read."""
    if path == STDIN:
        yield JsonLines(sys.stdin.buffer)
        return
    with path.open("rb") as packed:
        size = path.stat().st_size if path.is_file() else None
        if path.suffix != ".gz":
            yield JsonLines(packed, packed, size)
            return
        with gzip.open(packed) as file:
            yield JsonLines(file, packed, size)


def fault(line: Line) -> str | None:
    """What keeps the line from being sent, in words that hold none of its content; None if nothing does."""
    if len(line.content) >= MAX_LINE_BYTES:
        return f"is longer than {MAX_LINE_BYTES} bytes"
    try:
        _JSON_OBJECT.decode(line.content)
    except msgspec.ValidationError:
        return "is no JSON object"
    except msgspec.DecodeError as error:
        return f"is no JSON: {str(error).removeprefix('JSON is malformed: ')}"
    except (UnicodeDecodeError, RecursionError) as error:
        return f"is no JSON: {type(error).__name__}"
    return None
