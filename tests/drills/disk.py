"""The database's disk is full: its tables' alone, or that of its write-ahead log too."""

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from infra.local.postgres import DATABASE
from tests.drills.database import SERVICES_OUT, administration
from tests.drills.registry import SkippedError, fault
from tests.drills.scene import Scene

TABLES = ("anomalies", "alerts", "dead_letters", "shard_progress")
BALLAST = "ballast"
CHUNK = b"\0" * 65_536


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own that PostgreSQL may write to, mounted while the block lasts. Raises SkippedError."""
    folder.mkdir()
    try:
        _mount(folder, megabytes)
        try:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            folder.chmod(0o700)
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        folder.rmdir()


def _mount(folder: Path, megabytes: int) -> None:
    if os.geteuid() != 0:
        raise SkippedError("a small disk can be mounted by root alone")
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SkippedError(f"a small disk cannot be mounted here: {done.stderr.strip()}")


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Nothing fits on it while the block lasts."""
    ballast = disk / BALLAST
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(CHUNK)
    try:
        yield
    finally:
        ballast.unlink()


@fault("disk full", kind="disk full")
def tables_disk_full(scene: Scene) -> None:
    """PostgreSQL runs and refuses whatever needs a page more."""
    with small_disk(scene.rig.local.folder / "disk", int(scene.pick(64, 512))) as disk:
        with administration(scene) as cursor:
            cursor.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        try:
            _move_tables(scene, "small")
            with full(disk):
                scene.pause(scene.pick(8, 60))
                scene.until_told("No space left on device")
        finally:
            _move_tables(scene, "pg_default")
            with administration(scene) as cursor:
                cursor.execute("DROP TABLESPACE small")


def _move_tables(scene: Scene, tablespace: str) -> None:
    """The services' own locks may be in the way: they are sent off, and come again."""
    with administration(scene, DATABASE) as cursor:
        for table in TABLES:
            cursor.execute(SERVICES_OUT)
            cursor.execute(f"ALTER TABLE {table} SET TABLESPACE {tablespace}")


@fault("disk of the write-ahead log full", kind="disk full")
def log_disk_full(scene: Scene) -> None:
    """PostgreSQL ends in a panic, and with it every start until there is room."""
    with small_disk(scene.rig.local.folder / "wal", 256) as disk:
        log = scene.rig.local.postgres.folder / "pg_wal"
        with _moved(scene, log, disk):
            scene.until_more(1)
            with full(disk):
                scene.until(lambda: _needs_another_file(scene), "PostgreSQL to find no room for its log")
                scene.pause(scene.pick(10, 60))
                scene.until_told("database failed, waiting")
            scene.until_more(1)


def _needs_another_file(scene: Scene) -> bool:
    """It has some in store, which the load would take a while to fill; True once there is none."""
    try:
        with administration(scene) as cursor:
            cursor.execute("SELECT pg_switch_wal()")
    except psycopg2.OperationalError:
        return True
    return False


@contextlib.contextmanager
def _moved(scene: Scene, log: Path, disk: Path) -> Iterator[None]:
    """PostgreSQL's log lies on the disk while the block lasts; it is stopped to carry it there, and back."""
    supervisor, beside = scene.rig.supervisor, log.with_name("pg_wal.here")
    supervisor.stop("postgres")
    _carry(log, disk / "pg_wal")
    log.rename(beside)
    log.symlink_to(disk / "pg_wal")
    supervisor.start("postgres")
    try:
        yield
    finally:
        supervisor.stop("postgres")
        log.unlink()
        shutil.rmtree(beside)
        _carry(disk / "pg_wal", log)
        supervisor.start("postgres")


def _carry(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)
