"""Methods of moto's classes, replaced or followed up in memory."""

from collections.abc import Callable
from functools import wraps
from typing import Any


def replace(kind: Any, **members: Any) -> None:
    for name, member in members.items():
        setattr(kind, name, member)


def after(kind: Any, name: str, follow_up: Callable[..., None]) -> None:
    """``follow_up`` gets what the method returned, its object and its arguments."""
    method = getattr(kind, name)

    @wraps(method)
    def followed_up(self: Any, *arguments: Any, **named: Any) -> Any:
        answer = method(self, *arguments, **named)
        follow_up(answer, self, *arguments, *named.values())
        return answer

    setattr(kind, name, followed_up)
