"""Style, scripts and pictures: files of this package, for those who are logged in, and for the log-in what it needs."""

import mimetypes
from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response

from consumer.console.roles import Role
from consumer.console.web import Asked, RefusedError, Site

FOLDER = Path(__file__).parent / "static"
OF_THE_LOGIN = ("console.css", "icon.svg")
LASTING = {"Cache-Control": "private, max-age=3600"}


def add_to(site: Site) -> None:
    @site.page("/static/{name}", Role.VIEWER)
    def show(_: Asked, name: str) -> Response:
        return file(name)

    for name in OF_THE_LOGIN:
        _open(site, name)


def _open(site: Site, name: str) -> None:
    @site.open("GET", f"/login/{name}")
    async def show(_: Request) -> Response:
        return file(name)


def file(name: str) -> Response:
    """Raises RefusedError."""
    content = _files().get(name)
    if content is None:
        raise RefusedError(404, "there is no such file")
    return Response(content, media_type=mimetypes.guess_type(name)[0], headers=LASTING)


@cache
def _files() -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in FOLDER.iterdir() if one.is_file()}
