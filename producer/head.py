"""A request's header fields, looked through once."""

from collections.abc import Sequence

from starlette.types import Scope


class Head:
    """Names are bytes in lower case, as ASGI has them; values are Latin-1, as HTTP has them."""

    def __init__(self, scope: Scope) -> None:
        self._all: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self._first = dict(reversed(self._all))

    def first(self, name: bytes) -> str | None:
        """The value of the first field of the name."""
        value = self._first.get(name)
        return None if value is None else value.decode("latin-1")

    def every(self, name: bytes) -> list[str]:
        """The values of all fields of the name, in order."""
        if name not in self._first:
            return []
        return [value.decode("latin-1") for found, value in self._all if found == name]
