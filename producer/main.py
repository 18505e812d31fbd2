"""The composition root: makes every client and part, hands them to each other, and runs the service until a signal."""

import asyncio
import contextlib
import random
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import boto3
import structlog
from botocore.exceptions import BotoCoreError
from fastapi import FastAPI
from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    disable_created_metrics,
)

from producer import keystore, kinesis
from producer.api import Readiness, create_app
from producer.auth import KeyRing, utc_now
from producer.collect import Collector, RequestLimits
from producer.errors import SettingsError
from producer.metrics import Metrics
from producer.publish import Publisher, PublishLimits, Timing
from producer.quota import Quota
from producer.server import Server, listen
from producer.settings import KeySettings, ServiceSettings

SHUTDOWN_MARGIN_SECONDS = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Service:
    """The parts that outlive a request."""

    app: FastAPI
    keys: KeyRing
    publisher: Publisher
    readiness: Readiness


def run(settings: ServiceSettings) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises SettingsError."""
    try:
        listener = listen(settings.producer_host, settings.producer_port)
    except OSError as error:
        log.error("can't listen", host=settings.producer_host, port=settings.producer_port, reason=error.strerror)
        return 1
    with ThreadPoolExecutor(settings.publish_concurrency, "kinesis") as executor:
        service = compose(settings, executor)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(service, settings, listener))
    log.info("stopped")
    return 0


def compose(settings: ServiceSettings, executor: ThreadPoolExecutor) -> Service:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # unannotated in prometheus_client
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    metrics = Metrics(registry)
    keys = KeyRing(key_store(settings), metrics, utc_now)
    timing = Timing(time.monotonic, asyncio.sleep, random.random)
    publisher = Publisher(_stream(settings, executor), _publish_limits(settings), timing, metrics)
    quota = Quota(settings.key_quota_per_second, settings.max_records_per_request, time.monotonic)
    limits = RequestLimits(settings.max_records_per_request, settings.max_body_bytes)
    readiness = Readiness(keys, publisher)
    app = create_app(Collector(keys, quota, publisher, metrics, limits, utc_now), readiness, registry)
    return Service(app, keys, publisher, readiness)


def key_store(settings: KeySettings) -> keystore.KeyStore:
    with _failing_on_configuration():
        client = boto3.client("secretsmanager", config=keystore.client_config(settings.aws_region))
    return keystore.KeyStore(client, settings.api_keys_secret_id)


def _stream(settings: ServiceSettings, executor: ThreadPoolExecutor) -> kinesis.KinesisStream:
    with _failing_on_configuration():
        config = kinesis.client_config(settings.aws_region, settings.publish_concurrency)
        client = boto3.client("kinesis", config=config)
    return kinesis.KinesisStream(client, settings.stream_name, executor)


@contextlib.contextmanager
def _failing_on_configuration() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"boto3 can't work with the AWS settings: {error}") from error


def _publish_limits(settings: ServiceSettings) -> PublishLimits:
    return PublishLimits(
        linger_seconds=settings.publish_linger_ms / 1000,
        concurrency=settings.publish_concurrency,
        buffer_records=settings.publish_buffer_records,
        buffer_bytes=settings.publish_buffer_bytes,
        deadline_seconds=settings.publish_deadline_seconds,
    )


async def _serve(service: Service, settings: ServiceSettings, listener: socket.socket) -> None:
    longest_call = kinesis.CONNECT_SECONDS + kinesis.READ_SECONDS
    server = Server(service.app, settings.publish_deadline_seconds + longest_call + SHUTDOWN_MARGIN_SECONDS)

    def begin_to_stop() -> None:
        log.info("stopping", accepts_for_seconds=settings.shutdown_delay_seconds)
        service.readiness.stopping = True

    server.stop_on_signals(settings.shutdown_delay_seconds, begin_to_stop)
    async with asyncio.TaskGroup() as tasks:
        refreshing = tasks.create_task(service.keys.keep_fresh(settings.api_keys_refresh_seconds, asyncio.sleep))
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        await server.serve(sockets=[listener])
        await service.publisher.drain()
        refreshing.cancel()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop
