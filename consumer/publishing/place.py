"""Where the published rules are: a file, or an object in S3. Whoever changes it changes what it has read."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from consumer.errors import CrashError, RetryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

S3 = "s3://"
OVERTAKEN = "somebody else has published meanwhile: look at it (rules list), and publish again"


class Content(NamedTuple):
    """``tag`` stands for these bytes."""

    data: bytes
    tag: str


class Place(Protocol):
    """``read``: None where nothing is there yet; raises RetryError or CrashError. ``write``: over what has that tag,
    or where nothing is; raises CrashError if that has changed.
    """

    @property
    def name(self) -> str: ...

    def read(self) -> Content | None: ...

    def write(self, data: bytes, over: str | None) -> None: ...


class FilePlace:
    """A file of this machine. Of two publishers one waits for the other."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return str(self._path)

    def read(self) -> Content | None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RetryError(f"{self.name} cannot be read: {error.strerror}") from error
        return Content(data, hashlib.sha256(data).hexdigest())

    def write(self, data: bytes, over: str | None) -> None:
        import fcntl

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                there = self.read()
                if (there.tag if there else None) != over:
                    raise CrashError(OVERTAKEN)
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(data)
                fresh.replace(self._path)
        except OSError as error:
            raise CrashError(f"{self.name} cannot be written: {error.strerror}") from error


class S3Place:
    """An object; S3 itself sees to it that nobody's change is lost."""

    def __init__(self, s3: "S3Client", bucket: str, key: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._key = key

    @property
    def name(self) -> str:
        return f"{S3}{self._bucket}/{self._key}"

    def read(self) -> Content | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=self._key)
            return Content(found["Body"].read(), found["ETag"])
        except self._s3.exceptions.NoSuchKey:
            return None
        except (ClientError, BotoCoreError) as error:
            raise RetryError(f"{self.name} cannot be read: {error}") from error

    def write(self, data: bytes, over: str | None) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        where = {"Bucket": self._bucket, "Key": self._key}
        try:
            if over is None:
                self._s3.put_object(**where, Body=data, IfNoneMatch="*")  # type: ignore[arg-type]
            else:
                self._s3.put_object(**where, Body=data, IfMatch=over)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                raise CrashError(OVERTAKEN) from None
            raise CrashError(f"{self.name} cannot be written: {error}") from error
        except BotoCoreError as error:
            raise CrashError(f"{self.name} cannot be written: {error}") from error


def place(text: str, region: str | None) -> Place:
    """Of ``s3://bucket/key``, or of a path. Raises CrashError."""
    if not text.startswith(S3):
        return FilePlace(Path(text))
    bucket, _, key = text.removeprefix(S3).partition("/")
    if not bucket or not key:
        raise CrashError(f"{text} names no object: it is s3://bucket/key")
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return S3Place(boto3.client("s3", region_name=region, config=limits), bucket, key)
