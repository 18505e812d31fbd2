"""The composition root: makes every client and part, hands them to each other, and runs the service until a signal."""

import asyncio
import contextlib
import math
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import boto3
import structlog
import uvicorn
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
from producer.collect import BODY_SECONDS, Collector, RequestLimits
from producer.connection import deadline_protocol
from producer.errors import SettingsError
from producer.metrics import Metrics
from producer.publish import Publisher, PublishLimits, Timing
from producer.quota import Quota
from producer.settings import KeySettings, ServiceSettings

# Longer than load balancers keep an idle connection (60 s), so that they never send on one that was just closed.
KEEP_ALIVE_SECONDS = 75
SHUTDOWN_MARGIN_SECONDS = 2
# A body's own deadline comes first, so that it is answered; this one ends what nobody answers any more.
REQUEST_SECONDS = BODY_SECONDS + 5

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
        listener = _listen(settings.producer_host, settings.producer_port)
    except OSError as error:
        log.error("can't listen", host=settings.producer_host, port=settings.producer_port, reason=error.strerror)
        return 1
    with ThreadPoolExecutor(settings.publish_concurrency, "kinesis") as executor:
        service = compose(settings, executor)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(service, settings, listener))
    log.info("stopped")
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def compose(settings: ServiceSettings, executor: ThreadPoolExecutor) -> Service:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # unannotated in prometheus_client
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    metrics = Metrics(registry)
    keys = KeyRing(key_store(settings), metrics, utc_now)
    publisher = Publisher(_stream(settings, executor), _publish_limits(settings), _TIMING, metrics)
    quota = Quota(settings.key_quota_per_second, settings.max_records_per_request, time.monotonic)
    limits = RequestLimits(settings.max_records_per_request, settings.max_body_bytes)
    readiness = Readiness(keys, publisher)
    app = create_app(Collector(keys, quota, publisher, metrics, limits, utc_now), readiness, registry)
    return Service(app, keys, publisher, readiness)


def key_store(settings: KeySettings) -> keystore.KeyStore:
    with _failing_on_configuration():
        client = boto3.client("secretsmanager", config=keystore.client_config(settings.aws_region))
    return keystore.KeyStore(client, settings.api_keys_secret_id)


_TIMING = Timing(time.monotonic, asyncio.sleep, random.random)


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
    server = _Server(_server_config(service.app, settings))
    _stop_on_signals(server, service.readiness, settings.shutdown_delay_seconds)
    async with asyncio.TaskGroup() as tasks:
        refreshing = tasks.create_task(service.keys.keep_fresh(settings.api_keys_refresh_seconds, asyncio.sleep))
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        await server.serve(sockets=[listener])
        await service.publisher.drain()
        refreshing.cancel()


def _server_config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    longest_call = kinesis.CONNECT_SECONDS + kinesis.READ_SECONDS
    return uvicorn.Config(
        app,
        http=deadline_protocol(REQUEST_SECONDS),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.publish_deadline_seconds + longest_call + SHUTDOWN_MARGIN_SECONDS),
    )


class _Server(uvicorn.Server):
    """Leaves the signals to us, where uvicorn would stop at once and die of the signal in the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _stop_on_signals(server: uvicorn.Server, readiness: Readiness, delay_seconds: float) -> None:
    """Readiness fails first, requests are served until the delay is over; a second signal ends the delay."""
    loop = asyncio.get_running_loop()

    def stop_accepting() -> None:
        server.should_exit = True

    def stop() -> None:
        if readiness.stopping:
            stop_accepting()
            return
        log.info("stopping", accepts_for_seconds=delay_seconds)
        readiness.stopping = True
        loop.call_later(delay_seconds, stop_accepting)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop
