"""`python -m consumer run`: becomes KCL's MultiLangDaemon, which starts a child (`consumer.main`) for each shard."""

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import structlog

from consumer import logs, multilang
from consumer.breaker_state import wait_until_reset
from consumer.database import engine
from consumer.errors import CrashError
from consumer.incarnation import kinesis_client, stream_incarnation
from consumer.leadership import give_up_leadership
from consumer.main import ChildSettings
from consumer.migrate import wait_until_migrated
from consumer.progress import require_continuous
from consumer.settings import DaemonSettings

log = structlog.get_logger(__name__)


def main() -> NoReturn:
    """Never returns. Raises SettingsError, CrashError or RetryError before the daemon is started."""
    settings = DaemonSettings.load()
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
    )
    wait_until_migrated(settings.database, time.sleep)
    _wait_until_reset(settings, child.stream_incarnation)
    require_continuous(settings, child.stream_incarnation)
    give_up_leadership(settings.application_name, settings.worker_id, settings.aws_region)
    log.info("starting KCL's daemon", stream=child.stream_incarnation, worker=settings.worker_id, java=str(java))
    files = _write_files(
        settings, multilang.properties(settings), multilang.logging_configuration(log_format, settings.log_level)
    )
    # Java in this process's place: a signal reaches it, and a wrapper would break its shutdown.
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
    folder = _own_folder(settings)
    files = folder / "multilang.properties", folder / "logback.xml"
    for file, text in zip(files, (properties, logging_configuration), strict=True):
        written = file.with_suffix(f".{os.getpid()}")
        written.write_text(text, "utf-8")
        written.replace(file)
    return files


def _own_folder(settings: DaemonSettings) -> Path:
    """One for each user and worker, so that starts leave no more than one behind. Raises CrashError.

    The temporary folder is everybody's: what stands there may be another user's, or a link.
    """
    named = f"{settings.application_name}/{settings.stream_name}/{settings.worker_id}"
    folder = Path(tempfile.gettempdir()) / f"consumer-{os.geteuid()}-{hashlib.sha256(named.encode()).hexdigest()[:16]}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CrashError(f"{folder} is not a folder of this user alone: remove it, or set TMPDIR to another place")
    return folder
