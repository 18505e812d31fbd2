"""KCL's lease table, as the health check reads it."""

from collections.abc import Iterator

import pytest

from consumer.errors import RetryError
from consumer.leases import held_leases
from infra.local import resources
from tests.integration.emulator import REGION, Emulator, create_stream, free_port, running

STREAM = "payments"
APPLICATION = "payment-anomalies"
SHARDS = 2


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as started:
        create_stream(started.client("kinesis"), STREAM, SHARDS)
        yield started


@pytest.fixture(autouse=True)
def environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)


def test_a_worker_holds_its_own_leases_of_shards_that_have_not_ended(emulator: Emulator) -> None:
    assert held_leases(APPLICATION, "worker-1", REGION) == 0, "there is no table yet"
    resources.seed_leases(stream=STREAM, application=APPLICATION, worker="worker-1")
    assert held_leases(APPLICATION, "worker-1", REGION) == SHARDS
    assert held_leases(APPLICATION, "worker-2", REGION) == 0
    emulator.client("dynamodb").update_item(
        TableName=APPLICATION,
        Key={"leaseKey": {"S": "shardId-000000000000"}},
        UpdateExpression="SET #checkpoint = :end",
        ExpressionAttributeNames={"#checkpoint": "checkpoint"},
        ExpressionAttributeValues={":end": {"S": "SHARD_END"}},
    )
    assert held_leases(APPLICATION, "worker-1", REGION) == SHARDS - 1


def test_a_table_that_cannot_be_read_is_told_from_one_that_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RetryError, match="cannot be read"):
        held_leases(APPLICATION, "worker-1", REGION)
