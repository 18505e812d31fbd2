"""`keys list`: every key with its state, as a table or as JSON. No hash is shown."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api_keys.document import ApiKey

COLOURS = {"valid": "green", "expired": "yellow", "revoked": "red"}


# One line a key, for what reads the output from a pipe.
PIPE_COLUMNS = 200


def show(keys: Iterable[ApiKey], now: datetime) -> None:
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)
    console.print(table(keys, now))


def table(keys: Iterable[ApiKey], now: datetime) -> Table:
    shown = Table("id", "name", "state", "created (UTC)", "per second", box=None, pad_edge=False)
    for key in keys:
        state = f"[{COLOURS[key.state(now)]}]{_in_words(key, now)}[/]"
        rate = f"{key.rate_per_second:,}" if key.rate_per_second else "default"
        shown.add_row(key.id, escape(key.name), state, f"{key.created_at.astimezone(UTC):%Y-%m-%d %H:%M}", rate)
    return shown


def members(key: ApiKey, now: datetime) -> dict[str, Any]:
    """A key's JSON object: as the secret has it, with its state and without its hash."""
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(now),
        "createdAt": key.created_at.isoformat(),
        "expiresAt": key.expires_at and key.expires_at.isoformat(),
        "revokedAt": key.revoked_at and key.revoked_at.isoformat(),
        "replacedBy": key.replaced_by,
        "ratePerSecond": key.rate_per_second,
    }


def _in_words(key: ApiKey, now: datetime) -> str:
    ends = f", expires in {_length(key.expires_at - now)}" if key.state(now) == "valid" and key.expires_at else ""
    return key.state(now) + ends + (f", replaced by {key.replaced_by}" if key.replaced_by else "")


def _length(left: timedelta) -> str:
    """Rounded up, so that nothing that is left is nothing."""
    for unit, seconds in (("days", 86400), ("hours", 3600)):
        if left.total_seconds() > 2 * seconds:
            return f"{-(-left.total_seconds() // seconds):.0f} {unit}"
    return f"{-(-left.total_seconds() // 60):.0f} min"
