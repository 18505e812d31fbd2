"""Who comes back under a dead worker's id need not wait for that one's leader lock to expire."""

import uuid
from collections.abc import Iterator

import pytest

from consumer.errors import RetryError
from consumer.leadership import give_up_leadership, leave
from tests.integration.emulator import REGION, Emulator, running


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as started:
        yield started


@pytest.fixture
def application(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (("ENDPOINT_URL", emulator.url), ("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(f"AWS_{name}", value)
    return f"application-{uuid.uuid4()}"


def lock(emulator: Emulator, application: str, owner: str) -> None:
    """As KCL 3.1 writes it."""
    dynamodb, table = emulator.client("dynamodb"), f"{application}-CoordinatorState"
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for item in (
        {"key": "Leader", "ownerName": owner, "leaseDuration": "120000", "recordVersionNumber": str(uuid.uuid4())},
        {"key": "Migration3.0", "mb": owner},
    ):
        dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in item.items()})


def keys(emulator: Emulator, application: str) -> set[str]:
    items = emulator.client("dynamodb").scan(TableName=f"{application}-CoordinatorState")["Items"]
    return {item["key"]["S"] for item in items}


@pytest.mark.parametrize(("owner", "left"), [("me", {"Migration3.0"}), ("other", {"Leader", "Migration3.0"})])
def test_a_workers_own_lock_is_freed_and_nobody_elses(
    owner: str, left: set[str], emulator: Emulator, application: str
) -> None:
    lock(emulator, application, owner)
    for _ in range(2):
        give_up_leadership(application, "me", REGION)
        assert keys(emulator, application) == left


def test_before_kcl_has_made_its_tables_there_is_nothing_to_free(application: str) -> None:
    give_up_leadership(application, "me", REGION)


def test_a_table_that_cannot_be_reached_is_tried_again(application: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(RetryError, match="CoordinatorState cannot be changed"):
        give_up_leadership(application, "me", REGION)


@pytest.mark.parametrize(("owner", "left"), [("me", {"Migration3.0"}), ("other", {"Leader", "Migration3.0"})])
def test_who_leaves_is_no_longer_reckoned_with(
    owner: str, left: set[str], emulator: Emulator, application: str
) -> None:
    """KCL's leader goes by the workers' figures."""
    lock(emulator, application, owner)
    dynamodb, table = emulator.client("dynamodb"), f"{application}-WorkerMetricStats"
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "wid", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "wid", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for worker in ("me", "other"):
        dynamodb.put_item(TableName=table, Item={"wid": {"S": worker}, "lut": {"N": "1"}})
    leave(application, "me", REGION)
    assert keys(emulator, application) == left
    assert [item["wid"]["S"] for item in dynamodb.scan(TableName=table)["Items"]] == ["other"]


def test_before_kcl_has_made_its_tables_there_is_nothing_to_leave(application: str) -> None:
    leave(application, "me", REGION)
