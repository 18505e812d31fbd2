"""Whether the consumer of this container does its work: what a container engine's health check asks. Linux only."""

from collections.abc import Callable
from pathlib import Path

from consumer.errors import CrashError
from consumer.multilang import MAIN_CLASS

PROC = Path("/proc")
CHILD = "consumer.main"


def require_daemon(held_leases: Callable[[], int], incarnation: Callable[[], str], proc: Path = PROC) -> None:
    """KCL's daemon runs here, with a child for each shard whose lease this worker holds, on the stream's present life.

    Raises CrashError where it does not, and what the two callables raise. The database is not asked: an outage is
    waited out, and a new process would only wait anew.
    """
    processes = {process: _words(process / "cmdline") for process in proc.glob("[0-9]*")}
    daemon = next((process for process, command in processes.items() if MAIN_CLASS in command), None)
    if daemon is None:
        raise CrashError("KCL's daemon is not running")
    children, leases = sum(CHILD in command for command in processes.values()), held_leases()
    if children < leases:
        raise CrashError(f"{leases} shards are this worker's and {children} of them are being read")
    if f"STREAM_INCARNATION={incarnation()}" not in _words(daemon / "environ"):
        raise CrashError("the stream was made anew since the consumer's start: restart the consumer")


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").split("\0")
    except OSError:  # the process ended meanwhile
        return []
