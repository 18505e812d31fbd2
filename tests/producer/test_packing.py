"""Transactions share Kinesis records: by their senders' shard, up to a size, and each is found again."""

import hashlib
import json
import uuid

from hypothesis import given
from hypothesis import strategies as st

from producer.packing import HASH_BITS, Layout, Packer
from producer.validate import validate
from producer.wire import Transaction
from tests.producer.builders import encoded

NOW = "2026-11-26T10:00:00.000000Z"
senders = st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40), max_size=60)


def transactions(senders: list[str]) -> list[Transaction]:
    read = [validate(encoded(trxId=str(uuid.UUID(int=place)), senderId=one)) for place, one in enumerate(senders)]
    assert all(isinstance(one, Transaction) for one in read)
    return [one for one in read if isinstance(one, Transaction)]


def kinesis_shard(partition_key: str, shards: int) -> int:
    """As Kinesis does it: MD5, as a number, in one of the even ranges."""
    place = int(hashlib.md5(partition_key.encode()).hexdigest(), 16)  # noqa: S324
    return next(n for n in range(shards) if place < (n + 1 << HASH_BITS) // shards)


@given(senders.filter(bool), st.integers(1, 5000), st.integers(1, 9))
def test_every_transaction_is_in_one_record_at_its_place_on_its_senders_shard(
    senders: list[str], most_bytes: int, shards: int
) -> None:
    sent = transactions(senders)
    parts = Packer(most_bytes, Layout.even(shards)).pack(sent, NOW)
    found = {}
    for part in parts:
        lines = part.data.splitlines(keepends=True)
        assert len(lines) == len(part.places)
        assert len(part.data) <= most_bytes or len(lines) == 1
        for place, line in zip(part.places, lines, strict=True):
            found[place] = json.loads(line)
        assert {kinesis_shard(senders[place], shards) for place in part.places} == {
            kinesis_shard(part.partition_key, shards)
        }
    assert sorted(found) == list(range(len(senders)))
    assert [found[place]["trxId"] for place in sorted(found)] == [one.trx_id for one in sent]
    assert all(one["receivedAt"] == NOW for one in found.values())


def test_records_are_filled_before_another_begins() -> None:
    parts = Packer(2_000, Layout.even(1)).pack(transactions(["sender"] * 50), NOW)
    line = len(parts[0].data) // len(parts[0].places)
    assert all(len(part.data) + line > 2_000 for part in parts[:-1])


def test_the_shards_ranges_may_be_uneven() -> None:
    layout = Layout([0, 1 << 126, 1 << 127])
    places = [int(hashlib.md5(b"%d" % n).hexdigest(), 16) for n in range(100)]  # noqa: S324
    assert [layout.bucket(str(n)) for n in range(100)] == [(p >= 1 << 126) + (p >= 1 << 127) for p in places]
