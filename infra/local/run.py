"""`make run`: the main job, from a posted file to what came out of the pipe."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from infra.local import show
from infra.local.observe import Archived, Counts, Observer
from infra.local.settings import BUCKET
from infra.local.stack import Stack
from infra.local.stopping import StoppedError, ignore_signals, stop_on_signals
from producer.client import Summary, send
from producer.client.screen import Screen
from producer.lines import open_lines

SHOWN_ANOMALIES = 6
PATIENCE_SECONDS = 60


def run_in_foreground(stack: Stack, source: Path, messages: Console) -> int:
    """Returns the exit code: 0 when everything that was accepted came out; leaves no process behind."""
    stop_on_signals()
    code = 1
    try:
        stack.up(tied_to_us=True)
        code = _send_and_show(stack, source, messages)
        messages.print("\n[bold]The stack stays up. Ctrl-C stops it; its data stays (make clean drops it).[/]")
        _sleep_while_up(stack)
        messages.print("The stack was stopped by somebody else (make down).")
    except StoppedError:
        with contextlib.suppress(OSError):  # the terminal may be gone
            messages.print("\nStopping …")
    finally:
        ignore_signals()
        stack.down()
    return code


def _send_and_show(stack: Stack, source: Path, messages: Console) -> int:
    observer = Observer(stack.local)
    before, known_keys = observer.counts(), observer.archive_keys()
    sent = _send(stack, source)
    archived = _await_arrival(observer, known_keys, sent.accepted, messages)
    came_out = observer.counts() - before
    _show(Console(), observer, archived, came_out, sent)
    Console(soft_wrap=True).print(show.next_steps(stack.local))
    return 0 if sent.complete and came_out.evaluated == sent.accepted else 1


def _send(stack: Stack, source: Path) -> Summary:
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    with open_lines(source) as lines:
        screen = Screen(console, lines, time.monotonic)
        with screen.progress:
            summary = send(
                lines,
                url=stack.local.collector_url,
                api_key=stack.local.kept_secret("api_key") or "",
                on_progress=screen.advance,
                on_rejection=screen.reject,
            )
        if not summary.complete:
            screen.finish(summary)
        return summary


def _await_arrival(observer: Observer, known_keys: set[str], accepted: int, messages: Console) -> list[Archived]:
    """Waits until the stream is drained, everything is archived and every alert is mailed; what is missing shows."""
    archived: list[Archived] = []

    def is_archived() -> bool:
        archived[:] = observer.archived(observer.archive_keys() - known_keys)
        return sum(len(found.lines) for found in archived) >= accepted

    with messages.status("Waiting for the stream to drain"):
        _wait_until(observer.is_drained)
    with messages.status("Waiting for the archive"):
        _wait_until(is_archived)
    with messages.status("Waiting for the e-mails"):
        _wait_until(lambda: observer.counts().unmailed == 0)
    return archived


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)


def _show(console: Console, observer: Observer, archived: list[Archived], came_out: Counts, sent: Summary) -> None:
    console.print()
    stored = observer.counts().anomalies
    console.print(show.anomalies(observer.largest_anomalies(SHOWN_ANOMALIES), stored, came_out.anomalies))
    console.print()
    if mails := observer.mails():
        console.print(show.mail(mails[-came_out.emails], came_out.emails) if came_out.emails else show.no_mail())
        console.print()
    if archived:
        console.print(show.archived(BUCKET, archived[0]), "")
    console.print(show.counts(_balance(archived, came_out, sent)), "")


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


def _sleep_while_up(stack: Stack) -> None:
    while stack.supervisor.is_running():
        time.sleep(1)
