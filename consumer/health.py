"""Whether the consumer of this container does its work: what a container engine's health check asks. Linux only."""

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from consumer.errors import CrashError, SettingsError
from consumer.heartbeat import require_beat
from consumer.multilang import MAIN_CLASS
from consumer.publishing.state import read_state
from consumer.settings import ConsoleSettings, DaemonSettings, NotifierSettings
from consumer.shard_state import read_states
from consumer.stall import require_progress

PROC = Path("/proc")
CHILD = "consumer.main"
CONSOLE_SECONDS = 10


def require_daemon(
    held_leases: Callable[[str], int],
    incarnation: Callable[[], str],
    proc: Path = PROC,
    hindrance: Callable[[], str | None] = lambda: None,
    stall_seconds: float = 300,
    now: Callable[[], float] = time.time,
) -> str | None:
    """KCL's daemon runs here, with a child for each shard whose lease this worker holds, on the stream's present life.

    Raises CrashError where it does not, and what the callables raise. While it runs the database is not asked: an
    outage is waited out, and a new process would only wait anew. ``hindrance`` tells why it may not run. Returns what a
    person should know although all is well: rules that were published and are broken.
    """
    processes = {process: _words(process / "cmdline") for process in proc.glob("[0-9]*")}
    daemon = next((process for process, command in processes.items() if MAIN_CLASS in command), None)
    if daemon is None:
        raise CrashError(f"KCL's daemon is not running{'; ' + why if (why := hindrance()) else ''}")
    environment = dict(word.partition("=")[::2] for word in _words(daemon / "environ"))
    children = sum(CHILD in command for command in processes.values())
    leases = held_leases(environment.get("WORKER_ID", ""))
    if children < leases:
        raise CrashError(f"{leases} shards are this worker's and {children} of them are being read")
    if environment.get("STREAM_INCARNATION") != incarnation():
        raise CrashError("the stream was made anew since the consumer's start: restart the consumer")
    folder = environment.get("SHARDS_FOLDER")
    if not folder:
        return None
    require_progress(read_states(Path(folder)), now(), stall_seconds)
    rules = read_state(Path(folder))
    return f"edition {rules.edition} of the rules stays in force: {rules.fault}" if rules and rules.fault else None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").split("\0")
    except OSError:  # the process ended meanwhile
        return []


def require_console_here() -> None:
    """It answers. Raises SettingsError or CrashError."""
    port = ConsoleSettings.load().console_port
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=CONSOLE_SECONDS):
            pass
    except OSError as error:
        raise CrashError(f"the console does not answer: {error}") from error


def require_notifier_here() -> None:
    """Raises SettingsError or CrashError."""
    settings = NotifierSettings.load()
    if settings.heartbeat_file is None:
        raise SettingsError("HEARTBEAT_FILE is missing: without it nobody can tell")
    require_beat(settings.heartbeat_file, settings.notify_poll_seconds)


def require_daemon_here() -> str | None:
    """As `require_daemon`. Raises SettingsError, CrashError or RetryError."""
    settings = DaemonSettings.load()
    return require_daemon(
        lambda worker: _held_leases(settings, worker),
        lambda: _incarnation(settings),
        hindrance=lambda: _tripped(settings),
        stall_seconds=settings.stall_seconds,
    )


# The AWS SDK takes most of the check's time, which comes every few seconds while there is no daemon yet.
def _held_leases(settings: DaemonSettings, worker: str) -> int:
    from consumer.leases import held_leases

    return held_leases(settings.application_name, worker, settings.aws_region)


def _incarnation(settings: DaemonSettings) -> str:
    from consumer.incarnation import kinesis_client, stream_incarnation

    return stream_incarnation(kinesis_client(settings.aws_region), settings.stream_name)


def _tripped(settings: DaemonSettings) -> str | None:
    from sqlalchemy.exc import DBAPIError

    from consumer.breaker_state import tripped
    from consumer.database import engine

    target = engine(settings.database, "payment-analytics health")
    try:
        found = tripped(target, settings.application_name)
    except DBAPIError:  # says nothing of the breaker
        return None
    finally:
        target.dispose()
    return str(found) if found else None
