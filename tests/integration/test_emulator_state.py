"""What is left after an orderly stop and a start, and after one that was not orderly."""

import gzip
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.emulator.mailbox import read_mailbox
from infra.local.emulator.state import SavedState
from tests.integration.emulator import (
    REGION,
    ROLE,
    Emulator,
    create_stream,
    iterator,
    open_ids,
    put,
    running,
    shards_of,
    texts_by_lineage,
    wait_for,
)

SENDER = "alerts@payments.example"
STREAM, BUCKET, LEASES, SECRET = "transactions", "archive", "leases", "keys"


def fill(emulator: Emulator) -> None:
    """Something of everything that the pipeline keeps in AWS."""
    kinesis = emulator.client("kinesis")
    arn = create_stream(kinesis, STREAM, shards=2)
    kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=168)
    kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="test")
    create_archive(emulator, arn)
    put(kinesis, STREAM, [f"{number}\n" for number in range(50)])
    kinesis.update_shard_count(StreamName=STREAM, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    put(kinesis, STREAM, [f"{number}\n" for number in range(50, 100)])
    create_leases(emulator)
    emulator.client("secretsmanager").create_secret(Name=SECRET, SecretString='{"keys": []}')
    send_mails(emulator)


def create_archive(emulator: Emulator, stream_arn: str) -> None:
    emulator.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    emulator.client("s3").put_object(Bucket=BUCKET, Key="own/dt=2026-01-01/ä.txt", Body=b"body", Metadata={"a": "b"})
    emulator.client("firehose").create_delivery_stream(
        DeliveryStreamName="archive",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": stream_arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "Prefix": "transactions/",
            "CompressionFormat": "GZIP",
        },
    )


def create_leases(emulator: Emulator) -> None:
    dynamodb = emulator.client("dynamodb")
    dynamodb.create_table(
        TableName=LEASES,
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("leaseKey", "leaseOwner")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "owners",
                "KeySchema": [{"AttributeName": "leaseOwner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(3):
        item = {"leaseKey": {"S": f"shard-{number}"}, "leaseOwner": {"S": "local-1"}, "leaseCounter": {"N": "7"}}
        dynamodb.put_item(TableName=LEASES, Item=item)


def send_mails(emulator: Emulator) -> None:
    ses = emulator.client("ses")
    ses.verify_email_identity(EmailAddress=SENDER)
    raw = f"From: {SENDER}\r\nTo: ann@payments.example\r\nSubject: s\r\nX-Digest-Id: 6b1f\r\n\r\ntext\r\n"
    ses.send_raw_email(RawMessage={"Data": raw.encode()})
    ses.send_email(
        Source=SENDER,
        Destination={"ToAddresses": ["ann@payments.example"]},
        Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}},
    )


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def archived(emulator: Emulator) -> dict[str, bytes]:
    s3 = emulator.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def leases_of(emulator: Emulator) -> list[str]:
    found = emulator.client("dynamodb").query(
        TableName=LEASES,
        IndexName="owners",
        KeyConditionExpression="leaseOwner = :owner",
        ExpressionAttributeValues={":owner": {"S": "local-1"}},
    )["Items"]
    return sorted(item["leaseKey"]["S"] for item in found)


def consumers_of(emulator: Emulator) -> dict[str, Any]:
    kinesis = emulator.client("kinesis")
    arn = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    return plain(kinesis.list_stream_consumers(StreamARN=arn))


LOOKS: dict[str, Callable[[Emulator], Any]] = {
    "the stream, its ARN and creation time": lambda emulator: plain(
        emulator.client("kinesis").describe_stream_summary(StreamName=STREAM)
    ),
    "shards and their lineage": lambda emulator: shards_of(emulator.client("kinesis"), STREAM),
    "records": lambda emulator: sorted(texts_by_lineage(emulator.client("kinesis"), STREAM)),
    "fan-out consumers": consumers_of,
    "delivery streams": lambda emulator: plain(
        emulator.client("firehose").describe_delivery_stream(DeliveryStreamName="archive")
    ),
    "objects": archived,
    "an object's metadata": lambda emulator: emulator.client("s3").head_object(
        Bucket=BUCKET, Key="own/dt=2026-01-01/ä.txt"
    )["Metadata"],
    "leases": lambda emulator: plain(emulator.client("dynamodb").describe_table(TableName=LEASES))["Table"][
        "KeySchema"
    ],
    "leases by owner": leases_of,
    "secrets": lambda emulator: plain(emulator.client("secretsmanager").get_secret_value(SecretId=SECRET)),
    "mails": lambda emulator: read_mailbox(emulator.url),
    "identities": lambda emulator: emulator.client("ses").list_identities()["Identities"],
}


class Restarted:
    """An emulator that was filled, stopped and started, and how it looked ``before`` and ``after``."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        fill(emulator)
        wait_for(lambda: archived_count(emulator) == 100)
        self.token = iterator(emulator.client("kinesis"), STREAM, "shardId-000000000000")
        self.before = {name: look(emulator) for name, look in LOOKS.items()}
        emulator.restart()
        self.after = {name: look(emulator) for name, look in LOOKS.items()}


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    with running(tmp_path_factory.mktemp("emulator"), FIREHOSE_MAX_INTERVAL_SECONDS="0.3") as emulator:
        yield Restarted(emulator)


def archived_count(emulator: Emulator) -> int:
    bodies = [gzip.decompress(body) for key, body in archived(emulator).items() if key.endswith(".gz")]
    return sum(len(body.splitlines()) for body in bodies)


@pytest.mark.parametrize("name", LOOKS)
def test_an_orderly_restart_keeps(restarted: Restarted, name: str) -> None:
    assert restarted.before[name], "nothing to keep"
    assert restarted.after[name] == restarted.before[name]


def test_an_iterator_lives_through_a_restart(restarted: Restarted) -> None:
    answer = restarted.emulator.client("kinesis").get_records(ShardIterator=restarted.token)
    assert answer["Records"]
    assert answer["ChildShards"]


def test_records_put_after_a_restart_are_read_and_archived_behind_the_old_ones(restarted: Restarted) -> None:
    emulator = restarted.emulator
    kinesis = emulator.client("kinesis")
    old = set(archived(emulator))
    shards = open_ids(kinesis, STREAM)
    latest = [iterator(kinesis, STREAM, shard, "LATEST") for shard in shards]
    put(kinesis, STREAM, ["100"])
    found = [record for token in latest for record in kinesis.get_records(ShardIterator=token)["Records"]]
    assert [record["Data"] for record in found] == [b"100"]
    bodies = wait_for(lambda: [body for key, body in archived(emulator).items() if key not in old])
    assert [gzip.decompress(body) for body in bodies] == [b"100"]


def test_leases_are_still_taken_on_condition(restarted: Restarted) -> None:
    dynamodb = restarted.emulator.client("dynamodb")

    def take(counter: str) -> None:
        dynamodb.update_item(
            TableName=LEASES,
            Key={"leaseKey": {"S": "shard-0"}},
            UpdateExpression="SET leaseCounter = :next",
            ConditionExpression="leaseCounter = :expected",
            ExpressionAttributeValues={":next": {"N": "8"}, ":expected": {"N": counter}},
        )

    take("7")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        take("7")


def test_sequence_numbers_rise_over_a_restart_at_which_the_clock_stepped_back(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        create_stream(emulator.client("kinesis"), STREAM)
        emulator.stop()
        saved = next(emulator.state.glob("*/kinesis.json"))
        state = json.loads(saved.read_text())
        ahead = state["last_sequence_number"] + 10**20
        saved.write_text(json.dumps({**state, "last_sequence_number": ahead}))
        emulator.start()
        answer = emulator.client("kinesis").put_record(StreamName=STREAM, Data=b"x", PartitionKey="any")
        assert int(answer["SequenceNumber"]) > ahead


def test_a_killed_emulator_starts_from_its_last_stop(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        create_stream(emulator.client("kinesis"), "kept")
        emulator.restart()
        create_stream(emulator.client("kinesis"), "lost")
        emulator.stop(signal.SIGKILL)
        emulator.start()
        assert emulator.client("kinesis").list_streams()["StreamNames"] == ["kept"]


@pytest.mark.parametrize("damage", [lambda whole: whole[:-10], lambda _: '{"streams": 1}'])
def test_a_damaged_state_stops_the_start_and_is_named(tmp_path: Path, damage: Callable[[str], str]) -> None:
    with running(tmp_path) as emulator:
        create_stream(emulator.client("kinesis"), STREAM)
        emulator.stop()
        saved = next(emulator.state.glob("*/kinesis.json"))
        whole = saved.read_text()
        saved.write_text(damage(whole))
        _, err = emulator.launch().communicate()
        assert emulator.process.returncode == 1
        assert err.startswith("emulator: ")
        assert "kinesis" in err
        saved.write_text(whole)
        emulator.start()
        assert emulator.client("kinesis").list_streams()["StreamNames"] == [STREAM]


def test_a_reset_forgets_what_was_saved(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        create_stream(emulator.client("kinesis"), STREAM)
        emulator.restart()
        emulator.post("/_ministack/reset")
        emulator.stop(signal.SIGKILL)
        emulator.start()
        assert emulator.client("kinesis").list_streams()["StreamNames"] == []


class Killed(BaseException):
    """The end of the process, in the middle of something."""


def saved_state(folder: Path) -> SavedState:
    return SavedState(folder, to_json=str, from_json=lambda found: found)


def killed() -> Any:
    raise Killed


def broken() -> Any:
    raise ValueError("no state to be had")


def test_a_kill_in_the_middle_of_saving_leaves_the_last_save_whole(tmp_path: Path) -> None:
    saved_state(tmp_path).save({"a": lambda: 1, "b": lambda: 1})
    with pytest.raises(Killed):
        saved_state(tmp_path).save({"a": lambda: 2, "b": killed})
    assert saved_state(tmp_path).load() == {"a": 1, "b": 1}
    saved_state(tmp_path).save({"a": lambda: 3, "b": lambda: 3})
    assert saved_state(tmp_path).load() == {"a": 3, "b": 3}


@pytest.mark.parametrize("get_state", [broken, lambda: None])
def test_a_service_that_can_not_tell_its_state_keeps_what_was_saved(
    tmp_path: Path, get_state: Callable[[], Any]
) -> None:
    saved_state(tmp_path).save({"a": lambda: 1, "b": lambda: 1})
    saved_state(tmp_path).save({"a": lambda: 2, "b": get_state})
    assert saved_state(tmp_path).load() == {"a": 2, "b": 1}
