"""Reads a request's body: of the right kind, not too large, not too slow, and not larger than it looks."""

import asyncio
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import lru_cache

from starlette.types import Receive, Scope

from producer.deadlines import HAS_ARRIVED
from producer.errors import TooLargeError, TooSlowError, UnreadableError, UnsupportedError
from producer.head import Head

# What is inflated at a time: so much more than the limit is made of a body that hides more, at most.
STEP_BYTES = 64 * 1024
ENCODINGS = "gzip, identity"
NOT_GZIP = "the body is not gzip, as its content-encoding says, or more than one member of it"
_GZIP_ALONE = 16 + zlib.MAX_WBITS
_PARAMETER = re.compile(r"[\w!#$%&'+.^`|~-]+", re.ASCII)


def require_json(head: Head) -> None:
    """Raises UnsupportedError for another kind of body, and for an encoding that is not read here."""
    if _encodings(head) not in ([], ["gzip"]):
        raise UnsupportedError(
            "the body may be compressed by gzip, and by nothing else", {"accept-encoding": ENCODINGS}
        )
    kinds = head.every(b"content-type")
    if not kinds or not all(map(_is_json, kinds)):
        raise UnsupportedError("the body must be application/json in UTF-8", {"accept": "application/json"})


def _encodings(head: Head) -> list[str]:
    named = [name.strip().lower() for field in head.every(b"content-encoding") for name in field.split(",")]
    return [name.removeprefix("x-") for name in named if name not in ("", "identity")]


@lru_cache(64)
def _is_json(content_type: str) -> bool:
    kind, *parameters = content_type.split(";")
    return kind.strip().lower() == "application/json" and all(map(_does_no_harm, parameters))


def _does_no_harm(parameter: str) -> bool:
    """None at all, UTF-8 as the charset, or any other; not one whose name has a star, which hides a charset."""
    name, equals, value = parameter.strip().partition("=")
    if not _PARAMETER.fullmatch(name) or not equals:
        return not parameter.strip()
    return name.lower() != "charset" or value.strip('"').lower() in ("utf-8", "utf8")


async def read(
    scope: Scope, receive: Receive, head: Head, most_bytes: int, seconds: float, take: Callable[[int], None]
) -> bytes:
    """The whole body, inflated, counted as it arrives; `take` is told of each part before it is kept.

    Raises TooLargeError, TooSlowError or UnreadableError, and what `take` raises.
    """
    announced = head.first(b"content-length") or ""
    if announced.isdecimal() and int(announced[:20]) > most_bytes:
        raise _too_large(most_bytes)
    gzip = Gzip() if _encodings(head) else None
    parts: list[bytes] = []
    arrived = size = 0
    try:
        async with nullcontext() if scope.get(HAS_ARRIVED) else asyncio.timeout(seconds):
            has_more = True
            while has_more:
                chunk, has_more = await _next(receive)
                arrived += len(chunk)
                if arrived > most_bytes:
                    raise _too_large(most_bytes)
                for part in gzip.inflate(chunk) if gzip else (chunk,):
                    size += len(part)
                    if size > most_bytes:
                        raise _too_large(most_bytes)
                    take(len(part))
                    parts.append(part)
        if gzip:
            gzip.require_end()
    except TimeoutError as error:
        raise TooSlowError(f"the body must arrive within {seconds:g} seconds", {"connection": "close"}) from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _next(receive: Receive) -> tuple[bytes, bool]:
    """What arrived, and whether there is more to come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise UnreadableError("the body ended too early")
    return message.get("body", b""), message.get("more_body", False)


class Gzip:
    """One member of gzip, inflated in steps. Raises UnreadableError for anything else."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_ALONE)

    def inflate(self, chunk: bytes) -> Iterator[bytes]:
        """Parts of at most STEP_BYTES, each made when it is asked for."""
        while chunk:
            try:
                part = self._member.decompress(chunk, STEP_BYTES)
            except zlib.error as error:
                raise UnreadableError(NOT_GZIP) from error
            if self._member.unused_data:
                raise UnreadableError(NOT_GZIP)
            chunk = self._member.unconsumed_tail
            yield part

    def require_end(self) -> None:
        """Raises UnreadableError where the member is cut off."""
        if not self._member.eof:
            raise UnreadableError(NOT_GZIP)


def _too_large(most_bytes: int) -> TooLargeError:
    return TooLargeError(f"the body must have at most {most_bytes} bytes")
