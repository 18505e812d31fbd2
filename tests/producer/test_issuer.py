"""Keys are made, replaced and revoked; the log says who did it to which key, and never the key."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from api_keys.document import ApiKey
from api_keys.errors import KeyChoiceError, MalformedKeysError, SecretUnavailableError
from api_keys.handover import Handover
from api_keys.issuer import Issued, Issuer
from api_keys.store import KeyStore
from producer.auth import KeyRing
from producer.errors import UnauthorizedError
from tests.producer.fake_secrets_manager import FakeSecretsManager, refusal
from tests.producer.fakes import key_document, metrics
from tests.producer.service import KEY, KEY_TEXT, NOW, revised

DAY = timedelta(days=1)
ME = "arn:aws:sts::111122223333:assumed-role/operator/ann"


@dataclass
class Office:
    """An issuer over a fake Secrets Manager that holds KEY, and a clock that stands still until it is moved."""

    secrets: FakeSecretsManager = field(default_factory=lambda: FakeSecretsManager.holding(key_document(KEY)))
    handed_over: str | None = None
    now: datetime = NOW

    @property
    def issuer(self) -> Issuer:
        client: Any = self.secrets
        handover = Handover(client, self.handed_over) if self.handed_over else None
        return Issuer(KeyStore(client, "keys"), lambda: self.now, lambda: ME, handover)

    async def lets_in(self, text: str) -> bool:
        """Whether a producer that reads the secret now does."""
        ring = KeyRing(self.issuer.store, metrics(), lambda: self.now)
        await ring.refresh()
        try:
            return bool(ring.authenticate(text))
        except UnauthorizedError:
            return False

    def key(self, key_id: str) -> ApiKey:
        return self.issuer.store.keys()[key_id]


async def test_a_new_key_lets_in_and_only_its_hash_is_stored() -> None:
    office = Office(FakeSecretsManager())
    issued = office.issuer.create("billing", DAY, rate=5)
    assert await office.lets_in(issued.text)
    assert (issued.key.name, issued.key.expires_at, issued.key.rate_per_second) == ("billing", NOW + DAY, 5)
    assert issued.text[17:] not in office.secrets.text()
    office.now += DAY
    assert not await office.lets_in(issued.text)


async def test_a_rotated_key_and_its_successor_overlap_and_then_the_old_one_is_refused() -> None:
    office = Office(FakeSecretsManager())
    old = office.issuer.create("billing", 90 * DAY, rate=5)
    office.now += 30 * DAY
    new = office.issuer.rotate("billing", overlap=DAY)
    assert (new.key.name, new.key.rate_per_second) == ("billing", 5)
    assert new.key.expires_at == office.now + 90 * DAY, "as long as the old one was made for"
    assert await office.lets_in(old.text)
    assert await office.lets_in(new.text)
    office.now += DAY
    assert not await office.lets_in(old.text)
    assert await office.lets_in(new.text)


async def test_an_overlap_never_prolongs_a_key() -> None:
    office = Office(FakeSecretsManager())
    old = office.issuer.create("billing", lifetime=DAY)
    assert office.issuer.rotate(old.key.id, overlap=2 * DAY).replaced == office.key(old.key.id)
    assert office.key(old.key.id).expires_at == NOW + DAY


async def test_without_an_overlap_the_old_key_is_revoked_at_once() -> None:
    office = Office()
    new = office.issuer.rotate(KEY.id, overlap=timedelta())
    assert not await office.lets_in(KEY_TEXT)
    assert await office.lets_in(new.text)
    assert office.key(KEY.id) == revised(KEY, revoked_at=NOW, replaced_by=new.key.id)
    assert new.key.expires_at is None


def test_a_name_means_its_newest_key_so_that_it_can_be_rotated_again_within_the_overlap() -> None:
    office = Office()
    second = office.issuer.rotate("tests", overlap=DAY)
    third = office.issuer.rotate("tests", overlap=DAY)
    assert third.replaced == office.key(second.key.id)
    assert office.key(second.key.id).replaced_by == third.key.id


def test_a_name_of_several_keys_is_refused_and_they_are_listed() -> None:
    office = Office(FakeSecretsManager())
    ids = [office.issuer.create("billing").key.id for _ in range(3)]
    office.issuer.revoke(ids[2])
    before = office.secrets.text()
    with pytest.raises(KeyChoiceError, match="2 keys are named billing") as raised:
        office.issuer.rotate("billing", overlap=DAY)
    assert [key_id in str(raised.value) for key_id in ids] == [True, True, False]
    assert office.secrets.text() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"revoked_at": NOW}, "is revoked"),
        ({"expires_at": NOW}, "is expired"),
        ({"replaced_by": "0" * 12}, "already replaced, by 000000000000"),
    ],
)
@pytest.mark.parametrize("named", [KEY.id, KEY.name])
def test_only_a_valid_key_that_was_not_replaced_can_be_rotated(changes: dict[str, Any], words: str, named: str) -> None:
    office = Office(FakeSecretsManager.holding(key_document(revised(KEY, **changes))), handed_over="clear")
    with pytest.raises(KeyChoiceError, match=words if named == KEY.id else "no valid key"):
        office.issuer.rotate(named, overlap=DAY)
    assert "clear" not in office.secrets.secrets


async def test_a_revoked_key_is_refused_and_to_revoke_it_again_changes_nothing() -> None:
    office = Office()
    assert office.issuer.revoke(KEY.id)
    assert not await office.lets_in(KEY_TEXT)
    office.now += DAY
    assert not office.issuer.revoke(KEY.id)
    assert office.key(KEY.id).revoked_at == NOW


@pytest.mark.parametrize(
    ("named", "words"),
    [("0" * 12, "no key with the id 0{12}; .*keys list"), ("tests", f"is a name.*\n  {KEY.id}, created")],
)
def test_what_is_no_id_revokes_nothing(named: str, words: str) -> None:
    office = Office()
    with pytest.raises(KeyChoiceError, match=words):
        office.issuer.revoke(named)
    with pytest.raises(KeyChoiceError, match="no key with the id"):
        Office(FakeSecretsManager.holding(None)).issuer.revoke("0" * 12)
    assert office.key(KEY.id) == KEY


@pytest.mark.parametrize(
    ("secrets", "holds"),
    [
        (FakeSecretsManager(), False),
        (FakeSecretsManager.holding(None), False),
        (FakeSecretsManager.holding(key_document()), False),
        (FakeSecretsManager.holding(key_document(revised(KEY, revoked_at=NOW))), True),
    ],
)
def test_a_key_that_was_revoked_is_a_key_too_so_that_no_deployment_undoes_it(
    secrets: FakeSecretsManager, holds: bool
) -> None:
    assert Office(secrets).issuer.holds_keys() is holds


def test_a_document_that_makes_no_sense_does_not_pass_for_one_without_keys() -> None:
    with pytest.raises(MalformedKeysError):
        Office(FakeSecretsManager.holding("[]")).issuer.holds_keys()


def test_each_change_is_logged_with_who_and_which_key_and_never_with_the_key() -> None:
    office = Office()
    with capture_logs() as logs:
        made = office.issuer.create("billing")
        turned = office.issuer.rotate("billing", overlap=DAY)
        office.issuer.revoke(KEY.id)
        office.issuer.revoke(KEY.id)
    assert [(line["event"], line["by"], line["key_id"], line.get("replaced")) for line in logs] == [
        ("key created", ME, made.key.id, None),
        ("key rotated", ME, turned.key.id, made.key.id),
        ("key revoked", ME, KEY.id, None),
    ]
    for secret in (made.text, turned.text, made.key.sha256, turned.key.sha256, KEY.sha256):
        assert secret[17:] not in json.dumps(logs)


def create(office: Office) -> Issued:
    return office.issuer.create("deploy")


def rotate(office: Office) -> Issued:
    return office.issuer.rotate(KEY.id, overlap=DAY)


@pytest.mark.parametrize("change", [create, rotate])
async def test_the_clear_text_is_handed_over_before_the_hash_is_stored_and_the_whole_can_be_repeated(
    change: Any,
) -> None:
    office = Office(handed_over="clear")
    office.secrets.failures["put_secret_value"] = refusal("InternalServiceError")
    with pytest.raises(SecretUnavailableError), capture_logs() as logs:
        change(office)
    assert logs == []
    assert not await office.lets_in(office.secrets.text("clear"))
    assert office.key(KEY.id) == KEY
    issued = change(office)
    assert office.secrets.text("clear") == issued.text
    assert await office.lets_in(issued.text)


@pytest.mark.parametrize("change", [create, rotate])
def test_a_key_that_cannot_be_handed_over_does_not_come_into_force(change: Any) -> None:
    office = Office(handed_over="clear")
    office.secrets.failures["create_secret"] = refusal("AccessDeniedException")
    with pytest.raises(SecretUnavailableError, match=r"clear: .*AccessDeniedException"):
        change(office)
    assert office.issuer.store.keys() == {KEY.id: KEY}
