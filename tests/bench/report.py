"""`docs/benchmarks.md`: words by hand around a table that a run writes."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from tests.bench.figures import Figure, markdown

BEGIN, END = "<!-- figures: made by make bench -->\n", "<!-- end of figures -->\n"


def read(file: Path) -> list[Figure]:
    return msgspec.json.decode(file.read_bytes(), type=list[Figure])


def write(file: Path, figures: Sequence[Figure], machine: str, now: datetime) -> None:
    """Raises ValueError where the file has no place for the table."""
    text = file.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    made = f"`make bench` on {now:%Y-%m-%d}: {machine}.\n\n{markdown(figures)}"
    file.write_text(f"{before}{BEGIN}{made}{END}{after}", "utf-8")
