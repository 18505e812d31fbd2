"""Bugs to be planted into the services, so that the drills' checkers show that they find them.

Each is given the function in whose place it is called, and that function's arguments.
"""

import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

Original = Callable[..., Any]


async def accepts_what_it_does_not_publish(_: Callable[..., Awaitable[Any]], __: Any, parts: list[Any]) -> list[bool]:
    return [True for part in parts for _ in part.places]


def checkpoints_past_a_batch(_: Original, *__: Any) -> Any:
    """As if it were stored."""
    from consumer.counts import Tally  # not before the services import it

    return Tally()


def forgets_dead_letters(_: Original, *__: Any) -> None:
    """And counts them."""


def stores_amounts_as_floats(original: Original, anomaly: Any) -> Any:
    row = original(anomaly)
    return replace(row, amount=Decimal(float(row.amount) * 1.0000001))


def locks_no_window(_: Original, *__: Any) -> None:
    """And dawdles, so that others come in between."""
    time.sleep(0.1)


def mails_under_another_id(original: Original, *arguments: Any) -> bytes:
    message: bytes = original(*arguments)
    head, body = message.split(b"\r\n\r\n", 1)
    other = f"X-Digest-Id: {uuid4()}".encode()
    lines = [other if line.startswith(b"X-Digest-Id") else line for line in head.splitlines()]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def mails_nothing(_: Original, *__: Any) -> str:
    return "a message id of its own making"


def mails_twice(original: Original, *arguments: Any) -> str:
    original(*arguments)
    return str(original(*arguments))
