"""`python -m producer send`: the client in a terminal. Messages and progress go to stderr, `--json` to stdout."""

import contextlib
import json
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from producer.client import Line, Rejection, Summary, UnusableError, open_lines, send
from producer.client.misfit import misfit
from producer.client.screen import Screen

UNREADABLE = (OSError, EOFError, zlib.error)
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class MisfitError(Exception):
    """The file holds no JSON lines; the message is a hint."""


@dataclass(frozen=True)
class Options:
    """What the command line says; `file` is `-` for standard input."""

    file: Path
    url: str
    api_key: str
    batch: int
    concurrency: int
    give_up_after: float
    rejects: Path | None
    as_json: bool


def send_file(options: Options) -> int:
    """Returns the exit code: 0 only if everything was accepted."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        summary = _send(options, console)
    except UNREADABLE as error:
        console.print(f"{options.file} can't be read: {error}", style="red")
        return FAILED
    except MisfitError as error:
        console.print(f"{options.file}: {error}", style="red")
        return FAILED
    except UnusableError as error:
        console.print(str(error), style="red")
        return USAGE
    except KeyboardInterrupt:
        console.print("Interrupted. To send the file again is safe.", style="red")
        return INTERRUPTED
    if options.as_json:
        sys.stdout.write(json.dumps(_as_json(summary)) + "\n")
    return OK if summary.complete else FAILED


def _send(options: Options, console: Console) -> Summary:
    with open_lines(options.file) as lines, _rejects(options.rejects) as rejects:
        screen = Screen(console, lines, time.monotonic)

        def reject(rejection: Rejection) -> None:
            screen.reject(rejection)
            if rejects:
                rejects.write(json.dumps(_rejection_as_json(rejection)) + "\n")

        with screen.progress:
            summary = send(
                _fitting(lines),
                url=options.url,
                api_key=options.api_key,
                batch=options.batch,
                concurrency=options.concurrency,
                give_up_after=options.give_up_after,
                on_progress=screen.advance,
                on_rejection=reject,
            )
        screen.finish(summary)
    if not summary.read and not summary.stopped:
        console.print(f"There are no transactions in {options.file}.", style="yellow")
    return summary


def _fitting(lines: Iterable[Line]) -> Iterator[Line]:
    """Raises MisfitError, before anything is sent."""
    first = True
    for line in lines:
        hint = misfit(line) if first else None
        if hint:
            raise MisfitError(hint)
        first = False
        yield line


@contextlib.contextmanager
def _rejects(path: Path | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8") as file:
        yield file


def _rejection_as_json(rejection: Rejection) -> dict[str, Any]:
    errors = [{"field": field, "message": message} for field, message in rejection.errors]
    return {"line": rejection.line, "errors": errors}


def _as_json(summary: Summary) -> dict[str, Any]:
    return {
        "sent": summary.read,
        "accepted": summary.accepted,
        "rejected": summary.rejected,
        "givenUp": summary.unsettled,
        "retries": summary.retries,
        "seconds": round(summary.seconds, 3),
        "rate": round(summary.rate, 1),
        "stopped": summary.stopped,
    }
