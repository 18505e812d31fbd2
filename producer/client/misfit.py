"""Tells from its first line a file that holds no JSON lines, so that one hint stands for thousands of rejections."""

import re

from producer.lines import Line

NEEDED = "one JSON object a line is needed"
_ENVELOPE = re.compile(rb'\{\s*"records"\s*:')
_SEPARATOR = re.compile(rb"[,;\t]")


def misfit(first: Line) -> str | None:
    """What the file looks like instead, and what helps; None if it may well hold JSON lines."""
    content = first.content
    if content.startswith(b"["):
        return f"this looks like a JSON array; {NEEDED}, e.g. jq -c '.[]'"
    if _ENVELOPE.match(content):
        return f"this looks like a whole request, {{\"records\": [...]}}; {NEEDED}, e.g. jq -c '.records[]'"
    if content == b"{":
        return f"this looks like JSON over several lines; {NEEDED}, e.g. jq -c . (or jq -c '.records[]')"
    if b"{" not in content and _SEPARATOR.search(content):
        return f"this looks like CSV; {NEEDED}"
    return None
