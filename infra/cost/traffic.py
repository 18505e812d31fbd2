"""How many bytes a transaction is on each of its ways, and how many go through in a month."""

import math
from dataclasses import dataclass

HOURS = 730
SECONDS = HOURS * 3600
KB = 1024
GB = KB**3

# Measured with the sample; tests/infra/test_cost.py measures again.
LINE = 406
PUT = 614
RECEIPT = 69
# Reckoned: PutRecords' answer to a record; a record in GetRecords' answer beyond its line; heads of a request to the
# API, of its answer, and of a poll that finds nothing, with its answer; a line of the API's access log.
PUT_ANSWER = 111
READ_FRAME = 190
REQUEST_HEAD, ANSWER_HEAD, POLL = 400, 300, 1000
ACCESS_LOG_LINE = 230
GZIP = 0.15
# What the producer packs by: the shards of a stream on demand, which has four at first, of 1 MB/s each, and keeps twice
# of what it takes at most; and PUBLISH_RECORD_BYTES.
SHARDS = 4
SHARD_BYTES = KB**2
RECORD_BYTES = 10 * KB


@dataclass(frozen=True)
class Traffic:
    """`rate` transactions a second, day and night, and how many come in one request."""

    rate: float
    per_request: int = 1

    @property
    def shards(self) -> int:
        return max(SHARDS, math.ceil(2 * self.rate * LINE / SHARD_BYTES))

    @property
    def per_record(self) -> int:
        """What a request has for one shard shares records; that requests which arrive together do too is left out."""
        return max(1, min(self.per_request // self.shards, RECORD_BYTES // LINE))

    @property
    def transactions(self) -> float:
        """A month, as all that follows."""
        return self.rate * SECONDS

    @property
    def requests(self) -> float:
        return self.transactions / self.per_request

    @property
    def records(self) -> float:
        return self.transactions / self.per_record

    @property
    def line_gb(self) -> float:
        return self.transactions * LINE / GB

    def billed_gb(self, step_kb: int) -> float:
        """Each record rounded up to a multiple of `step_kb`."""
        steps = -(-self.per_record * LINE // (step_kb * KB))
        return self.records * steps * step_kb * KB / GB
