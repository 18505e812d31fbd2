"""API keys on an emulator of Secrets Manager: versions and labels behave as the producer counts on."""

import itertools
from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec
import pytest

from api_keys.document import ApiKey
from api_keys.errors import SecretEmptyError
from api_keys.handover import Handover
from api_keys.issuer import Issuer
from api_keys.store import KeyStore
from producer.auth import KeyRing, utc_now
from producer.errors import UnauthorizedError
from producer.keys.caller import caller
from tests.integration.emulator import Emulator, running
from tests.producer.fakes import metrics

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as found:
        yield found


@pytest.fixture
def name() -> str:
    return f"payments-{next(_numbers)}"


def issuer(emulator: Emulator, name: str, *, to_secret: bool = False) -> Issuer:
    secrets = emulator.client("secretsmanager")
    handover = Handover(secrets, f"{name}/api-key", "alias/payments") if to_secret else None
    store = KeyStore(secrets, f"{name}/api-keys")
    return Issuer(store, utc_now, lambda: caller(emulator.client("sts")), handover)


async def lets_in(store: KeyStore, text: str) -> bool:
    ring = KeyRing(store, metrics(), utc_now)
    await ring.refresh()
    try:
        return bool(ring.authenticate(text))
    except UnauthorizedError:
        return False


async def test_the_first_key_makes_the_secret(emulator: Emulator, name: str) -> None:
    keys = issuer(emulator, name)
    with pytest.raises(SecretEmptyError):
        keys.store.keys()
    assert not keys.holds_keys()
    first, second = keys.create("first"), keys.create("second")
    assert keys.holds_keys()
    assert list(keys.store.keys()) == [first.key.id, second.key.id]
    assert await lets_in(keys.store, first.text)


async def test_a_key_is_replaced_and_revoked(emulator: Emulator, name: str) -> None:
    keys = issuer(emulator, name)
    old = keys.create("billing")
    new = keys.rotate("billing", timedelta(hours=1))
    assert await lets_in(keys.store, old.text)
    assert await lets_in(keys.store, new.text)
    keys.revoke(old.key.id)
    assert not await lets_in(keys.store, old.text)
    assert await lets_in(keys.store, new.text)


def test_a_change_that_others_overtook_is_made_of_what_they_left(emulator: Emulator, name: str) -> None:
    keys = issuer(emulator, name)
    first = keys.create("first").key
    others = iter([issuer(emulator, name)])

    def revoke_first(held: Mapping[str, ApiKey]) -> list[ApiKey]:
        for other in others:
            other.create("quicker")
        return [msgspec.structs.replace(held[first.id], revoked_at=first.created_at)]

    keys.store.change(revoke_first)
    assert [(key.name, bool(key.revoked_at)) for key in keys.store.keys().values()] == [
        ("first", True),
        ("quicker", False),
    ]


def test_clear_text_is_encrypted_as_told_and_only_the_last_one_has_a_label(emulator: Emulator, name: str) -> None:
    keys, secrets = issuer(emulator, name, to_secret=True), emulator.client("secretsmanager")
    keys.create("deploy")
    keys.rotate("deploy", timedelta(hours=1))
    last = keys.rotate("deploy", timedelta(hours=1))
    told = secrets.describe_secret(SecretId=f"{name}/api-key")
    assert told["KmsKeyId"] == "alias/payments"
    assert [labels for labels in told["VersionIdsToStages"].values() if labels] == [["AWSCURRENT"]]
    assert secrets.get_secret_value(SecretId=f"{name}/api-key")["SecretString"] == last.text


def test_the_caller_is_known(emulator: Emulator) -> None:
    assert caller(emulator.client("sts")).startswith("arn:aws:")
