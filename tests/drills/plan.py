"""Which drills are held, with which seeds: the short form, which CI holds, and the long one."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.drills import aws, clock, consumers, database, disk, kills, network, poison, reshards, slots, windows
from tests.drills.registry import DRILLS, Drill

FAULTS = (aws, clock, consumers, database, disk, kills, network, poison, reshards, slots, windows)
"""The modules that register drills."""

SHORT = (
    "kills at named steps",
    "two shards on one receiver",
    "kills at random moments",
    "everything at once",
    "PostgreSQL stopped",
    "PostgreSQL out of connections",
    "PostgreSQL read-only",
    "disk full",
    "network cut",
    "network a black hole",
    "resets in mid-answer",
    "answers to COMMIT lost",
    "Kinesis refuses a part",
    "Kinesis times out after the write",
    "SES times out after sending",
    "Secrets Manager down",
    "a zombie consumer",
    "a twin with the same worker id",
    "a reshard 2, 4, 3 under load",
    "poison, one in ten",
)
MANY_ROUNDS = {
    "kills at named steps": 20,
    "kills at a shard's end": 20,
    "orderly stops": 20,
    "two shards on one receiver": 5,
    "splits and merges": 3,
}
A_STACKS_ROUNDS = 15
"""Then a new stack is begun: the emulator keeps all records in memory, and every shard there was."""


class Round(NamedTuple):
    drill: Drill
    seed: int


def short(seed: int) -> list[Round]:
    """20 rounds, each with a seed of its own."""
    return [Round(DRILLS[name], seed + number) for number, name in enumerate(SHORT)]


def every(names: Sequence[str], seed: int, rounds: int | None) -> list[Round]:
    """Each of the named drills so many times, or as often as the long form does."""
    return [
        Round(DRILLS[name], seed + number) for name in names for number in range(rounds or MANY_ROUNDS.get(name, 1))
    ]


def by_stack(rounds: Sequence[Round]) -> Iterator[Sequence[Round]]:
    for begin in range(0, len(rounds), A_STACKS_ROUNDS):
        yield rounds[begin : begin + A_STACKS_ROUNDS]
