"""The whole producer in one process: the real application over a fake stream and fake secrets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from prometheus_client import CollectorRegistry

from api_keys.document import ApiKey, new_key
from producer.api import Readiness, create_app
from producer.auth import KeyRing
from producer.collect import Collector, RequestLimits
from producer.intake import Intake
from producer.metrics import Metrics
from producer.packing import Layout, Packer
from producer.publish import Publisher, PublishLimits
from producer.quota import Quota
from tests.producer.fakes import ROOMY, FakeSecrets, FakeStream, FakeTime

PATH = "/collector/transactions"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
KEY_TEXT, KEY = new_key("tests", NOW)
LIMITS = RequestLimits(records=10, body_bytes=10_000, body_seconds=30)


@dataclass
class ServiceUnderTest:
    """`post` sends as a good client would; every part of that can be changed."""

    stream: FakeStream = field(default_factory=FakeStream)
    time: FakeTime = field(default_factory=FakeTime)
    keys: Sequence[ApiKey] = (KEY,)
    limits: RequestLimits = LIMITS
    publish_limits: PublishLimits = ROOMY
    bodies_bytes: int = 10_000_000
    rate: int = 20_000
    now: datetime = NOW

    def __post_init__(self) -> None:
        metrics = Metrics(CollectorRegistry())
        self.secrets = FakeSecrets.holding(*self.keys)
        self.key_ring = KeyRing(self.secrets, metrics, lambda: self.now)
        self.publisher = Publisher(self.stream, self.publish_limits, self.time.timing(), metrics)
        quota = Quota(self.rate, self.limits.records, self.time.clock)
        self.intake = Intake(self.bodies_bytes)
        packer = Packer(self.publish_limits.room.record_bytes, Layout.even(16))
        collector = Collector(
            self.key_ring, quota, packer, self.publisher, metrics, self.limits, self.intake, lambda: self.now
        )
        self.readiness = Readiness(self.key_ring, self.publisher)
        self.app = create_app(collector, self.readiness, metrics.registry)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://collector")

    @classmethod
    async def ready(cls, **parts: Any) -> "ServiceUnderTest":
        service = cls(**parts)
        await service.key_ring.refresh()
        return service

    async def post(
        self, *records: Any, content: Any = None, key: str | None = KEY_TEXT, **headers: str
    ) -> httpx.Response:
        body = content if content is not None else msgspec.json.encode({"records": records})
        sent = {"content-type": "application/json"} | ({"x-api-key": key} if key else {})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(PATH, content=body, headers=sent | named)

    def written(self) -> list[dict[str, Any]]:
        """The lines that became durable."""
        return [msgspec.json.decode(line) for entry in self.stream.written for line in entry.data.splitlines()]


def revised(key: ApiKey, **changes: Any) -> ApiKey:
    return msgspec.structs.replace(key, **changes)
