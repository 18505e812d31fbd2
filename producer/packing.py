"""Which transactions travel together: those of one request whose senders' hashes fall into the same shard.

Kinesis takes 1,000 records a second and shard and bills each rounded up to 1 KB, Firehose to 5 KB; a transaction has a
third of a kilobyte. So lines share records. A record goes where Kinesis' hash of its first line's sender leads; as long
as the shards are those that are known here, that is where each of its senders belongs.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from producer import wire
from producer.digest import md5
from producer.wire import Transaction

HASH_BITS = 128


class Lines(NamedTuple):
    """Whole lines of one bucket and one request; ``places`` are their transactions' places in it, in their order."""

    partition_key: str
    data: bytes
    bucket: int
    places: Sequence[int]


class Layout:
    """The open shards' ranges of hashes, by where each but the first begins; a bucket is the number of a range."""

    def __init__(self, starts: Sequence[int]) -> None:
        self.starts = tuple(sorted(start for start in starts if start))
        self._bounds = [start.to_bytes(HASH_BITS // 8) for start in self.starts]

    @classmethod
    def even(cls, shards: int) -> "Layout":
        return cls([(number << HASH_BITS) // shards for number in range(shards)])

    def bucket(self, sender: str) -> int:
        """Kinesis' own hash is MD5."""
        return bisect_right(self._bounds, md5(sender.encode()).digest())


class Packer:
    """``most_bytes``: of lines that share a record; a longer one is alone. ``layout`` may be replaced at any time."""

    def __init__(self, most_bytes: int, layout: Layout) -> None:
        self.most_bytes = most_bytes
        self.layout = layout

    def pack(self, transactions: Sequence[Transaction], received_at: str) -> list[Lines]:
        if len(transactions) == 1:
            only = transactions[0]
            data = wire.lines(transactions, received_at)
            return [Lines(only.sender_id, data, self.layout.bucket(only.sender_id), (0,))]
        return [part for bucket in self._sorted(transactions) for part in self._cut(transactions, *bucket, received_at)]

    def _sorted(self, transactions: Sequence[Transaction]) -> Iterator[tuple[int, list[int]]]:
        found: dict[int, list[int]] = {}
        bucket = self.layout.bucket
        for place, transaction in enumerate(transactions):
            found.setdefault(bucket(transaction.sender_id), []).append(place)
        yield from found.items()

    def _cut(
        self, transactions: Sequence[Transaction], bucket: int, places: list[int], received_at: str
    ) -> Iterator[Lines]:
        data = wire.lines([transactions[place] for place in places], received_at)
        begin = done = 0
        while begin < len(data):
            end = self._end(data, begin)
            count = data.count(b"\n", begin, end)
            sender = transactions[places[done]].sender_id
            yield Lines(sender, data[begin:end], bucket, places[done : done + count])
            begin, done = end, done + count

    def _end(self, data: bytes, begin: int) -> int:
        """As many lines as fit, and one at least."""
        if len(data) - begin <= self.most_bytes:
            return len(data)
        end = data.rfind(b"\n", begin, begin + self.most_bytes) + 1
        return end or data.index(b"\n", begin) + 1


# Until the shards are known: a sender's transactions share a shard in any case, and records are the smaller.
FIRST_LAYOUT = Layout.even(16)
