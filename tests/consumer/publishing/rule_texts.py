"""Files of rules, as short as they can be."""

from datetime import UTC, datetime, timedelta

from consumer.rules.editions import EMPTY, Editions

NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rules(limit: int = 5, version: int = 1, *, window: str | None = None, when: str | None = None) -> str:
    """One rule; with a ``window`` its condition asks for that."""
    windows = f"windows: {{w: {window}}}\n" if window else ""
    condition = when or (f"w > {limit}" if window else f"amount > {limit}")
    return (
        f"{windows}rules: [{{id: limit, version: {version}, title: T, severity: low, when: {condition}, "
        f"explain: over {limit}, tests: [{{given: [{{amount: 0}}], expect: no match}}]}}]\n"
    )


def published(*limits: int) -> Editions:
    """One edition an hour, the first at NOW and a minute."""
    found = EMPTY
    for number, limit in enumerate(limits):
        moment = NOW + number * HOUR
        found = found.with_edition(rules(limit, number + 1), moment + timedelta(minutes=1), "ann", moment)
    return found
