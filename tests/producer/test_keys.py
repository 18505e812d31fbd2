"""API keys in the service: the last good ones stay, and what changes in the secret counts after the next refresh."""

import asyncio
import json
import re
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from api_keys.document import ApiKey, new_key, parse_keys
from api_keys.errors import MalformedKeysError, SecretEmptyError, SecretUnavailableError
from producer.auth import KeyRing
from producer.errors import NotReadyError, UnauthorizedError
from producer.metrics import Metrics
from tests.producer.fakes import FakeSecrets, key_document, metrics
from tests.producer.service import KEY, KEY_TEXT, NOW, revised

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


@pytest.mark.parametrize("error", [SecretUnavailableError("down"), RuntimeError("nobody thought of it")])
async def test_every_read_is_counted_and_a_failure_is_told_by_its_reason(error: Exception) -> None:
    registry = CollectorRegistry()
    secrets = FakeSecrets.holding(KEY)
    keys = KeyRing(secrets, Metrics(registry), lambda: NOW)
    await keys.refresh()
    secrets.document = error
    with capture_logs() as logs:
        await keys.refresh()
    reason = "down" if isinstance(error, SecretUnavailableError) else "RuntimeError"
    assert [(line["reason"], line["last_good"]) for line in logs] == [(reason, True)]
    for outcome in ("loaded", "failed"):
        assert registry.get_sample_value("collector_key_refreshes_total", {"outcome": outcome}) == 1


async def test_keys_are_told_of_when_they_change_and_not_each_time_they_are_read() -> None:
    secrets = FakeSecrets.holding(KEY)
    keys = ring(secrets)
    told = []
    for document in (key_document(KEY), key_document(KEY), key_document(KEY, OTHER), key_document(KEY, OTHER)):
        secrets.document = document
        with capture_logs() as logs:
            await keys.refresh()
        told.append([(line["event"], line["keys"]) for line in logs])
    assert told == [[("keys loaded", 1)], [], [("keys loaded", 2)], []]


async def test_the_same_words_are_the_same_failure_and_others_are_another() -> None:
    secrets = FakeSecrets(SecretUnavailableError("down"))
    keys = ring(secrets)
    with capture_logs() as logs:
        for number in range(6):
            secrets.document = SecretUnavailableError(str(b"down", "ascii") if number < 3 else f"x{number}")
            await keys.refresh()
    assert [(line["reason"], line["times"]) for line in logs] == [
        ("down", 1),
        ("down", 2),
        ("x3", 1),
        ("x4", 1),
        ("x5", 1),
    ]


@pytest.mark.parametrize(
    ("document", "where"),
    [("{", "it is not JSON"), (json.dumps({"keys": [DOCUMENT["keys"][0] | {"sha256": "x"}]}), "`$.keys[0].sha256`")],
)
def test_what_is_wrong_with_the_document_is_told_by_its_place(document: str, where: str) -> None:
    with pytest.raises(MalformedKeysError, match=re.escape(f"the secret is no key document: {where}")):
        parse_keys(document)


async def test_only_an_empty_secret_is_said_to_need_a_first_key() -> None:
    secrets = FakeSecrets(RuntimeError("nobody thought of it"))
    keys = ring(secrets)
    for _ in range(2):
        assert "keys create" not in (keys.obstacle or "")
        await keys.refresh()
    assert "keys create" not in (keys.obstacle or "")


async def test_what_keeps_everybody_out_is_told_and_so_is_the_remedy_where_there_is_one() -> None:
    secrets = FakeSecrets(SecretUnavailableError("AccessDeniedException"))
    keys = ring(secrets)
    assert "not loaded" in (keys.obstacle or "")
    await keys.refresh()
    assert "the log says why" in (keys.obstacle or "")
    assert "AccessDenied" not in (keys.obstacle or ""), "everybody may ask"
    secrets.document = SecretEmptyError("no key in the secret payments/keys")
    await keys.refresh()
    assert "python -m producer keys create" in (keys.obstacle or "")
    assert "payments/keys" not in (keys.obstacle or "")
    secrets.document = key_document()
    await keys.refresh()
    assert keys.obstacle is None


async def test_a_key_is_let_in_until_it_expires_and_never_once_it_is_revoked() -> None:
    def is_let_in(key: ApiKey) -> bool:
        return key.state(NOW) == "valid"

    second = timedelta(seconds=1)
    assert is_let_in(KEY)
    assert is_let_in(revised(KEY, expires_at=NOW + second))
    assert not is_let_in(revised(KEY, expires_at=NOW))
    assert revised(KEY, expires_at=NOW).state(NOW) == "expired"
    assert revised(KEY, expires_at=NOW - second, revoked_at=NOW + second).state(NOW) == "revoked"
