"""`make run`: the main job, from a posted file to what came out of the pipe."""

import contextlib
import time
from pathlib import Path

import boto3
from rich.console import Console

from infra.local import show
from infra.local.demonstrate import Collector, Demonstration
from infra.local.emulator.mailbox import read_mailbox
from infra.local.observe import Observer
from infra.local.settings import BUCKET, STREAM, Local
from infra.local.stack import Stack
from infra.local.stopping import StoppedError, ignore_signals, stop_on_signals


def run_in_foreground(stack: Stack, source: Path, messages: Console) -> int:
    """Returns the exit code: 0 when everything that was accepted came out; leaves no process behind."""
    stop_on_signals()
    code = 1
    try:
        stack.up(tied_to_us=True)
        code = demonstration(stack.local, messages).send_and_show(source)
        Console(soft_wrap=True).print(show.next_steps(stack.local))
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


def observer(local: Local) -> Observer:
    return Observer(
        local.postgres.url,
        boto3.client("kinesis"),
        boto3.client("s3"),
        lambda: read_mailbox(local.aws_endpoint_url),
        stream=STREAM,
        bucket=BUCKET,
    )


def demonstration(local: Local, messages: Console) -> Demonstration:
    collector = Collector(local.collector_url, local.kept_secret("api_key") or "")
    return Demonstration(observer(local), collector, messages=messages, output=Console())


def _sleep_while_up(stack: Stack) -> None:
    while stack.supervisor.is_running():
        time.sleep(1)
