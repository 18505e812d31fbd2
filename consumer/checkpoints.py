"""KCL's checkpoints: a sequence number, or a word like TRIM_HORIZON or SHARD_END."""

SHARD_END = "SHARD_END"


def sequence_number(checkpoint: str | None) -> int | None:
    """None for a word."""
    return int(checkpoint) if checkpoint and checkpoint.isdecimal() else None


def is_ahead(checkpoint: str | None, done: int | None) -> bool:
    """KCL would go on behind ``done``, the last sequence number that is stored: the records between are missing."""
    number = sequence_number(checkpoint)
    return number is not None and (done is None or number > done)
