"""A key's clear text in a secret of its own: encrypted as told, and the one before can't be read any more."""

from typing import Any

import pytest

from api_keys.errors import SecretUnavailableError
from api_keys.handover import Handover
from producer.errors import SettingsError
from producer.keys.handover import handover_to
from tests.producer.fake_secrets_manager import FakeSecretsManager, refusal

ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:"


def handover(secrets: Any, kms_key_id: str | None = None) -> Handover:
    return Handover(secrets, "clear", kms_key_id)


@pytest.mark.parametrize("kms_key_id", ["alias/payments", None])
def test_the_first_key_makes_the_secret_encrypted_with_the_key_that_is_set(kms_key_id: str | None) -> None:
    secrets = FakeSecretsManager()
    handover(secrets, kms_key_id).put("first")
    assert secrets.text("clear") == "first"
    assert secrets.secrets["clear"].kms_key_id == kms_key_id


@pytest.mark.parametrize("before", ["zeroth", None])
def test_the_next_key_leaves_no_older_one_readable_by_a_label(before: str | None) -> None:
    secrets = FakeSecretsManager.holding(before, "clear")
    for text in ("first", "second"):
        handover(secrets).put(text)
        assert secrets.labelled_texts("clear") == {text}


def test_an_interrupted_change_is_completed_by_the_next() -> None:
    secrets = FakeSecretsManager.holding("first", "clear")
    secrets.failures["update_secret_version_stage"] = refusal("InternalServiceError")
    with pytest.raises(SecretUnavailableError, match="InternalServiceError"):
        handover(secrets).put("second")
    assert secrets.labelled_texts("clear") == {"second", "first"}
    handover(secrets).put("third")
    assert secrets.labelled_texts("clear") == {"third"}


def test_two_at_the_same_time_are_told() -> None:
    class Interfered(FakeSecretsManager):
        def put_secret_value(self, **call: Any) -> dict[str, Any]:
            super().put_secret_value(SecretId="clear", SecretString="another")
            return super().put_secret_value(**call)

    with pytest.raises(SecretUnavailableError, match="clear was changed by others"):
        handover(Interfered.holding("first", "clear")).put("second")


def test_it_does_not_ask_what_the_secret_holds() -> None:
    secrets = FakeSecretsManager.holding("first", "clear")
    handover(secrets).put("second")
    assert "get_secret_value" not in {call for call, _ in secrets.calls}, "who may write need not be able to read"


@pytest.mark.parametrize("keys_secret_id", ["a/key", f"{ARN}a/key", f"{ARN}a/key-AbCdEf"])
def test_the_secret_of_the_hashes_is_never_taken(keys_secret_id: str) -> None:
    secrets: Any = FakeSecretsManager()
    with pytest.raises(SettingsError, match="API_KEYS_SECRET_ID"):
        handover_to(secrets, "a/key", keys_secret_id, None)
    assert handover_to(secrets, "a/key", f"{ARN}a/keys-AbCdEf", None).name == "a/key"
