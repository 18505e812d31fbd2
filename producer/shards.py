"""Which shards are open, and so which transactions may share a record: see `packing`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from producer.errors import StreamBrokenError, StreamUnavailableError
from producer.kinesis import VENDOR_ERRORS, translated
from producer.packing import Layout, Packer

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# A stream on demand has 4 at first, and some hundreds at most; a page has a thousand.
MOST_PAGES = 20
log = structlog.get_logger(__name__)


class Shards(Protocol):
    async def layout(self) -> Layout:
        """Of the open shards now. Raises StreamUnavailableError or StreamBrokenError."""


class KinesisShards:
    """ListShards, in a thread."""

    def __init__(self, client: "KinesisClient", stream: str) -> None:
        self._client = client
        self._stream = stream

    async def layout(self) -> Layout:
        return Layout(await asyncio.to_thread(self._starts))

    def _starts(self) -> list[int]:
        starts: list[int] = []
        page: dict[str, Any] = {"StreamName": self._stream}
        for _ in range(MOST_PAGES):
            try:
                answer = self._client.list_shards(**page)
            except VENDOR_ERRORS as error:
                raise translated(error) from error
            starts += [
                int(shard["HashKeyRange"]["StartingHashKey"])
                for shard in answer["Shards"]
                if not shard["SequenceNumberRange"].get("EndingSequenceNumber")
            ]
            if not (token := answer.get("NextToken")):
                return starts
            page = {"NextToken": token}
        raise StreamBrokenError(f"more than {MOST_PAGES} pages of shards")


async def keep_layout_fresh(
    packer: Packer, shards: Shards, every_seconds: float, sleep: Callable[[float], Awaitable[object]]
) -> None:
    """For ever. What is known stays while it cannot be asked: records are then the smaller, and nothing is lost."""
    told = ""
    while True:
        try:
            found = await shards.layout()
        except (StreamUnavailableError, StreamBrokenError) as error:
            if str(error) != told:
                log.warning("the shards cannot be listed; those known stay", reason=str(error))
            told = str(error)
        else:
            told = ""
            if found.starts != packer.layout.starts:
                log.info("transactions share records by the stream's shards", shards=len(found.starts) + 1)
            packer.layout = found
        await sleep(every_seconds)
