"""The archive's NDJSON objects, gzipped or not, in files or in S3."""

import gzip
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import CrashError, RetryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GZIP = b"\x1f\x8b"
IN_MEMORY_BYTES = 8 * 1024 * 1024


class ArchiveObject(Protocol):
    """``size`` is in bytes as stored."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Its bytes as stored. Raises OSError or RetryError."""
        ...


@dataclass(frozen=True)
class ArchiveFile:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def open(self) -> AbstractContextManager[IO[bytes]]:
        return self.path.open("rb")


@dataclass(frozen=True)
class S3Object:
    s3: "S3Client"
    bucket: str
    key: str
    size: int

    @property
    def name(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as copy:
            try:
                self.s3.download_fileobj(self.bucket, self.key, copy)
            except (ClientError, BotoCoreError) as error:
                raise RetryError(f"{self.name} cannot be read: {error}") from error
            copy.seek(0)
            yield copy


def archive_objects(sources: Sequence[str], region: str | None = None) -> list[ArchiveObject]:
    """Files, all below folders, and all objects below ``s3://bucket/prefix``, by name; ``region`` is the bucket's.

    Without it, it is the SDK's. Raises CrashError for a source that names nothing, RetryError where S3 does not answer.
    """
    found: list[ArchiveObject] = []
    for source in sources:
        found += _listed(source, region) if source.startswith("s3://") else _files(source)
    return sorted(found, key=lambda one: one.name)


def lines_of(stored: IO[bytes]) -> Iterator[bytes]:
    """The lines of an object, unpacked, without their line feeds. Raises CrashError where it is damaged."""
    packed = stored.read(len(GZIP)) == GZIP
    stored.seek(0)
    try:
        for line in gzip.GzipFile(mode="rb", fileobj=stored) if packed else stored:
            yield line.removesuffix(b"\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CrashError(f"an archive object is damaged: {error}") from error


def _files(source: str) -> list[ArchiveFile]:
    path = Path(source)
    found = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    if not found or not found[0].is_file():
        raise CrashError(f"{source} is no file, and no folder that holds any")
    return [ArchiveFile(one) for one in found]


def _listed(source: str, region: str | None) -> list[S3Object]:
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    s3 = boto3.client("s3", region_name=region)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = [S3Object(s3, bucket, one["Key"], one["Size"]) for page in pages for one in page.get("Contents", [])]
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"{source} cannot be listed: {error}") from error
    if not found:
        raise CrashError(f"there is nothing below {source}")
    return found
