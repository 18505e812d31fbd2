"""The main job on any running stack: a file is posted, and what came out of the pipe is shown."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from infra.local import show
from infra.local.observe import Archived, Counts, Observer
from producer.client import Summary, send
from producer.client.screen import Screen
from producer.lines import open_lines

SHOWN_ANOMALIES = 6
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Collector:
    """Where transactions are posted, and with which key."""

    url: str
    api_key: str


class Demonstration:
    """Progress goes to ``messages``, what came out to ``output``."""

    def __init__(self, observer: Observer, collector: Collector, *, messages: Console, output: Console) -> None:
        self._observer = observer
        self._collector = collector
        self._messages = messages
        self._output = output

    def send_and_show(self, source: Path) -> int:
        """Returns the exit code: 0 when everything that was in the file came out."""
        before, known_keys = self._observer.counts(), self._observer.archive_keys()
        sent = self._send(source)
        archived = self._await_arrival(known_keys, sent.accepted)
        came_out = self._observer.counts() - before
        self._show(archived, came_out, sent)
        return 0 if sent.complete and came_out.evaluated == sent.accepted else 1

    def _send(self, source: Path) -> Summary:
        console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        with open_lines(source) as lines:
            screen = Screen(console, lines, time.monotonic)
            with screen.progress:
                summary = send(
                    lines,
                    url=self._collector.url,
                    api_key=self._collector.api_key,
                    on_progress=screen.advance,
                    on_rejection=screen.reject,
                )
            if not summary.complete:
                screen.finish(summary)
            return summary

    def _await_arrival(self, known_keys: set[str], accepted: int) -> list[Archived]:
        """Waits until all is read, archived and mailed, but not for ever: what is missing shows."""
        archived: list[Archived] = []

        def is_archived() -> bool:
            archived[:] = self._observer.archived(self._observer.archive_keys() - known_keys)
            return sum(len(found.lines) for found in archived) >= accepted

        with self._messages.status("Waiting for the stream to drain"):
            _wait_until(self._observer.is_drained)
        with self._messages.status("Waiting for the archive"):
            _wait_until(is_archived)
        with self._messages.status("Waiting for the e-mails"):
            _wait_until(lambda: self._observer.counts().unmailed == 0)
        return archived

    def _show(self, archived: list[Archived], came_out: Counts, sent: Summary) -> None:
        console = self._output
        largest = self._observer.largest_anomalies(SHOWN_ANOMALIES)
        console.print("", show.anomalies(largest, self._observer.counts().anomalies, came_out.anomalies), "")
        if mails := self._observer.mails():
            console.print(show.mail(mails[-came_out.emails], came_out.emails) if came_out.emails else show.no_mail())
            console.print()
        if archived:
            console.print(show.archived(self._observer.bucket, archived[0]), "")
        console.print(show.counts(_balance(archived, came_out, sent)), "")


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)


def _balance(archived: list[Archived], came_out: Counts, sent: Summary) -> list[tuple[str, int, int | None]]:
    """What, how many, how many there must be."""
    return [
        ("transactions in the file", sent.read, None),
        ("rejected by the producer", sent.rejected, None),
        ("accepted by the producer", sent.accepted, sent.read - sent.rejected),
        ("archived in S3", sum(len(found.lines) for found in archived), sent.accepted),
        ("evaluated by the consumer", came_out.evaluated, sent.accepted),
        ("dead letters", came_out.dead_letters, 0),
        ("anomalies found for the first time", came_out.anomalies, None),
        ("alerts mailed", came_out.mailed, came_out.anomalies),
        ("e-mails", came_out.emails, None),
    ]
