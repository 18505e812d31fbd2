"""Reads a request's body: of the right kind, not too large, not too slow."""

import asyncio
from email.message import Message

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from producer.errors import TooLargeError, TooSlowError, UnreadableError, UnsupportedError


def require_json(headers: Headers) -> None:
    """Raises UnsupportedError."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedError("the body must not be compressed or encoded", {"accept-encoding": "identity"})
    kind = Message()
    kind["content-type"] = headers.get("content-type", "application/octet-stream")
    charset = kind.get_content_charset("utf-8")
    if kind.get_content_type() != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedError("the body must be application/json in UTF-8", {"accept": "application/json"})


async def read(request: Request, most_bytes: int, seconds: float) -> bytes:
    """The whole body, counted as it arrives. Raises TooLargeError, TooSlowError or UnreadableError."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most_bytes:
        raise _too_large(most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise _too_large(most_bytes)
    except TimeoutError as error:
        raise TooSlowError(f"the body must arrive within {seconds:g} seconds", {"connection": "close"}) from error
    except ClientDisconnect as error:
        raise UnreadableError("the body ended too early") from error
    return bytes(body)


def _too_large(most_bytes: int) -> TooLargeError:
    return TooLargeError(f"the body must have at most {most_bytes} bytes")
