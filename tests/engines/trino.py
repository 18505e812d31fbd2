"""Trino's own engine, on a Java of this machine."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.engines import JARS

QUERIES = Path(__file__).parent / "Queries.java"


class Trino:
    """It writes results into files of ``folder``."""

    def __init__(self, engine: "subprocess.Popen[str]", folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._count = 0

    def answer(self, query: str) -> Path:
        """The result, as Athena writes it. Raises ValueError."""
        file = self._folder / f"{self._count}.sql"
        self._count += 1
        file.write_text(query)
        assert self._engine.stdin
        assert self._engine.stdout
        self._engine.stdin.write(f"{file}\n")
        self._engine.stdin.flush()
        state, _, reason = self._engine.stdout.readline().strip().partition(" ")
        if state != "SUCCEEDED":
            raise ValueError(reason)
        return file.with_name(f"{file.name}.csv")


@contextmanager
def started(folder: Path) -> Iterator[Trino]:
    command = ["java", "-cp", f"{JARS}/*", str(QUERIES)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as engine:
        try:
            yield Trino(engine, folder)
        finally:
            engine.kill()


def lines_table(archived: Mapping[str, Sequence[bytes]]) -> str:
    """The table ``lines``, of lines by their objects, which are in folders ``dt=…``."""
    rows = ", ".join(
        f"({_quoted(line.decode(errors='replace'))}, {_quoted(name)}, {_quoted(name.partition('dt=')[2][:10])})"
        for name, lines in archived.items()
        for line in lines
    )
    return f"""(VALUES {rows}) AS lines (line, "$path", dt)"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
