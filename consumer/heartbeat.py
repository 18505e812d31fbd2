"""A file that is touched as the work goes on, so that a health check can tell a process that hangs."""

import time
from collections.abc import Callable
from pathlib import Path

from consumer.errors import CrashError

# Seconds: the longest statement of the notifier is composing an e-mail from a backlog, and it may take ten minutes.
LONGEST_STEP = 660.0


def beating(pause: Callable[[float], bool], heartbeat: Path) -> Callable[[float], bool]:
    """``pause`` that touches the file first: the work got so far. Raises OSError where it cannot."""

    def beat(seconds: float) -> bool:
        heartbeat.touch()
        return pause(seconds)

    return beat


def require_beat(heartbeat: Path, pause_seconds: float, now: Callable[[], float] = time.time) -> None:
    """The file was touched no longer ago than a pause and the longest step take. Raises CrashError."""
    if not heartbeat.exists():
        raise CrashError(f"no beat yet: there is no {heartbeat}")
    silence = now() - heartbeat.stat().st_mtime
    if silence > pause_seconds + LONGEST_STEP:
        raise CrashError(f"no beat for {silence:.0f} s, longer than any step takes")
