"""`python -m producer keys …`: what it prints, where a key goes, and that a running producer soon knows."""

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from api_keys.document import new_key
from tests.producer import fake_aws
from tests.producer.fake_aws import FakeAws
from tests.producer.fake_secrets_manager import FakeSecretsManager, refusal
from tests.producer.fakes import key_document
from tests.producer.process import Producer, environment, producing, run
from tests.producer.service import KEY, KEY_TEXT, NOW, revised

SECRET = "payments/keys"


def keys(aws: FakeAws, *arguments: str, **settings: str) -> CompletedProcess[str]:
    ended = run("keys", *arguments, **environment(aws.url, **settings))
    assert "Traceback" not in ended.stderr
    return ended


def done(aws: FakeAws, *arguments: str, **settings: str) -> CompletedProcess[str]:
    ended = keys(aws, *arguments, **settings)
    assert ended.returncode == 0, ended.stderr
    return ended


def shown(aws: FakeAws, *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done(aws, *arguments, "--json").stdout)
    return answer


def test_a_key_that_was_just_made_opens_the_door_and_is_shown_once(aws: FakeAws) -> None:
    aws.secrets = FakeSecretsManager()
    made = done(aws, "create", "Bank of Example", "--json", "--rate", "5")
    key = json.loads(made.stdout)
    assert (key["name"], key["expiresAt"]) == ("Bank of Example", None)
    assert key["key"] not in made.stderr + aws.secrets.text(SECRET)
    with producing(aws.url) as producer:
        producer.wait_for("keys loaded")
        assert producer.post(key["key"]).status_code == 202
        assert producer.post(new_key("stranger", NOW)[0]).status_code == 401


def until(producer: Producer, key: str, status: int) -> None:
    """Waits until posting with the key is answered so."""
    while producer.post(key).status_code != status:
        producer.wait_for("keys loaded")


def test_a_running_producer_learns_of_each_change_without_a_restart(aws: FakeAws) -> None:
    with producing(aws.url) as producer:
        until(producer, KEY_TEXT, 202)
        made = shown(aws, "create", "billing")
        until(producer, made["key"], 202)
        turned = shown(aws, "rotate", "billing")
        until(producer, turned["key"], 202)
        assert turned["replaces"] == made["id"]
        assert producer.post(made["key"]).status_code == 202, "the old one overlaps"
        done(aws, "revoke", made["id"])
        until(producer, made["key"], 401)
        assert producer.post(turned["key"]).status_code == 202
        assert producer.post().status_code == 202


def test_a_producer_without_a_key_says_how_the_first_is_made_and_lets_it_in(aws: FakeAws) -> None:
    aws.secrets = FakeSecretsManager.holding(None, SECRET)
    with producing(aws.url) as producer:
        producer.wait_for("keys not refreshed")
        assert "python -m producer keys create" in producer.http.get("/health/ready").json()["detail"]
        until(producer, shown(aws, "create", "first")["key"], 202)
        assert producer.http.get("/health/ready").status_code == 200


def test_a_key_that_goes_to_a_secret_is_not_printed_and_encrypted_as_set(aws: FakeAws) -> None:
    made = done(aws, "create", "deploy", "--to-secret", "payments/key", "--rate", "7", KEY_KMS_ID="alias/payments")
    assert made.stdout == ""
    text = aws.secrets.text("payments/key")
    assert aws.secrets.secrets["payments/key"].kms_key_id == "alias/payments"
    turned = done(aws, "rotate", "deploy", "--to-secret", "payments/key", "--json")
    assert json.loads(turned.stdout)["secret"] == "payments/key"
    assert aws.secrets.labelled_texts("payments/key") == {aws.secrets.text("payments/key")}
    for key in (text, aws.secrets.text("payments/key")):
        assert key.startswith("pk_")
        assert key not in f"{made.stdout}{made.stderr}{turned.stdout}{turned.stderr}"
    with producing(aws.url) as producer:
        producer.wait_for("keys loaded")
        assert producer.post(text).status_code == producer.post(aws.secrets.text("payments/key")).status_code == 202


def test_if_none_makes_the_first_key_and_no_other(aws: FakeAws) -> None:
    aws.secrets = FakeSecretsManager.holding(None, SECRET)
    arguments = ("create", "deploy", "--if-none", "--to-secret", "payments/key")
    done(aws, *arguments)
    before = aws.secrets.text("payments/key"), aws.secrets.text(SECRET)
    again = done(aws, *arguments)
    assert (again.stdout, again.stderr) == ("", "There are keys already: none is made.\n")
    assert (aws.secrets.text("payments/key"), aws.secrets.text(SECRET)) == before


def test_the_log_of_a_change_names_the_caller_at_every_log_level(aws: FakeAws) -> None:
    ended = done(aws, "revoke", KEY.id, LOG_LEVEL="ERROR")
    logged, said = ended.stderr.splitlines()
    line = json.loads(logged)
    assert (line["event"], line["by"], line["key_id"]) == ("key revoked", fake_aws.ARN, KEY.id)
    assert said == f"Key {KEY.id} is revoked."
    again = done(aws, "revoke", KEY.id)
    assert again.stderr == f"Key {KEY.id} was already revoked.\n"


def test_the_list_has_every_key_and_no_hash(aws: FakeAws) -> None:
    old = revised(KEY, id="0" * 12, name="[old]", revoked_at=NOW, replaced_by=KEY.id, rate_per_second=1500)
    aws.secrets = FakeSecretsManager.holding(key_document(KEY, old), SECRET)
    listed = shown(aws, "list")["keys"]
    assert [(key["id"], key["state"], key["replacedBy"]) for key in listed] == [
        (KEY.id, "valid", None),
        (old.id, "revoked", KEY.id),
    ]
    table = done(aws, "list").stdout
    for cell in (KEY.id, "valid", "default", "[old]", f"revoked, replaced by {KEY.id}", "2026-11-23 10:00", "1,500"):
        assert cell in table
    assert KEY.sha256 not in table + json.dumps(listed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["revoke", "0" * 12], "there is no key with the id 000000000000"),
        (["rotate", "nobody"], "there is no valid key with the id or name nobody"),
        (["rotate", "twin"], "2 keys are named twin"),
        (["list"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_1_what_cannot_be_done_is_said(aws: FakeAws, arguments: list[str], words: str) -> None:
    twins = [revised(KEY, id=key_id * 12, name="twin") for key_id in "ab"]
    aws.secrets = FakeSecretsManager.holding(key_document(*twins), SECRET)
    if arguments == ["list"]:
        aws.secrets.failures["get_secret_value"] = refusal("AccessDeniedException")
        words = "AccessDeniedException"
    ended = keys(aws, *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert words in ended.stderr


def test_2_the_secret_of_the_hashes_is_not_taken_for_a_key(aws: FakeAws) -> None:
    before = aws.secrets.text(SECRET)
    for arguments in (["create", "x", "--to-secret", SECRET], ["create", "x", "--to-secret", ""]):
        ended = keys(aws, *arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
    assert aws.secrets.text(SECRET) == before


def test_a_key_that_cannot_be_stored_is_not_shown() -> None:
    ended = run("keys", "create", "x", **environment("http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "EndpointConnectionError" in ended.stderr
