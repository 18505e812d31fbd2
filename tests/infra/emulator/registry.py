"""ECR's registry: takes what `docker push` sends, keeps it in a folder, and tells moto's ECR of each tag.

The part of the OCI distribution specification that a push needs: blobs in one piece or in chunks, manifests by tag.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.ecr.models import ecr_backends

from tests.infra.emulator.settings import ACCOUNT, REGION

BLOB = re.compile(r"/v2/(?P<repository>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")
UPLOAD = re.compile(r"/v2/(?P<repository>.+)/blobs/uploads/(?P<upload>[0-9a-f]*)")
MANIFEST = re.compile(r"/v2/(?P<repository>.+)/manifests/(?P<reference>[^/]+)")
PIECE = 1 << 20


class Registry(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        super().__init__(("127.0.0.1", port), _Request)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def do_GET(self) -> None:
        if not self.headers["authorization"]:
            self._answer(401, **{"WWW-Authenticate": 'Basic realm="ECR"'})
        elif found := BLOB.fullmatch(self._path):
            self._answer(200 if self._blob(found["digest"]).exists() else 404)
        elif found := MANIFEST.fullmatch(self._path):
            self._answer(200 if found["reference"] in _tags(found["repository"]) else 404)
        else:
            self._answer(200)

    do_HEAD = do_GET  # noqa: N815  # http.server looks for this name

    def do_POST(self) -> None:
        upload = secrets.token_hex(16)
        (self.server.folder / upload).touch()
        self._answer(202, Location=f"{self._path}{upload}", Range="0-0")

    def do_PATCH(self) -> None:
        size = self._append()
        self._answer(202, Location=self._path, Range=f"0-{size - 1}")

    def do_PUT(self) -> None:
        if found := MANIFEST.fullmatch(self._path):
            self._take_manifest(found["repository"], found["reference"])
            return
        self._append()
        digest = parse_qs(urlsplit(self.path).query)["digest"][0]
        if _digest(self._upload) == digest:
            self._upload.rename(self._blob(digest))
            self._answer(201, Location=f"/v2/blobs/{digest}")
        else:
            self._answer(400)

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _upload(self) -> Path:
        found = UPLOAD.fullmatch(self._path)
        assert found
        return self.server.folder / found["upload"]

    def _blob(self, digest: str) -> Path:
        return self.server.folder / digest.removeprefix("sha256:")

    def _append(self) -> int:
        with self._upload.open("ab") as file:
            for piece in self._body():
                file.write(piece)
            return file.tell()

    def _take_manifest(self, repository: str, tag: str) -> None:
        text = b"".join(self._body()).decode()
        content = json.loads(text)
        parts = [content["config"], *content["layers"]]
        if not all(self._blob(part["digest"]).exists() for part in parts):
            self._answer(400)
            return
        digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        ecr_backends[ACCOUNT][REGION].put_image(repository, text, tag, self.headers["content-type"], digest)
        self._answer(201, **{"Docker-Content-Digest": digest})

    def _body(self) -> Iterator[bytes]:
        if self.headers["transfer-encoding"] == "chunked":
            yield from _chunks(self.rfile)
        left = int(self.headers["content-length"] or 0)
        while left:
            piece = self.rfile.read(min(left, PIECE))
            left -= len(piece)
            yield piece

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _tags(repository: str) -> set[str]:
    images = ecr_backends[ACCOUNT][REGION].repositories[repository].images
    return {tag for image in images for tag in image.image_tags}
