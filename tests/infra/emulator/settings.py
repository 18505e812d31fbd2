"""What the emulator is started with: a file of JSON, named on its command line."""

import json
from dataclasses import dataclass
from pathlib import Path

REGION = "eu-central-1"
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Settings:
    """Ports are of 127.0.0.1; ``database_address`` is another loopback address, where PostgreSQL has 5432 for itself.

    ``folder`` holds what the emulator writes (calls.log, images, certificates) and ``environment.json``, which is read
    at each start of a container: its name, or * for all → variables that win over the task definition's.
    """

    folder: Path
    port: int
    registry_port: int
    producer_port: int
    database_address: str
    has_engine: bool

    @classmethod
    def read(cls, file: Path) -> "Settings":
        content = json.loads(file.read_text())
        return cls(**{**content, "folder": Path(content["folder"])})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def registry(self) -> str:
        return f"127.0.0.1:{self.registry_port}"

    @property
    def calls(self) -> Path:
        return self.folder / "calls.log"

    def overrides(self, container: str) -> dict[str, str]:
        file = self.folder / "environment.json"
        content = json.loads(file.read_text()) if file.exists() else {}
        return {**content.get("*", {}), **content.get(container, {})}
