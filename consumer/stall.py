"""A consumer that is alive and makes no progress while there is lag: it is ill, and a new one may do better."""

from collections.abc import Sequence

from consumer.errors import CrashError
from consumer.shard_state import ShardState


def stalled(state: ShardState, now: float, longest_seconds: float) -> str | None:
    """Why the shard stands still; None while it does not.

    A wait for the database is none: a new process would only wait anew. Nor is a shard at whose end nothing comes.
    """
    if state.waits_since is not None:
        return None
    seconds = now - max(state.progress_at, state.begun_at or 0)
    if seconds <= longest_seconds or (state.begun_at is None and state.lag_ms == 0):
        return None
    what = "a batch is under way" if state.begun_at is not None else f"it was {state.lag_ms:,} ms behind"
    return f"{state.shard} has made no progress for {seconds:.0f} s, and {what}"


def require_progress(states: Sequence[ShardState], now: float, longest_seconds: float) -> None:
    """Raises CrashError where a shard stands still."""
    faults = [why for state in states if (why := stalled(state, now, longest_seconds))]
    if faults:
        raise CrashError("; ".join(faults))
