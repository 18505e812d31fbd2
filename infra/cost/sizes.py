"""What a deployment consists of, as far as it is billed: the sizes as `infra/sizes.tf` has them, and its variables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

SIZES_FILE = Path(__file__).parents[1] / "sizes.tf"
SIZES = ("development", "production")
_TOKEN = re.compile(r'#.*|"[^"]*"|[{}=]|[\w.]+')
_WORDS = {"true": True, "false": False}


class Tasks(NamedTuple):
    """A Fargate service: CPU units, MiB, and between how many tasks it scales."""

    cpu: int
    memory: int
    min: int
    max: int


class Database(NamedTuple):
    """`class`, `multi_az` and `max_storage_gb` of the Terraform variable `database`."""

    instance_class: str
    multi_az: bool
    max_storage_gb: int


@dataclass(frozen=True)
class Deployment:
    """A size, and the Terraform variables that change the bill, under their own names and with their defaults."""

    producer: Tasks
    consumer: Tasks
    console: Tasks
    database: Database
    nat_per_zone: bool
    container_insights: bool
    access_logs: bool
    cpu_architecture: str = "ARM64"
    stream_shards: int = 0
    egress: str = "nat"
    extra_endpoints: tuple[str, ...] = ()
    waf: bool = False


def deployment(size: str) -> Deployment:
    found = sizes(SIZES_FILE.read_text())[size]
    return Deployment(
        producer=Tasks(**found["producer"]),
        consumer=Tasks(**found["consumer"]),
        console=Tasks(**found["console"]),
        database=Database(*(found["database"][name] for name in ("class", "multi_az", "max_storage_gb"))),
        **{name: found[name] for name in ("nat_per_zone", "container_insights", "access_logs")},
    )


def sizes(terraform: str) -> dict[str, Any]:
    """The local value `sizes`, which is made of literals alone."""
    _, _, literal = terraform.partition("  sizes = {")
    return _members(token for token in _TOKEN.findall(literal) if not token.startswith("#"))


def _members(tokens: Iterator[str]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name in iter(lambda: next(tokens), "}"):
        next(tokens)  # the equals sign
        members[name] = _value(next(tokens), tokens)
    return members


def _value(word: str, tokens: Iterator[str]) -> Any:
    if word == "{":
        return _members(tokens)
    if word in _WORDS:
        return _WORDS[word]
    return word.strip('"') if word.startswith('"') else int(word)
