"""The first page, and its renewal every other second by server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import Response, StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from consumer.console.overview import MINUTES, counted
from consumer.console.roles import Role
from consumer.console.watch import LOOK_SECONDS, Watch
from consumer.console.web import Asked, RefusedError, Site

MOST_WATCHING = 200
LASTING = 900
"""Renewals of one answer; the browser then asks anew, and its session is looked at as for any page."""


def add_to(site: Site) -> None:
    watching: set[object] = set()
    watch = Watch(site.engine, site.settings.application_name, site.sources)

    @site.page("/", Role.VIEWER)
    def show(asked: Asked) -> Response:
        return site.render("overview.html", asked, **_values(site, watch))

    @site.page("/overview/events", Role.VIEWER)
    def renew(asked: Asked) -> Response:
        if len(watching) >= MOST_WATCHING:
            raise RefusedError(503, "too many people watch this console already")
        return StreamingResponse(_renewals(site, watch, asked, watching), media_type="text/event-stream")


def _values(site: Site, watch: Watch) -> dict[str, Any]:
    found, reading = watch.look()
    archive = site.settings.archive
    return {"found": found, "reading": reading, "counted": counted, "span": MINUTES, "archive": archive}


async def _renewals(site: Site, watch: Watch, asked: Asked, watching: set[object]) -> AsyncIterator[str]:
    """Ends with the session. ``watching`` has a member for each that goes on."""
    member = object()
    watching.add(member)
    try:
        async for renewal in _renewed(site, watch, asked):
            yield renewal
    finally:
        watching.discard(member)


async def _renewed(site: Site, watch: Watch, asked: Asked) -> AsyncIterator[str]:
    for _ in range(LASTING):
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if not await run_in_threadpool(site.session_of, asked.request, is_use=False):
                yield "event: over\ndata:\n\n"
                return
            values = await run_in_threadpool(_values, site, watch)
        except SQLAlchemyError:
            yield "event: unavailable\ndata:\n\n"
            continue
        page = site.text("overview_now.html", asked, **values)
        yield "".join(f"data: {line}\n" for line in page.splitlines()) + "\n"
