"""Kinesis behind its adapter: every vendor exception is translated, every entry gets its code."""

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from producer.errors import StreamBrokenError, StreamUnavailableError
from producer.kinesis import KinesisStream, client_config
from tests.producer.builders import as_entries, lines

BOTOCORE_ERRORS = [
    kind for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass) if issubclass(kind, BotoCoreError)
]
WORTH_ANOTHER_CALL = {
    "ConnectionError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "SSLError",
    "ProxyConnectionError",
    "HTTPClientError",
    "ConnectionClosedError",
    "ReadTimeoutError",
    "ResponseStreamingError",
    "IncompleteReadError",
    "CredentialRetrievalError",
    "MetadataRetrievalError",
}


class FakeKinesis:
    """A boto3 client that answers or raises what it was given."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[dict[str, Any]] = []

    def put_records(self, **call: Any) -> Any:
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def put(client: FakeKinesis, count: int = 2) -> list[str | None]:
    with ThreadPoolExecutor(1) as executor:
        return await KinesisStream(client, "payments", executor).put(as_entries(lines(count)))  # type: ignore[arg-type]


def client_error(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code, "Message": "sender-1"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutRecords")  # type: ignore[arg-type]  # the rest of the metadata is never read


async def test_each_entry_has_its_own_code() -> None:
    records = [{"SequenceNumber": "1", "ShardId": "shard"}, {"ErrorCode": "InternalFailure", "ErrorMessage": "x"}]
    kinesis = FakeKinesis({"FailedRecordCount": 1, "Records": records})
    assert await put(kinesis) == [None, "InternalFailure"]
    sent = [{"Data": entry.data, "PartitionKey": entry.partition_key} for entry in as_entries(lines(2))]
    assert kinesis.calls == [{"StreamName": "payments", "Records": sent}]


async def test_without_a_sequence_number_an_entry_is_not_durable() -> None:
    both = {"SequenceNumber": "1", "ErrorCode": "InternalFailure"}
    kinesis = FakeKinesis({"FailedRecordCount": 0, "Records": [{}, {"SequenceNumber": ""}, both]})
    assert await put(kinesis, 3) == ["Unknown", "Unknown", "InternalFailure"]


async def test_an_answer_that_does_not_fit_the_call_proves_nothing() -> None:
    with pytest.raises(StreamUnavailableError):
        await put(FakeKinesis({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}]}))


@pytest.mark.parametrize("kind", BOTOCORE_ERRORS, ids=lambda kind: kind.__name__)
async def test_every_error_of_botocore_is_translated(kind: type[BotoCoreError]) -> None:
    error = kind.__new__(kind)
    Exception.__init__(error, "sender-1")
    expected = StreamUnavailableError if kind.__name__ in WORTH_ANOTHER_CALL else StreamBrokenError
    with pytest.raises(expected) as raised:
        await put(FakeKinesis(error))
    assert str(raised.value) == kind.__name__


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("ProvisionedThroughputExceededException", 400), StreamUnavailableError),
        (client_error("ThrottlingException", 400), StreamUnavailableError),
        (client_error("LimitExceededException", 400), StreamUnavailableError),
        (client_error("KMSThrottlingException", 400), StreamUnavailableError),
        (client_error("ExpiredTokenException", 400), StreamUnavailableError),
        (client_error("InternalFailure", 500), StreamUnavailableError),
        (client_error("ServiceUnavailable", 503), StreamUnavailableError),
        (client_error("Anything", 502), StreamUnavailableError),
        (client_error("AnythingElse", 429), StreamUnavailableError),
        (client_error("AccessDeniedException", 400), StreamBrokenError),
        (client_error("ResourceNotFoundException", 400), StreamBrokenError),
        (client_error("ValidationException", 400), StreamBrokenError),
        (client_error("InvalidArgumentException", 400), StreamBrokenError),
        (client_error("KMSDisabledException", 400), StreamBrokenError),
        (client_error("UnrecognizedClientException", 403), StreamBrokenError),
        (ResponseParserError("sender-1"), StreamUnavailableError),
    ],
    ids=str,
)
async def test_an_error_of_the_call_is_worth_another_one_or_not(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as raised:
        await put(FakeKinesis(error))
    assert "sender-1" not in str(raised.value)


def test_botocore_does_not_retry_and_gives_up_well_before_the_deadline() -> None:
    config: Any = client_config("eu-west-1", 7)
    assert config.retries == {"total_max_attempts": 1}
    assert config.connect_timeout + config.read_timeout < 10
    assert config.max_pool_connections == 7
