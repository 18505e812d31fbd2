"""The composition root: makes every client and part, hands them to each other, and runs the service until a signal."""

import asyncio
import random
import socket
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    disable_created_metrics,
)

from api_keys.store import KeyStore
from producer import clients, kinesis
from producer.api import Readiness, create_app
from producer.auth import KeyRing, utc_now
from producer.buffer import Room
from producer.collect import Collector, RequestLimits
from producer.deadlines import ConnectionLimits
from producer.emf import MinuteReport, to_log_stream
from producer.files import allow_open_files
from producer.intake import Intake
from producer.metrics import Metrics
from producer.packing import FIRST_LAYOUT, Packer
from producer.publish import Publisher, PublishLimits, Timing
from producer.quota import Quota
from producer.server import Server, listen
from producer.settings import ServiceSettings
from producer.shards import KinesisShards, Shards, keep_layout_fresh

SHUTDOWN_MARGIN_SECONDS = 2
# A body that is late is answered; so much later its connection ends all the same.
UNANSWERED_SECONDS = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Service:
    """The parts that outlive a request."""

    app: FastAPI
    shards: Shards
    keys: KeyRing
    packer: Packer
    publisher: Publisher
    readiness: Readiness
    metrics: Metrics
    report: MinuteReport | None


def run(settings: ServiceSettings) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises SettingsError."""
    allow_open_files(settings.max_connections)
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
    store = KeyStore(clients.secrets_manager(settings.aws_region), settings.api_keys_secret_id)
    keys = KeyRing(store, metrics, utc_now)
    timing = Timing(time.monotonic, asyncio.sleep, random.random)
    publisher = Publisher(_stream(settings, executor), _publish_limits(settings), timing, metrics)
    quota = Quota(settings.key_quota_per_second, settings.max_records_per_request, time.monotonic)
    limits = RequestLimits(settings.max_records_per_request, settings.max_body_bytes, settings.body_timeout_seconds)
    intake = Intake(settings.max_bodies_bytes)
    readiness = Readiness(keys, publisher)
    packer = Packer(settings.publish_record_bytes, FIRST_LAYOUT)
    app = create_app(Collector(keys, quota, packer, publisher, metrics, limits, intake, utc_now), readiness, registry)
    client = clients.kinesis_client(settings.aws_region, 1)
    shards = KinesisShards(client, settings.stream_name)
    return Service(app, shards, keys, packer, publisher, readiness, metrics, _report(settings, metrics))


def _report(settings: ServiceSettings, metrics: Metrics) -> MinuteReport | None:
    if settings.metrics_namespace is None:
        return None
    return MinuteReport(settings.metrics_namespace, metrics, time.time, to_log_stream)


def _stream(settings: ServiceSettings, executor: ThreadPoolExecutor) -> kinesis.KinesisStream:
    client = clients.kinesis_client(settings.aws_region, settings.publish_concurrency)
    return kinesis.KinesisStream(client, settings.stream_name, executor)


def _connection_limits(settings: ServiceSettings) -> ConnectionLimits:
    return ConnectionLimits(
        connections=settings.max_connections,
        head_seconds=settings.header_timeout_seconds,
        body_seconds=settings.body_timeout_seconds + UNANSWERED_SECONDS,
    )


def _publish_limits(settings: ServiceSettings) -> PublishLimits:
    return PublishLimits(
        linger_seconds=settings.publish_linger_ms / 1000,
        concurrency=settings.publish_concurrency,
        room=Room(
            settings.publish_buffer_records, settings.publish_buffer_bytes, record_bytes=settings.publish_record_bytes
        ),
        deadline_seconds=settings.publish_deadline_seconds,
    )


async def _serve(service: Service, settings: ServiceSettings, listener: socket.socket) -> None:
    limits = _connection_limits(settings)
    server = Server(service.app, limits, service.metrics, settings.idle_timeout_seconds, _grace_seconds(settings))

    def begin_to_stop() -> None:
        at_most = longest_stop_seconds(settings)
        log.info("stopping", serves_for_seconds=settings.shutdown_delay_seconds, ends_within_seconds=at_most)
        service.readiness.stopping = True

    server.stop_on_signals(settings.shutdown_delay_seconds, begin_to_stop)
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(work) for work in _background(service, settings)]
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        await server.serve(sockets=[listener])
        for task in background:
            task.cancel()
        await service.publisher.drain()
    if service.report:
        service.report.tell()


def _background(service: Service, settings: ServiceSettings) -> Iterator[Coroutine[None, None, None]]:
    yield service.keys.keep_fresh(settings.api_keys_refresh_seconds, asyncio.sleep)
    yield keep_layout_fresh(service.packer, service.shards, settings.shards_refresh_seconds, asyncio.sleep)
    if service.report:
        yield service.report.each_minute(asyncio.sleep)


def _grace_seconds(settings: ServiceSettings) -> float:
    """As long as a request takes whose body has arrived."""
    return _publishing_seconds(settings) + SHUTDOWN_MARGIN_SECONDS


def longest_stop_seconds(settings: ServiceSettings) -> float:
    """From SIGTERM to the end, with the stream hanging and a last submission at the last moment."""
    return settings.shutdown_delay_seconds + _grace_seconds(settings) + _publishing_seconds(settings)


def _publishing_seconds(settings: ServiceSettings) -> float:
    """Just before its deadline an entry may still be sent."""
    return settings.publish_deadline_seconds + kinesis.CONNECT_SECONDS + kinesis.READ_SECONDS


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop
