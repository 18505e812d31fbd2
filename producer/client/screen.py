"""What the person who sends a file sees: progress, the first rejections, the summary."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from producer.client.tally import Rejection, Summary
from producer.lines import JsonLines

SEND_AGAIN = "To send the file again is safe."
CHECK_KEY = "Please check COLLECTOR_API_KEY (. .local/env)."
SHOWN_REJECTIONS = 20
SECONDS_BETWEEN_LINES = 5.0


class Screen:
    """A progress bar in a terminal, a line every few seconds elsewhere."""

    def __init__(self, console: Console, lines: JsonLines, clock: Callable[[], float]) -> None:
        self._console = console
        self._lines = lines
        self._clock = clock
        self._last_line = clock()
        self._rejections = 0
        columns = (TextColumn("Sending"), BarColumn(), TextColumn("{task.fields[sent]}"), TimeElapsedColumn())
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self.progress.add_task("", total=lines.size, sent="")

    def advance(self, summary: Summary) -> None:
        words = f"{summary.accepted:,} accepted, {summary.rejected:,} rejected, {summary.retries:,} retries"
        if self._console.is_terminal:
            self.progress.update(self._task, completed=self._lines.position(), sent=words)
        elif self._clock() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = self._clock()
            self._console.print(words)

    def reject(self, rejection: Rejection) -> None:
        self._rejections += 1
        if self._rejections <= SHOWN_REJECTIONS:
            errors = "; ".join(f"{field} {message}".strip() for field, message in rejection.errors)
            self._console.print(f"line {rejection.line}: {errors}", style="red")

    def finish(self, summary: Summary) -> None:
        if self._rejections > SHOWN_REJECTIONS:
            more = self._rejections - SHOWN_REJECTIONS
            self._console.print(f"and {more:,} more rejected lines; --rejects FILE writes all of them", style="red")
        self._console.print(_table(summary))
        if summary.stopped:
            advice = CHECK_KEY if summary.key_refused else SEND_AGAIN
            self._console.print(f"Stopped: {summary.stopped}. {advice}", style="red")


def _table(summary: Summary) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, figure in (
        ("sent", f"{summary.read:,}"),
        ("accepted", f"{summary.accepted:,}"),
        ("rejected", f"{summary.rejected:,}"),
        ("given up", f"{summary.unsettled:,}"),
        ("requests sent again", f"{summary.retries:,}"),
        ("seconds", f"{summary.seconds:.1f}"),
        ("accepted a second", f"{summary.rate:,.0f}"),
    ):
        table.add_row(name, figure)
    return table
