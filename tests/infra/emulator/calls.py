"""A line for each call that the emulator gets: when, whose access key, service, and action or method and path."""

import io
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/")

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def recording(application: Application, file: Path) -> Application:
    def record(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        line = f"{time.time():.1f} {_caller(environ)} {_action(environ)}\n"
        with file.open("a") as log:
            log.write(line)
        return application(environ, start_response)

    return record


def _caller(environ: dict[str, Any]) -> str:
    found = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return f"{found['key']} {found['service']}" if found else "- -"


def _action(environ: dict[str, Any]) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return str(parse_qs(body.decode())["Action"][0])
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
