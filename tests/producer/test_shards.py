"""Transactions share records by the stream's open shards, as far as they are known."""

import asyncio
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from producer.errors import StreamBrokenError, StreamUnavailableError
from producer.packing import FIRST_LAYOUT, Layout, Packer
from producer.shards import MOST_PAGES, KinesisShards, keep_layout_fresh


def shard(start: int, *, closed: bool = False) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": "1"} | ({"EndingSequenceNumber": "2"} if closed else {})
    return {"HashKeyRange": {"StartingHashKey": str(start)}, "SequenceNumberRange": numbers}


class FakeKinesis:
    """Answers ListShards with one page after the other."""

    def __init__(self, *pages: list[dict[str, Any]] | Exception) -> None:
        self._pages = pages
        self.asked: list[dict[str, Any]] = []

    def list_shards(self, **call: Any) -> dict[str, Any]:
        self.asked.append(call)
        number = int(call.get("NextToken", 0))
        page = self._pages[number]
        if isinstance(page, Exception):
            raise page
        more = {"NextToken": str(number + 1)} if number + 1 < len(self._pages) else {}
        return {"Shards": page} | more


def layout(kinesis: FakeKinesis) -> Layout:
    return asyncio.run(KinesisShards(kinesis, "payments").layout())  # type: ignore[arg-type]


def test_open_shards_of_all_pages_count_and_closed_ones_do_not() -> None:
    kinesis = FakeKinesis([shard(0, closed=True), shard(0)], [shard(1 << 127), shard(1 << 126)])
    assert layout(kinesis).starts == (1 << 126, 1 << 127)
    assert kinesis.asked == [{"StreamName": "payments"}, {"NextToken": "1"}]


def test_pages_without_end_are_a_fault() -> None:
    assert fault(FakeKinesis(*[[shard(0)]] * (MOST_PAGES + 1))) is StreamBrokenError


def test_kinesis_errors_are_translated() -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "x")  # type: ignore[typeddict-item]
    assert fault(FakeKinesis(denied)) is StreamBrokenError
    assert fault(FakeKinesis(EndpointConnectionError(endpoint_url="http://x"))) is StreamUnavailableError


def fault(kinesis: FakeKinesis) -> type[Exception] | None:
    try:
        layout(kinesis)
    except (StreamBrokenError, StreamUnavailableError) as error:
        return type(error)
    return None


class FakeShards:
    """What they are from one look to the next; None is that they cannot be seen."""

    def __init__(self, *looks: Layout | None) -> None:
        self._looks = list(looks)

    async def layout(self) -> Layout:
        if (look := self._looks.pop(0)) is None:
            raise StreamUnavailableError("no")
        return look

    @property
    def is_over(self) -> bool:
        return not self._looks


async def seen(packer: Packer, shards: FakeShards, note: Callable[[], object]) -> None:
    async def sleep(seconds: float) -> None:
        note()
        if shards.is_over:
            raise asyncio.CancelledError

    try:
        await keep_layout_fresh(packer, shards, 60, sleep)
    except asyncio.CancelledError:
        return


async def test_the_layout_follows_the_stream_and_stays_while_it_cannot_be_seen() -> None:
    packer, two, four = Packer(1, FIRST_LAYOUT), Layout.even(2), Layout.even(4)
    packed_by: list[Layout] = []
    await seen(packer, FakeShards(None, two, None, four), lambda: packed_by.append(packer.layout))
    assert packed_by == [FIRST_LAYOUT, two, two, four]
