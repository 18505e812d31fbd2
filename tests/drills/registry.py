"""The drills by name, in the order in which they are performed."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.drills.scene import Scene


class SkippedError(Exception):
    """The drill cannot be held on this machine; the message says why."""


Strike = Callable[[Scene], None]
RATE = 300.0


@dataclass(frozen=True)
class Drill:
    """``strike`` breaks something and mends it, under a load of ``rate`` payments a second.

    ``mails``: it is over when the mail goes on, not only the stream.
    """

    name: str
    kind: str
    strike: Strike
    rate: float
    mails: bool


DRILLS: dict[str, Drill] = {}


def fault(name: str, *, kind: str, rate: float = RATE, mails: bool = False) -> Callable[[Strike], Strike]:
    """Makes a drill of the function that it decorates."""

    def register(strike: Strike) -> Strike:
        assert name not in DRILLS
        DRILLS[name] = Drill(name, kind, strike, rate, mails)
        return strike

    return register
