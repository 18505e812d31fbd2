"""What people write into forms and addresses."""

from datetime import datetime


def moment(text: str) -> datetime | None:
    """RFC 3339, with an offset; None where there is nothing. Raises ValueError, whose words tell how it is written."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError("a time is written with its offset, like 2026-11-23T10:00:00Z")
    return found
