"""What ECS hands to whatever runs containers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Container:
    """A container of a task definition, with its command and its whole environment, secrets resolved."""

    name: str
    definition: Mapping[str, Any]
    command: list[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Ending:
    code: int
    lines: list[str]


class Runner(Protocol):
    """Runs containers and the database, for real or in pretence."""

    def run(self, container: Container) -> Ending:
        """To its end."""

    def start(self, service: str, containers: list[Container]) -> None:
        """In the place of those that run as this service."""

    def stop(self, service: str) -> None: ...

    def is_healthy(self, service: str) -> bool: ...

    def start_database(self, host: str, user: str, password: str, database: str) -> None: ...

    def stop_database(self) -> None: ...

    def close(self) -> None:
        """Nothing of it runs afterwards."""
