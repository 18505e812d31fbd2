"""What KCL's daemon is started with."""

import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from consumer import multilang
from consumer.errors import CrashError
from consumer.settings import DaemonSettings


def settings(**changes: Any) -> DaemonSettings:
    required = {"database_url": "postgresql://u:p@h/d", "aws_region": "eu-west-1", "stream_name": "payments"}
    return DaemonSettings(**(required | changes))


def read(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(" = ", 1) for line in lines)


def test_the_daemon_polls_from_the_beginning_and_lets_its_children_flush() -> None:
    assert read(multilang.properties(settings(worker_id="worker-1"))) == {
        "executableName": f"{Path(sys.executable).name} -m consumer.main",
        "processingLanguage": f"python/{sys.version_info.major}.{sys.version_info.minor}",
        "streamName": "payments",
        "regionName": "eu-west-1",
        "applicationName": "payment-anomalies",
        "workerId": "worker-1",
        "AwsCredentialsProvider": "DefaultCredentialsProvider",
        "initialPositionInStream": "TRIM_HORIZON",
        "retrievalMode": "POLLING",
        "maxRecords": "600",
        "idleTimeBetweenReadsInMillis": "300",
        "failoverTimeMillis": "10000",
        "shutdownGraceMillis": "15000",
        "metricsLevel": "DETAILED",
    }


def test_intervals_that_are_set_are_handed_on() -> None:
    chosen = settings(shard_sync_interval_ms=1, lease_assignment_interval_ms=2, worker_metrics_interval_ms=3)
    found = read(multilang.properties(chosen))
    assert found["shardSyncIntervalMillis"] == "1"
    assert found["leaseAssignmentIntervalMillis"] == "2"
    assert found["inMemoryWorkerMetricsCaptureFrequencyMillis"] == "3"


@pytest.mark.parametrize(("level", "java"), [("DEBUG", "INFO"), ("INFO", "WARN"), ("ERROR", "ERROR")])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_logging_is_well_formed_and_goes_to_stderr(log_format: str, level: str, java: str) -> None:
    root = ET.fromstring(multilang.logging_configuration(log_format, level))  # noqa: S314 - our own file
    found = root.find("root")
    assert found is not None
    assert found.get("level") == java
    assert [target.text for target in root.iter("target")] == ["System.err"]
    assert [pattern.text for pattern in root.iter("pattern")] == [multilang.PATTERNS[log_format]]


def test_the_children_are_found_from_any_folder_also_where_the_path_has_blanks(tmp_path: Path) -> None:
    home = tmp_path / "with a blank"
    home.mkdir()
    environment = multilang.child_environment({"PATH": "/usr/bin", "PYTHONPATH": str(home)})
    command = read(multilang.properties(settings()))["executableName"].split(" ")
    asked = [*command[:1], "-c", "import consumer, sys; print(sys.prefix)"]
    done = subprocess.run(asked, env=environment, cwd=home, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sys.prefix
    assert environment["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin"]
    assert environment["PYTHONPATH"].split(os.pathsep)[1:] == [str(home)]


def test_children_give_large_memory_back_unless_they_are_told_otherwise() -> None:
    name = "MALLOC_MMAP_THRESHOLD_"
    assert multilang.child_environment({})[name] == "131072"
    assert multilang.child_environment({name: "1"})[name] == "1"


def test_java_is_started_with_the_options_and_files() -> None:
    command = multilang.command(Path("/java"), "-Xmx1g -Dx='a b'", Path("/my jars"), Path("/p"), Path("/l"))
    assert shlex.join(command) == (
        "/java -Xmx1g '-Dx=a b' -Dfile.encoding=UTF-8 -cp '/my jars/*' "
        "software.amazon.kinesis.multilang.MultiLangDaemon --properties-file /p --log-configuration /l"
    )


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.touch(0o755)
    return path


def test_java_is_taken_from_java_home_then_path_then_the_package(tmp_path: Path) -> None:
    home, path = executable(tmp_path / "home/bin/java"), executable(tmp_path / "path/java")
    assert multilang.find_java(str(tmp_path / "home"), str(path.parent)) == home
    assert multilang.find_java(None, str(path.parent)) == path
    assert multilang.find_java(None, "").name == "java"


def test_a_java_home_without_java_is_said_and_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(CrashError, match="JAVA_HOME"):
        multilang.find_java(str(tmp_path), "/usr/bin")


def test_the_jars_of_the_installed_package_are_complete() -> None:
    assert list(multilang.find_jars().glob("amazon-kinesis-client-multilang-*.jar"))


@pytest.mark.parametrize("sizes", [[], [1] * 78, [1] * 78 + [0]])
def test_jars_that_are_missing_or_empty_are_said(sizes: list[int], tmp_path: Path) -> None:
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}.jar").write_bytes(b"x" * size)
    with pytest.raises(CrashError, match=f"{sum(sizes)} of 79 jars.*reinstall"):
        multilang.find_jars(tmp_path)
