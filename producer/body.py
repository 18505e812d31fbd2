"""Reads a request's body: of the right kind, not too large, not too slow."""

import asyncio
import re

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from producer.errors import TooLargeError, TooSlowError, UnreadableError, UnsupportedError

_PARAMETER = re.compile(r"[\w!#$%&'+.^`|~-]+", re.ASCII)


def require_json(headers: Headers) -> None:
    """Raises UnsupportedError."""
    encodings = ",".join(headers.getlist("content-encoding")) or "identity"
    if any(encoding.strip().lower() != "identity" for encoding in encodings.split(",")):
        raise UnsupportedError("the body must not be compressed or encoded", {"accept-encoding": "identity"})
    kinds = headers.getlist("content-type")
    if not kinds or not all(map(_is_json, kinds)):
        raise UnsupportedError("the body must be application/json in UTF-8", {"accept": "application/json"})


def _is_json(content_type: str) -> bool:
    kind, *parameters = content_type.split(";")
    return kind.strip().lower() == "application/json" and all(map(_does_no_harm, parameters))


def _does_no_harm(parameter: str) -> bool:
    """None at all, UTF-8 as the charset, or any other; not one whose name has a star, which hides a charset."""
    name, equals, value = parameter.strip().partition("=")
    if not _PARAMETER.fullmatch(name) or not equals:
        return not parameter.strip()
    return name.lower() != "charset" or value.strip('"').lower() in ("utf-8", "utf8")


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
