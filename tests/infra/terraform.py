"""The configuration as text, for what can be told without a plan."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
CONFIGURATION = {path.stem: path.read_text() for path in sorted((CHECKOUT / "infra").glob("*.tf"))}
RESOURCES = frozenset(re.findall(r'^resource "(\w+)" "(\w+)"', "\n".join(CONFIGURATION.values()), re.MULTILINE))
TYPES = frozenset(kind for kind, _ in RESOURCES)
ALARMS = frozenset(re.findall(r"^ +([\w-]+) = \{\n +metric ", "\n".join(CONFIGURATION.values()), re.MULTILINE))


def number(file: str, after: str) -> float:
    """The number that stands behind the words `after`, which are there once."""
    found = re.findall(re.escape(after) + r'\s*=?\s*"?([\d.]+)', CONFIGURATION[file])
    assert len(found) == 1, f"{file}.tf: {after!r} is there {len(found)} times"
    return float(found[0])
