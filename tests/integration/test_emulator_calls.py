"""Who called which of AWS's actions can be asked, by the names that policies give them."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.emulator.calls import Calls
from tests.calls import read_calls
from tests.integration.emulator import REGION, Emulator, create_stream, running

Client = Callable[[str], Any]
OPERATIONS: dict[str, Callable[[Client], Any]] = {
    "kinesis:PutRecords": lambda aws: aws("kinesis").put_records(
        StreamName="s", Records=[{"Data": b"x", "PartitionKey": "x"}]
    ),
    "kinesis:ListShards": lambda aws: aws("kinesis").list_shards(StreamName="s"),
    "dynamodb:Scan": lambda aws: aws("dynamodb").scan(TableName="leases"),
    "secretsmanager:GetSecretValue": lambda aws: aws("secretsmanager").get_secret_value(SecretId="keys"),
    "firehose:ListDeliveryStreams": lambda aws: aws("firehose").list_delivery_streams(),
    "ses:GetSendQuota": lambda aws: aws("ses").get_send_quota(),
    "ses:SendRawEmail": lambda aws: aws("ses").send_raw_email(RawMessage={"Data": b"From: a@b.example\n\nmail"}),
    "sts:GetCallerIdentity": lambda aws: aws("sts").get_caller_identity(),
    "cloudwatch:PutMetricData": lambda aws: aws("cloudwatch").put_metric_data(
        Namespace="n", MetricData=[{"MetricName": "m", "Value": 1}]
    ),
    "s3:ListAllMyBuckets": lambda aws: aws("s3").list_buckets(),
    "s3:ListBucket": lambda aws: aws("s3").list_objects_v2(Bucket="b"),
    "s3:GetObject": lambda aws: aws("s3").head_object(Bucket="b", Key="dt=2026-11-23/one"),
    "s3:PutObject": lambda aws: aws("s3").put_object(Bucket="b", Key="dt=2026-11-23/one", Body=b"x"),
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as found:
        create_stream(found.client("kinesis"), "s")
        yield found


def called_by(emulator: Emulator, caller: str) -> list[str]:
    return read_calls(emulator.url).get(caller, [])


@pytest.mark.parametrize("action", OPERATIONS)
def test_a_call_is_known_by_its_caller_and_the_action_that_a_policy_names(emulator: Emulator, action: str) -> None:
    session = boto3.Session(aws_access_key_id=action, aws_secret_access_key="local", region_name=REGION)
    for _ in range(2):
        try:
            OPERATIONS[action](lambda service: session.client(service, endpoint_url=emulator.url))  # type: ignore[call-overload]
        except ClientError:  # nothing there: it was called all the same
            continue
    assert called_by(emulator, action) == [action]


def test_what_the_emulator_is_asked_beside_aws_is_no_call(emulator: Emulator) -> None:
    before = read_calls(emulator.url)
    assert read_calls(emulator.url) == before


async def test_no_number_of_callers_fills_the_memory() -> None:
    names = iter("abcdef")
    calls = Calls(lambda *_request: next(names), lambda *_request: "sts:GetCallerIdentity", most=2)

    async def dispatch(*_request: Any) -> Any:
        return 200, {}, b""

    for _ in range(4):
        assert await calls.noting(dispatch)("POST", "/", {}, b"", {}, "id") == (200, {}, b"")
    assert calls.by_caller() == {"a": ["sts:GetCallerIdentity"], "b": ["sts:GetCallerIdentity"]}
