"""The metrics that the producer exposes, and those that it tells CloudWatch: these lists and no others."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)

# In CloudWatch: the transactions of a minute, by how they were answered; each with its status in `transactions` below.
CLOUDWATCH = {
    "Accepted": "accepted",  # durable in the stream
    "Rejected": "rejected",  # invalid: the client is told what is wrong
    "Unavailable": "unavailable",  # not known to be durable: the client sends them again
}


class Labelled(dict[str, Counter]):
    """A counter's children by the value of its one label; to look one up here is quicker than `labels`."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def __missing__(self, value: str) -> Counter:
        return self.setdefault(value, self._counter.labels(value))


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # Answers to POST /collector/transactions, by HTTP status.
        self.requests = Labelled(Counter("collector_requests", "Requests answered", ["status"], registry=registry))
        # From the request's first byte in the application to the end of its answer.
        self.request_seconds = Histogram(
            "collector_request_seconds", "Time to answer a request", buckets=SECONDS, registry=registry
        )
        # Receipts: accepted, rejected or unavailable.
        self.transactions = Labelled(
            Counter("collector_transactions", "Transactions answered", ["status"], registry=registry)
        )
        for status in CLOUDWATCH.values():
            self.transactions[status].inc(0)
        # PutRecords calls: done (also with refused entries), failed (retried) or broken (no retry helps).
        self.put_calls = Counter("collector_put_calls", "PutRecords calls", ["outcome"], registry=registry)
        # How long PutRecords calls take.
        self.put_seconds = Histogram(
            "collector_put_seconds", "Time of a PutRecords call", buckets=SECONDS, registry=registry
        )
        # Entries that Kinesis refused in a call that it answered, by its error code.
        self.refused_entries = Counter("collector_refused_entries", "Entries refused", ["code"], registry=registry)
        # What waits to be published: compare with PUBLISH_BUFFER_RECORDS and PUBLISH_BUFFER_BYTES.
        self.buffered_records = Gauge("collector_buffered_records", "Records in the buffer", registry=registry)
        self.buffered_bytes = Gauge("collector_buffered_bytes", "Bytes in the buffer", registry=registry)
        # Requests that were refused because too much was under way, by what was full: buffer, or bodies being read.
        self.shed_requests = Counter("collector_shed_requests", "Requests shed", ["full"], registry=registry)
        # Connections that were refused or ended, by reason: too_many, slow_head, large_head, malformed.
        self.refused_connections = Counter(
            "collector_refused_connections", "Connections refused or ended", ["reason"], registry=registry
        )
        # Reads of the API keys: loaded or failed (the last good ones stay).
        self.key_refreshes = Counter("collector_key_refreshes", "Reads of the API keys", ["outcome"], registry=registry)

    def transactions_answered(self, status: str) -> int:
        """Since the process began."""
        return int(self.registry.get_sample_value("collector_transactions_total", {"status": status}) or 0)
