"""The key document in Secrets Manager: no change is lost when two are made at once, and nothing else is touched."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.parsers import ResponseParserError

from api_keys.document import new_key
from api_keys.errors import KeyChoiceError, MalformedKeysError, SecretEmptyError, SecretUnavailableError
from api_keys.store import KeyStore, client_config
from tests.producer.fake_secrets_manager import FakeSecretsManager, refusal
from tests.producer.fakes import key_document
from tests.producer.loopback import loopback
from tests.producer.service import KEY, NOW, revised

OTHER = new_key("other", NOW)[1]


def store(client: object, name: str = "keys") -> KeyStore:
    return KeyStore(client, name)  # type: ignore[arg-type]  # the fake has only the calls that are made


def test_the_first_key_makes_the_secret() -> None:
    secrets = FakeSecretsManager()
    store(secrets).add(KEY)
    store(secrets).add(OTHER)
    assert secrets.key_names() == ["tests", "other"]


def test_a_secret_without_a_value_takes_the_first_key_and_is_not_made_anew() -> None:
    secrets = FakeSecretsManager.holding(None)
    store(secrets).add(KEY)
    assert secrets.key_names() == ["tests"]
    assert ("create_secret", "keys") not in secrets.calls, "who may only write into it can do so"


def test_a_secret_that_is_named_by_its_arn_is_not_made() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:keys-AbCdEf"
    with pytest.raises(SecretUnavailableError, match="there is no secret"):
        store(FakeSecretsManager(), arn).add(KEY)


@pytest.mark.parametrize("before", [[], [KEY]])
@pytest.mark.parametrize("exists", [True, False])
def test_a_key_that_is_made_at_the_same_time_is_not_lost(before: list[Any], exists: bool) -> None:
    secrets = FakeSecretsManager.holding(None) if exists else FakeSecretsManager()
    for key in before:
        store(secrets).add(key)
    third = new_key("third", NOW)[1]
    secrets.meanwhile = lambda: store(secrets).add(third)
    store(secrets).add(OTHER)
    assert secrets.key_names() == [*(key.name for key in before), "third", "other"]


def test_two_changes_of_one_key_at_the_same_time_are_both_made() -> None:
    secrets = FakeSecretsManager.holding(key_document(KEY, OTHER))
    secrets.meanwhile = lambda: store(secrets).add(revised(KEY, name="renamed"))
    store(secrets).change(lambda keys: [revised(keys[KEY.id], revoked_at=NOW)])
    assert store(secrets).keys() == {KEY.id: revised(KEY, name="renamed", revoked_at=NOW), OTHER.id: OTHER}


def test_what_others_keep_changing_is_given_up_and_said() -> None:
    secrets = FakeSecretsManager.holding(key_document(KEY))

    def interfere() -> None:
        secrets.put_secret_value(SecretId="keys", SecretString=key_document(KEY))
        secrets.meanwhile = interfere

    secrets.meanwhile = interfere
    with pytest.raises(SecretUnavailableError, match="changed by others"):
        store(secrets).add(OTHER)
    assert secrets.key_names() == ["tests"]


def test_what_else_the_document_and_its_keys_hold_stays() -> None:
    held = json.loads(key_document(KEY, OTHER)) | {"owner": "team"}
    held["keys"][0]["ticket"] = {"number": 12345678901234567890}
    secrets = FakeSecretsManager.holding(json.dumps(held))
    store(secrets).change(lambda keys: [revised(keys[KEY.id], revoked_at=NOW)])
    held["keys"][0]["revokedAt"] = "2026-11-23T10:00:00Z"
    assert json.loads(secrets.text()) == held


def test_a_change_of_nothing_writes_nothing_and_neither_does_one_that_fails() -> None:
    secrets = FakeSecretsManager.holding(key_document(KEY))

    def fail(_: object) -> list[Any]:
        raise KeyChoiceError("there is no such key")

    assert store(secrets).change(lambda _: []) == []
    with pytest.raises(KeyChoiceError):
        store(secrets).change(fail)
    assert {call for call, _ in secrets.calls} == {"get_secret_value"}


def test_a_secret_that_is_no_key_document_is_left_alone() -> None:
    secrets = FakeSecretsManager.holding("changeme")
    with pytest.raises(MalformedKeysError):
        store(secrets).add(KEY)
    assert list(secrets.secrets["keys"].versions.values()) == ["changeme"]


@pytest.mark.parametrize("call", ["get_secret_value", "put_secret_value", "update_secret_version_stage"])
def test_a_refusal_on_the_way_leaves_the_keys_as_they_were(call: str) -> None:
    secrets = FakeSecretsManager.holding(key_document(KEY))
    secrets.failures[call] = refusal("AccessDeniedException")
    with pytest.raises(SecretUnavailableError, match="AccessDeniedException"):
        store(secrets).add(OTHER)
    assert secrets.key_names() == ["tests"]


@pytest.mark.parametrize(
    "error",
    [
        refusal("AccessDeniedException"),
        EndpointConnectionError(endpoint_url="http://x"),
        KeyError("SecretString"),
        ResponseParserError("no JSON"),
    ],
)
async def test_what_secrets_manager_refuses_is_a_secret_that_is_unavailable(error: Exception) -> None:
    class Down:
        def get_secret_value(self, **_: str) -> None:
            raise error

    with pytest.raises(SecretUnavailableError):
        await store(Down()).read()
    with pytest.raises(SecretUnavailableError):
        store(Down()).add(KEY)


@pytest.mark.parametrize(
    "body", [b"\xff", b"[]", b'"x"', b"1", b"null", b"{", b'{"SecretString": 5, "VersionId": "1"}', b"{}"], ids=repr
)
async def test_an_answer_that_is_none_of_secrets_manager_is_a_secret_that_is_unavailable(body: bytes) -> None:
    with loopback(lambda _, __, ___: (200, {"content-type": "application/x-amz-json-1.1"}, body)) as url:
        client = boto3.client(
            "secretsmanager",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=client_config("eu-west-1"),
        )
        with pytest.raises(SecretUnavailableError):
            await store(client).read()
        with pytest.raises((SecretUnavailableError, MalformedKeysError)):
            store(client).add(KEY)
        client.close()


@pytest.mark.parametrize("secrets", [FakeSecretsManager(), FakeSecretsManager.holding(None)], ids=["none", "no value"])
async def test_a_secret_without_a_key_is_named_with_the_remedy(secrets: FakeSecretsManager) -> None:
    with pytest.raises(SecretEmptyError, match=r"the secret keys.*keys create"):
        await store(secrets).read()
    with pytest.raises(SecretEmptyError):
        store(secrets).keys()
