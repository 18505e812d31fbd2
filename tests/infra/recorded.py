"""Which AWS actions each process called in a recorded run of the whole pipeline (tests/e2e/test_recorded_calls.py)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

FILE = Path(__file__).with_name("recorded_calls.json")

Calls = Mapping[str, Sequence[str]]

# Caller → actions that its code calls on some days and not on others, with the reason why no test can wait for them.
OCCASIONAL = {
    "consumer": {
        "dynamodb:DeleteItem": "KCL drops a finished shard's lease after minutes, a gone worker's figures after a day, "
        "and its leader's lock at a stop that it finds time for",
    },
}


def recorded_calls() -> dict[str, list[str]]:
    """Caller → IAM actions, without the occasional ones."""
    found: dict[str, list[str]] = json.loads(FILE.read_text())
    return found


def steady(calls: Calls) -> dict[str, list[str]]:
    """``calls`` without the occasional ones: the same in every run."""
    return {caller: sorted({*actions} - {*OCCASIONAL.get(caller, {})}) for caller, actions in calls.items()}


def write(calls: Calls) -> None:
    FILE.write_text(json.dumps(calls, indent=2, sort_keys=True) + "\n")
