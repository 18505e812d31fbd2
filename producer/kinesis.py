"""The stream is Kinesis, through boto3 in threads. Every vendor exception is translated here."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
)
from botocore.parsers import ResponseParserError

from producer.buffer import Entry
from producer.errors import StreamBrokenError, StreamUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef, PutRecordsResultEntryTypeDef

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0
# Retries are the publisher's, which sends only what was refused.
ATTEMPTS = 1
# botocore puts its own together anew for each call, and takes a tenth of it.
USER_AGENT = "payment-analytics-producer"

PASSING_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "LimitExceededException",
        "TooManyRequestsException",
        "KMSThrottlingException",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalFailure",
        "ServiceUnavailable",
    }
)
PASSING_ERRORS = (
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    ResponseParserError,
)
VENDOR_ERRORS = (BotoCoreError, ClientError, ResponseParserError)


def client_config(region: str, concurrency: int) -> Config:
    """Timeouts well below any deadline, so that a call that hangs leaves time for another."""
    return Config(
        region_name=region,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS},
        max_pool_connections=concurrency,
        user_agent=USER_AGENT,
    )


class KinesisStream:
    """A Stream; see there. Makes as many calls at once as the executor has threads."""

    def __init__(self, client: "KinesisClient", name: str, executor: ThreadPoolExecutor) -> None:
        self._client = client
        self._name = name
        self._executor = executor

    async def put(self, entries: Sequence[Entry]) -> list[str | None]:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._put, entries)

    def _put(self, entries: Sequence[Entry]) -> list[str | None]:
        records: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": entry.data, "PartitionKey": entry.partition_key} for entry in entries
        ]
        try:
            answer = self._client.put_records(StreamName=self._name, Records=records)
        except VENDOR_ERRORS as error:
            raise translated(error) from error
        if len(answer["Records"]) != len(entries):
            raise StreamUnavailableError("the answer does not fit the call")
        return [_error_code(record) for record in answer["Records"]]


def _error_code(record: "PutRecordsResultEntryTypeDef") -> str | None:
    """Only a sequence number proves that the entry is durable."""
    if record.get("SequenceNumber") and not record.get("ErrorCode"):
        return None
    return record.get("ErrorCode") or "Unknown"


def translated(error: Exception) -> StreamUnavailableError | StreamBrokenError:
    """Whether the call can be made again; the reason names codes and classes and repeats no content."""
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        passing = code in PASSING_CODES or status in (0, 429) or status >= 500
        return StreamUnavailableError(code) if passing else StreamBrokenError(code)
    kind = type(error).__name__
    return StreamUnavailableError(kind) if isinstance(error, PASSING_ERRORS) else StreamBrokenError(kind)
