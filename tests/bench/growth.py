"""What more shards cost the producer, and more rows the consumer's child: nothing, if all is well."""

import contextlib
from collections.abc import Callable, Sequence

import psycopg2

from tests.bench.child import DATABASE, TRANSACTIONS_A_CALL, WARM_UP_CALLS, database, delivered, empty, settings
from tests.bench.closed_loop import Load
from tests.bench.daemon import deliveries
from tests.bench.figures import Figure
from tests.bench.requests import wire_lines
from tests.bench.stage import Candidate, candidates, drive, served_sink
from tests.integration.conftest import execute, url_of

SHARDS = (1, 2, 4, 8)
ROWS = (10**4, 10**5, 10**6, 10**7)
LEAST = 0.9
CALLS = 20
A_LOT = 500_000
FILL = """
INSERT INTO anomalies (transaction_id, rule_id, rule_version, reason, amount, sender_id, receiver_id, sender_iban,
    receiver_iban, sender_bank_id, receiver_bank_id, transaction_date, received_at, detected_at, stream_incarnation,
    shard_id, sequence_number, line)
SELECT gen_random_uuid(), 'large-amount', 1, 'amount 1500.25 is greater than 1000', 1500.25, 'sender-' || n %% 100000,
    'receiver-' || n %% 99991, 'GRxxxxxxxxxxxxxxxxxxxxx9736', 'GRxxxxxxxxxxxxxxxxxxxxx4673', 'PIRBGRAA', 'ETHNGRAA',
    moment, moment, moment, 'stream@then', 'shardId-000000000000', 49590338271490256608559692538361571::numeric + n, 1
FROM (SELECT n, timestamptz '2026-01-01' + n * interval '1 second' AS moment
      FROM generate_series(%s::bigint, %s::bigint) AS n) AS numbered
"""


def shards(rounds: int, seconds: float, show: Callable[[Figure], None]) -> None:
    """Transactions a CPU-second of the producer, its senders spread over all shards."""
    found: dict[int, list[float]] = {count: [] for count in SHARDS}
    for _ in range(rounds):
        for count in SHARDS:
            with served_sink(shards=count) as sink, candidates(sink, "ours") as served:
                drive(Load(served["ours"].port, 8, 500, 1.0))
                found[count].append(_a_cpu_second(served["ours"], seconds))
    for count in SHARDS[1:]:
        rates = found[count]
        show(Figure(f"producer, {count} shards", "transactions/CPU-second", rates, "1 shard", found[1], target=LEAST))


def _a_cpu_second(candidate: Candidate, seconds: float) -> float:
    before = candidate.cpu_seconds
    outcome = drive(Load(candidate.port, 8, 500, seconds))
    return outcome.requests * 500 / (candidate.cpu_seconds - before)


def rows(rounds: int, show: Callable[[Figure], None], sizes: Sequence[int] = ROWS) -> None:
    """The child at 1 % anomalies, whose trxIds it looks up among so many rows."""
    told = list(deliveries(CALLS + WARM_UP_CALLS, TRANSACTIONS_A_CALL // 13, 13, wire_lines(0.01)))
    transactions = CALLS * (TRANSACTIONS_A_CALL // 13) * 13
    found: dict[int, list[float]] = {}
    with database() as server:
        empty(server)
        there = 0
        for size in sizes:
            with contextlib.closing(psycopg2.connect(url_of(server, DATABASE))) as connection:
                while there < size:
                    end = min(there + A_LOT, size)
                    connection.cursor().execute(FILL, (there + 1, end))
                    connection.commit()
                    there = end
            execute(server, "VACUUM ANALYZE anomalies", DATABASE)
            for _ in range(rounds):
                execute(server, "DELETE FROM alerts", DATABASE)
                execute(server, "DELETE FROM anomalies WHERE stream_incarnation <> 'stream@then'", DATABASE)
                execute(server, "TRUNCATE shard_progress, throughput", DATABASE)
                execute(server, "CHECKPOINT", DATABASE)
                lasted = delivered("consumer.main", told, **settings(server).environment())
                found.setdefault(size, []).append(transactions / lasted)
    for size in sizes[1:]:
        title = f"consumer child, {size:,} rows in anomalies"
        show(Figure(title, "transactions/s", found[size], f"{sizes[0]:,} rows", found[sizes[0]], target=LEAST))
