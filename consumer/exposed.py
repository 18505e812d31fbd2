"""What `/metrics` of the consumer and of the notifier tells Prometheus: these lists and no others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from consumer.publishing.state import RulesState
from consumer.shard_state import ShardState

log = structlog.get_logger(__name__)
Family = TypeVar("Family", GaugeMetricFamily, CounterMetricFamily)


class OfShard(NamedTuple):
    """A metric with the label `shard`, of the shards that are read here. Counters begin anew with a shard's process."""

    name: str
    words: str
    value: Callable[[ShardState], float]


class OfRules(NamedTuple):
    """A metric of the rules that this consumer evaluates."""

    name: str
    words: str
    value: Callable[[RulesState], float]


GAUGES = [
    # How far the last batch was behind the end of its shard when it was delivered.
    OfShard("consumer_lag_milliseconds", "Age of the last batch's end behind its shard's", lambda s: s.lag_ms),
    # When a batch was last stored, or the shard taken up, in seconds since 1970.
    OfShard("consumer_progress_timestamp_seconds", "Last progress", lambda s: s.progress_at),
    # 1 while a batch is being evaluated and stored, else 0.
    OfShard("consumer_in_flight_batches", "Batches under way", lambda s: float(s.begun_at is not None)),
    # 1 while the database does not answer and is waited for, else 0.
    OfShard("consumer_waiting_for_database", "Waits for the database", lambda s: float(s.waits_since is not None)),
]
OF_RULES = [
    # The last edition that was taken up, of whatever time; 0 for the rules that ship.
    OfRules("consumer_rules_edition", "Last edition of the rules", lambda s: s.edition),
    # 1 while what is published cannot be taken up and the former rules stay, else 0.
    OfRules("consumer_rules_fault", "The published rules are broken", lambda s: float(s.fault is not None)),
    # When they were last read, in seconds since 1970.
    OfRules("consumer_rules_read_timestamp_seconds", "Last reading of the rules", lambda s: s.read_at),
]
COUNTERS = [
    # Lines of the stream that were evaluated.
    OfShard("consumer_transactions", "Transactions evaluated", lambda s: s.transactions),
    # Anomalies that were stored and were not there before.
    OfShard("consumer_anomalies", "New anomalies", lambda s: s.anomalies),
    # Lines that could not be evaluated.
    OfShard("consumer_dead_letters", "Dead letters", lambda s: s.dead_letters),
    # Transactions that are dated too far from their receipt for any window but their own.
    OfShard("consumer_late_transactions", "Late transactions", lambda s: s.late),
]
# From a batch's delivery until it is stored: count and sum.
BATCH_SECONDS = "consumer_batch_seconds"


class ShardMetrics(Collector):
    """The consumer's, read from what its children wrote down at the moment of each scrape."""

    def __init__(
        self,
        states: Callable[[], Sequence[ShardState]],
        rules: Callable[[], RulesState | None] = lambda: None,
    ) -> None:
        self._states = states
        self._rules = rules

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily | SummaryMetricFamily]:
        states, rules = self._states(), self._rules()
        for told in OF_RULES if rules else ():
            assert rules
            yield GaugeMetricFamily(told.name, told.words, value=told.value(rules))
        for metric in GAUGES:
            yield self._filled(GaugeMetricFamily(metric.name, metric.words, labels=["shard"]), metric, states)
        for metric in COUNTERS:
            yield self._filled(CounterMetricFamily(metric.name, metric.words, labels=["shard"]), metric, states)
        seconds = SummaryMetricFamily(BATCH_SECONDS, "Time of a batch", labels=["shard"])
        for state in states:
            seconds.add_metric([state.shard], state.batches, state.batch_seconds)
        yield seconds

    @staticmethod
    def _filled(family: Family, metric: OfShard, states: Sequence[ShardState]) -> Family:
        for state in states:
            family.add_metric([state.shard], metric.value(state))
        return family


class MailMetrics:
    """The notifier's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Age of the oldest alert or e-mail that waits to be sent; 0 when none does.
        self.outbox_age = Gauge("notifier_outbox_age_seconds", "Age of the oldest alert that waits", registry=registry)
        # Lines of the stream that could not be evaluated, and that nobody has seen to yet.
        self.open_dead_letters = Gauge("notifier_open_dead_letters", "Open dead letters", registry=registry)
        # E-mails that SES refused for good and whose alerts nobody was told of.
        self.failed_emails = Gauge("notifier_failed_emails", "Failed e-mails", registry=registry)
        # Attempts to send an e-mail, by outcome: sent, postponed (tried again) or refused (for good).
        self.mails = Counter("notifier_mails", "Attempts to send an e-mail", ["outcome"], registry=registry)
        for outcome in ("sent", "postponed", "refused"):
            self.mails.labels(outcome)

    def count(self, outcome: str) -> None:
        self.mails.labels(outcome).inc()

    def show(self, values: Mapping[str, float], _: float = 0) -> None:
        """``values``: as `consumer.metrics.Gauges` reads them."""
        self.outbox_age.set(values["OldestPendingAlertSeconds"])
        self.open_dead_letters.set(values["OpenDeadLetters"])
        self.failed_emails.set(values["FailedEmails"])


def serve(metrics: Collector | CollectorRegistry, host: str, port: int) -> None:
    """`/metrics` in threads of its own. A port that is taken is told, and is no reason not to work."""
    registry = metrics if isinstance(metrics, CollectorRegistry) else CollectorRegistry()
    if not isinstance(metrics, CollectorRegistry):
        registry.register(metrics)
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        log.warning("metrics are not served", host=host, port=port, reason=error.strerror)
    else:
        log.info("metrics are served", host=host, port=server.server_port)
