"""What a backtest makes of Athena's answers. No engine is behind them: see test_athena for that."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumer.archive import ArchiveFile
from consumer.backtest.athena import MOST_BYTES, MOST_ODD, Place
from consumer.backtest.backtest import Settings, tried
from consumer.backtest.run import Advance, Counted, Scope
from consumer.errors import CrashError, RetryError
from consumer.rules.entries import Entry
from tests.consumer.backtest.test_backtest import STATELESS
from tests.engines.athena import FakeAthena

PLACE = Place("payment-analytics", ["s3://archive/transactions/dt=2026-11-24/hr=10/", "s3://archive/more/"])
ODD = "line\n"
COUNT = "_col0\n7\n"
SIZED = ArchiveFile(Path(__file__))
NUMBER = (
    '{"v":1, "trxId":"00000000-0000-0000-0000-000000000001","amount":2.50,"senderId":"O\'Hara","receiverId":"r",'
    '"senderIban":"A","receiverIban":"B","senderBankId":"C","receiverBankId":"D",'
    '"transactionDate":"2026-11-24T10:00:00Z","receivedAt":"2026-11-24T10:00:01Z"}'
)


Answering = Callable[..., FakeAthena]


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Athena that has these results, one a query; what is asked beyond them fails."""

    def has(*results: str) -> FakeAthena:
        left = list(results)

        def answer(_: str) -> Path:
            if not left:
                raise ValueError("Decimal overflow")
            file = tmp_path / f"{len(left)}.csv"
            file.write_text(left.pop(0))
            return file

        athena = FakeAthena(answer)
        athena.scanned = SIZED.size * 2 // 3
        monkeypatch.setattr("boto3.client", lambda *_, **__: athena)
        return athena

    return has


def run(place: Place = PLACE, advance: Advance = lambda _: None, entries: tuple[Entry, ...] = ()) -> Counted:
    settings = Settings(Scope(), entries, engine=place)
    with tried([STATELESS.rules[0].condition], [], [SIZED], settings, advance) as found:
        return found.counted


def test_it_asks_for_odd_lines_then_counts_then_finds(answering: Answering) -> None:
    athena = answering(ODD, COUNT, "c0\n")
    heard: list[int] = []
    assert run(advance=heard.append) == Counted(7, 0)
    assert len(athena.asked) == 3
    for asked in athena.asked:
        assert asked["WorkGroup"] == "payment-analytics"
        assert asked["QueryExecutionContext"] == {"Database": "payment_analytics"}
        query = asked["QueryString"]
        assert (
            "(dt = '2026-11-24' AND starts_with(\"$path\", 's3://archive/transactions/dt=2026-11-24/hr=10/'))" in query
        )
        assert "OR starts_with(\"$path\", 's3://archive/more/')" in query
    assert sum(heard) == SIZED.size


def test_a_line_that_is_written_in_another_way_travels_with_the_query(answering: Answering) -> None:
    athena = answering(f'line\n"{NUMBER.replace(chr(34), chr(34) * 2)}"\n"poison"\n', COUNT, "c0\n")
    assert run().undecodable == 1
    for query in athena.queries[1:]:
        assert '"amount":"2.50","senderId":"O\'\'Hara"' in query


def test_a_line_may_be_as_long_as_a_record(answering: Answering) -> None:
    answering(f"{ODD}{'x' * 1_000_000}\n", COUNT, "c0\n")
    assert run().undecodable == 1


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ("\N{REPLACEMENT CHARACTER}\n", "not UTF-8"),
        ("poison\n" * (MOST_ODD + 1), f"more than {MOST_ODD} lines"),
    ],
)
def test_what_athena_cannot_tell_is_left_to_other_engines(odd: str, words: str, answering: Answering) -> None:
    answering(ODD + odd)
    with pytest.raises(CrashError, match=f"{words}.*use DuckDB or Spark"):
        run()


def test_a_query_is_not_longer_than_athena_takes(answering: Answering) -> None:
    answering(ODD, COUNT)
    now = datetime(2026, 11, 24, tzinfo=UTC)
    with pytest.raises(CrashError, match=f"more than {MOST_BYTES:,} bytes"):
        run(entries=tuple(Entry("blocked", f"{number:0100}", now) for number in range(3000)))


def test_a_failed_query_is_told(answering: Answering) -> None:
    answering(ODD, COUNT)
    with pytest.raises(CrashError, match="Athena cannot go on: Decimal overflow"):
        run()


def test_a_refused_query_is_told(answering: Answering) -> None:
    answering().raised = FakeAthena.exceptions.InvalidRequestException()
    with pytest.raises(CrashError, match="Athena refuses: WorkGroup is not found"):
        run()


def test_an_athena_that_does_not_answer_is_told(answering: Answering) -> None:
    from botocore.exceptions import EndpointConnectionError

    answering().raised = EndpointConnectionError(endpoint_url="https://athena")
    with pytest.raises(RetryError, match=r"Athena cannot be asked: .*https://athena"):
        run()


def test_an_interrupt_stops_the_query(answering: Answering) -> None:
    athena = answering(ODD)
    athena.raised = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert athena.stopped == ["0"]


def test_only_what_is_in_s3_is_asked_about(answering: Answering) -> None:
    answering()
    with pytest.raises(CrashError, match="in S3 alone: local/folder"):
        run(Place("payment-analytics", ["s3://archive/", "local/folder"]))
