"""KCL's checkpoints: a sequence number, or a word like TRIM_HORIZON or SHARD_END."""

from consumer.errors import CrashError

SHARD_END = "SHARD_END"
TRIM_HORIZON = "TRIM_HORIZON"

REPLAY = (
    "`python -m consumer progress show`; `python -m consumer replay --from TIME s3://BUCKET/PREFIX` with the "
    "archive of the time between them (safe to repeat); then `python -m consumer progress accept {accept}`"
)
AHEAD = (
    "the KCL checkpoint of {shard} ({checkpoint}) is ahead of what is stored ({done}): the database was restored from "
    "an older state, or the lease table is another stream's. The records between them would be skipped. "
    "Repair: " + REPLAY.format(accept="--shard {shard}")
)


def sequence_number(checkpoint: str | None) -> int | None:
    """None for a word."""
    return int(checkpoint) if checkpoint and checkpoint.isdecimal() else None


def is_ahead(checkpoint: str | None, done: int | None) -> bool:
    """KCL would go on behind ``done``, the last sequence number that is stored: the records between are missing."""
    number = sequence_number(checkpoint)
    return number is not None and (done is None or number > done)


def ahead(shard_id: str, checkpoint: str | None, done: int | None) -> CrashError:
    return CrashError(AHEAD.format(shard=shard_id, checkpoint=checkpoint, done=done or "nothing"))
