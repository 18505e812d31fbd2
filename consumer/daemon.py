"""What the supervisor starts: becomes KCL's MultiLangDaemon, which starts a child (`consumer.main`) for each shard."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

import structlog
from sqlalchemy.exc import DBAPIError

from consumer import logs, multilang
from consumer.breaker_state import wait_until_reset
from consumer.database import engine
from consumer.errors import ConsumerError, CrashError
from consumer.folders import own_folder
from consumer.incarnation import kinesis_client, stream_incarnation
from consumer.leadership import give_up_leadership
from consumer.main import ChildSettings
from consumer.migrate import wait_until_migrated
from consumer.progress import require_continuous
from consumer.settings import DaemonSettings
from consumer.supervisor import CANNOT_START, FAILED

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1


def become_daemon() -> NoReturn:
    """Never returns. Raises SettingsError, CrashError, RetryError or DBAPIError before the daemon is started."""
    settings = DaemonSettings.load()
    worker = settings.worker_id
    assert worker, "the supervisor says which"
    log_format = logs.resolve(settings.log_format, sys.stderr)
    logs.configure(log_format, settings.log_level)
    java = multilang.find_java(settings.java_home, os.environ.get("PATH"))
    jars = multilang.find_jars()
    child = ChildSettings(
        settings.database_url,
        settings.database_auth,
        settings.aws_region,
        settings.stream_name,
        stream_incarnation(kinesis_client(settings.aws_region), settings.stream_name),
        settings.application_name,
        log_format,
        settings.log_level,
        str(settings.dead_letter_share),
        str(settings.dead_letter_window),
        os.environ.get("SHARDS_FOLDER", ""),
    )
    wait_until_migrated(settings.database, time.sleep)
    _wait_until_reset(settings, child.stream_incarnation)
    require_continuous(settings, child.stream_incarnation)
    give_up_leadership(settings.application_name, worker, settings.aws_region)
    log.info("starting KCL's daemon", stream=child.stream_incarnation, worker=worker, java=str(java))
    files = _write_files(
        settings, multilang.properties(settings), multilang.logging_configuration(log_format, settings.log_level)
    )
    os.execve(  # noqa: S606 - arguments of our own
        java,
        multilang.command(java, settings.java_options, jars, *files),
        multilang.child_environment({**os.environ, **child.environment()}),
    )


def _wait_until_reset(settings: DaemonSettings, incarnation: str) -> None:
    """A tripped breaker ends the children and so the daemon. Its next start waits here, and goes on by itself."""
    target = engine(settings.database, "payment-analytics breaker")
    wait_until_reset(target, settings.application_name, incarnation, time.sleep)
    target.dispose()


def _write_files(settings: DaemonSettings, properties: str, logging_configuration: str) -> tuple[Path, Path]:
    assert settings.worker_id
    folder = own_folder(settings.application_name, settings.stream_name, settings.worker_id)
    files = folder / "multilang.properties", folder / "logback.xml"
    for file, text in zip(files, (properties, logging_configuration), strict=True):
        written = file.with_suffix(f".{os.getpid()}")
        written.write_text(text, "utf-8")
        written.replace(file)
    return files


def end_with(parent: int) -> None:
    """SIGKILL for this process, and for the Java that it becomes, when ``parent`` is gone: nobody would stop it.

    On Linux alone.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(FAILED)


def main() -> NoReturn:
    """Ends with CANNOT_START where a new start would fail for the same reason, with FAILED where it need not."""
    end_with(int(sys.argv[1]))
    try:
        become_daemon()
    except (ConsumerError, OSError, DBAPIError) as error:
        sys.stderr.write(f"Error: {error if isinstance(error, ConsumerError) else logs.describe(error)}\n")
        sys.exit(CANNOT_START if isinstance(error, CrashError) else FAILED)


if __name__ == "__main__":
    main()
