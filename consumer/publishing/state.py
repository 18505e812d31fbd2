"""What a consumer says of its rules: one small file beside its shards', which metrics and health check read."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

STATE = "rules.state"


@dataclass(frozen=True)
class RulesState:
    """What this consumer evaluates: ``edition`` is the last one's number, of whatever time. ``fault``: why what is
    published now cannot be taken up, None where it was. ``read_at``: when it last could be, in seconds since 1970.
    """

    tag: str
    edition: int
    read_at: float
    fault: str | None = None


def write_state(folder: Path, state: RulesState) -> None:
    fresh = folder / f"{STATE}.new"
    fresh.write_text(json.dumps(asdict(state)))
    fresh.replace(folder / STATE)


def read_state(folder: Path) -> RulesState | None:
    try:
        return RulesState(**json.loads((folder / STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
