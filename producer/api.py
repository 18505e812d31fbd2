"""The HTTP interface: collecting, health, metrics, documentation."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from producer.auth import KeyRing
from producer.collect import Collector
from producer.openapi import PATH, TITLE, describe
from producer.problems import answer_with_problems, problem
from producer.publish import Publisher

RETRY_NOT_READY_SECONDS = 5


@dataclass
class Readiness:
    """Whether the load balancer should send requests here."""

    keys: KeyRing
    publisher: Publisher
    stopping: bool = False

    def obstacles(self) -> dict[str, str]:
        """State → what stands in the way, in words."""
        found = {
            "stopping": "the process is about to stop" if self.stopping else None,
            "starting": self.keys.obstacle,
            "cannot publish": None if self.publisher.can_publish else "nothing can be published",
        }
        return {state: words for state, words in found.items() if words}


class _App(FastAPI):
    """Documents itself with what the contract says, not with what the framework can guess."""

    document: dict[str, Any]
    collector: Collector

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The one route that has to be quick does not go through the framework."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self.collector(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        return self.document


def create_app(collector: Collector, readiness: Readiness, registry: CollectorRegistry) -> FastAPI:
    app = _App(title=TITLE, redoc_url=None, redirect_slashes=False)
    app.document = describe(collector.limits)
    app.collector = collector
    app.router.routes.append(Route(PATH, collector, methods=["POST"]))

    @app.get("/health/live", response_model=None)
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready", response_model=None)
    async def ready() -> dict[str, str] | Response:
        if obstacles := readiness.obstacles():
            headers = {"retry-after": str(RETRY_NOT_READY_SECONDS)}
            status, state = HTTPStatus.SERVICE_UNAVAILABLE, next(iter(obstacles))
            return problem(status, "; ".join(obstacles.values()), headers, state=state)
        return {"status": "ready"}

    @app.get("/metrics", response_model=None)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    answer_with_problems(app)
    return app
