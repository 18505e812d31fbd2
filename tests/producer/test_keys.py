"""API keys: last good ones stay, and none is lost when two are made at once."""

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError
from structlog.testing import capture_logs

from producer.auth import KeyRing, new_key
from producer.errors import MalformedKeysError, NotReadyError, SecretUnavailableError, UnauthorizedError
from producer.keystore import KeyStore, client_config
from tests.producer.fakes import FakeSecrets, key_document, metrics
from tests.producer.loopback import loopback
from tests.producer.service import KEY, KEY_TEXT, NOW

OTHER_TEXT, OTHER = new_key("other", NOW)
DOCUMENT = json.loads(key_document(KEY))


def ring(secrets: FakeSecrets) -> KeyRing:
    return KeyRing(secrets, metrics(), lambda: NOW)


async def test_a_key_is_known_by_its_hash_alone() -> None:
    keys = ring(FakeSecrets.holding(KEY, OTHER))
    await keys.refresh()
    assert keys.authenticate(KEY_TEXT) == KEY
    assert keys.authenticate(OTHER_TEXT) == OTHER
    assert KEY_TEXT.split("_", 2)[2] not in key_document(KEY)


async def test_another_secret_under_a_known_id_is_refused() -> None:
    keys = ring(FakeSecrets.holding(KEY))
    await keys.refresh()
    with pytest.raises(UnauthorizedError):
        keys.authenticate(KEY_TEXT[:17] + OTHER_TEXT[17:])


@pytest.mark.parametrize(
    "bad",
    [
        SecretUnavailableError("AccessDeniedException"),
        RuntimeError("nobody thought of it"),
        "",
        "not json",
        "[]",
        "{}",
        '{"keys": {}}',
        json.dumps({"keys": [{"id": "abc"}]}),
        json.dumps({"keys": [*DOCUMENT["keys"], DOCUMENT["keys"][0] | {"sha256": "0" * 64}]}),
        json.dumps({"keys": [DOCUMENT["keys"][0] | {"sha256": "x"}]}),
        json.dumps({"keys": [DOCUMENT["keys"][0] | {"expiresAt": "2026-01-01T00:00:00"}]}),
        json.dumps({"keys": [DOCUMENT["keys"][0] | {"ratePerSecond": 0}]}),
    ],
)
async def test_what_cannot_be_read_never_replaces_the_last_good_keys(bad: str | Exception) -> None:
    secrets = FakeSecrets.holding(KEY)
    keys = ring(secrets)
    await keys.refresh()
    secrets.document = bad
    await keys.refresh()
    assert keys.authenticate(KEY_TEXT) == KEY


async def test_a_key_that_is_taken_out_or_put_in_counts_from_the_next_refresh_on() -> None:
    secrets = FakeSecrets.holding(KEY)
    keys = ring(secrets)
    await keys.refresh()
    secrets.document = key_document(OTHER)
    await keys.refresh()
    assert keys.authenticate(OTHER_TEXT) == OTHER
    with pytest.raises(UnauthorizedError):
        keys.authenticate(KEY_TEXT)


async def test_an_empty_document_lets_nobody_in_and_is_no_fault() -> None:
    keys = ring(FakeSecrets.holding())
    with pytest.raises(NotReadyError):
        keys.authenticate(KEY_TEXT)
    await keys.refresh()
    with pytest.raises(UnauthorizedError):
        keys.authenticate(KEY_TEXT)


async def test_fields_from_a_later_version_of_the_document_do_no_harm() -> None:
    keys = ring(FakeSecrets(json.dumps({"keys": [DOCUMENT["keys"][0] | {"team": "x"}], "version": 2})))
    await keys.refresh()
    assert keys.authenticate(KEY_TEXT) == KEY


async def test_keys_are_asked_for_often_until_they_came_once() -> None:
    secrets, sleeps = FakeSecrets(SecretUnavailableError("down")), []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 3:
            secrets.document = key_document(KEY)
        if len(sleeps) == 5:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await ring(secrets).keep_fresh(30, sleep)
    assert sleeps == [1, 1, 1, 30, 30]


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "call")


@dataclass
class FakeSecretsManager:
    """Secrets Manager as far as versions and their labels go; `meanwhile` happens once, after the next read."""

    versions: dict[str, str] = field(default_factory=dict)
    current: str | None = None
    exists: bool = False
    meanwhile: Callable[[], None] | None = None

    def create_secret(self, **call: str) -> None:
        if self.exists:
            raise refusal("ResourceExistsException")
        self.exists = True
        self.current = self._store(call["SecretString"])

    def get_secret_value(self, **_: str) -> dict[str, str]:
        answer = {"VersionId": self.current, "SecretString": self.versions[self.current]} if self.current else None
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if answer is None:
            raise refusal("ResourceNotFoundException")
        return answer

    def put_secret_value(self, **call: Any) -> dict[str, Any]:
        assert "AWSCURRENT" not in call["VersionStages"]
        version = self._store(call["SecretString"])
        if self.current is None:
            self.current = version
            return {"VersionId": version, "VersionStages": ["AWSCURRENT"]}
        return {"VersionId": version, "VersionStages": call["VersionStages"]}

    def update_secret_version_stage(self, **call: str) -> None:
        if call.get("RemoveFromVersionId") != self.current:
            raise refusal("InvalidParameterException")
        self.current = call["MoveToVersionId"]

    def _store(self, document: str) -> str:
        version = str(uuid.uuid4())
        self.versions[version] = document
        return version

    def names(self) -> list[str]:
        assert self.current
        return [key["name"] for key in json.loads(self.versions[self.current])["keys"]]


def store(client: object) -> KeyStore:
    return KeyStore(client, "keys")  # type: ignore[arg-type]  # the fake has only the calls that are made


def test_the_first_key_makes_the_secret() -> None:
    secrets = FakeSecretsManager()
    store(secrets).add(KEY)
    store(secrets).add(OTHER)
    assert secrets.names() == ["tests", "other"]


def test_a_secret_without_a_value_takes_the_first_key() -> None:
    secrets = FakeSecretsManager(exists=True)
    store(secrets).add(KEY)
    assert secrets.names() == ["tests"]


@pytest.mark.parametrize("before", [[], [KEY]])
@pytest.mark.parametrize("exists", [True, False])
def test_a_key_that_is_made_at_the_same_time_is_not_lost(before: list[Any], exists: bool) -> None:
    secrets = FakeSecretsManager(exists=exists)
    for key in before:
        store(secrets).add(key)
    third = new_key("third", NOW)[1]
    secrets.meanwhile = lambda: store(secrets).add(third)
    store(secrets).add(OTHER)
    assert secrets.names() == [*(key.name for key in before), "third", "other"]


def test_what_else_the_document_holds_stays() -> None:
    secrets = FakeSecretsManager({"1": '{"keys": [], "owner": "team"}'}, "1", exists=True)
    store(secrets).add(KEY)
    assert json.loads(secrets.versions[secrets.current or ""])["owner"] == "team"


def test_a_secret_that_is_no_key_document_is_left_alone() -> None:
    secrets = FakeSecretsManager({"1": "changeme"}, "1", exists=True)
    with pytest.raises(MalformedKeysError):
        store(secrets).add(KEY)
    assert list(secrets.versions) == ["1"]


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


async def test_a_secret_that_does_not_exist_is_named_with_the_remedy() -> None:
    with pytest.raises(SecretUnavailableError, match=r"secret keys does not exist.*keys create"):
        await store(FakeSecretsManager()).read()


async def test_a_failure_that_lasts_is_told_ever_more_rarely_and_another_one_at_once() -> None:
    secrets = FakeSecrets(SecretUnavailableError("down"))
    keys = ring(secrets)
    with capture_logs() as logs:
        for _ in range(100):
            await keys.refresh()
        secrets.document = SecretUnavailableError("denied")
        await keys.refresh()
        secrets.document = key_document(KEY)
        await keys.refresh()
        secrets.document = SecretUnavailableError("denied")
        await keys.refresh()
    told = [(line["event"], line.get("reason"), line.get("times")) for line in logs]
    down = [("keys not refreshed", "down", times) for times in (1, 2, 4, 8, 16, 32, 64)]
    denied = ("keys not refreshed", "denied", 1)
    assert told == [*down, denied, ("keys loaded", None, None), denied]
