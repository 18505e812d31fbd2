"""API keys in the console: made, rotated and revoked by admins, and the producer knows."""

import re
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine, text

from api_keys.store import KeyStore
from consumer.console.web import Site
from producer.auth import KeyRing, utc_now
from producer.errors import UnauthorizedError
from tests.integration.console.conftest import LogIn
from tests.integration.console.test_access import csrf
from tests.integration.emulator import Emulator, running
from tests.producer.fakes import metrics

SECRET = "payments/api-keys"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as found:
        yield found


@pytest.fixture(autouse=True)
def on_the_emulator(site: Site, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
    changes = {"api_keys_secret_id": SECRET, "aws_region": "eu-central-1"}
    site.settings = site.settings.model_copy(update=changes)


async def lets_in(emulator: Emulator, key: str) -> bool:
    ring = KeyRing(KeyStore(emulator.client("secretsmanager"), SECRET), metrics(), utc_now)
    await ring.refresh()
    try:
        return bool(ring.authenticate(key))
    except UnauthorizedError:
        return False


def issued(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (found,) = re.findall(r"pk_\w{12}_[\w-]{43}", answer.text)
    return str(found)


async def test_a_key_is_made_rotated_and_revoked(log_in: LogIn, emulator: Emulator, owner: Engine) -> None:
    client = log_in("admin")
    token = {"csrf": csrf(client)}
    first = issued(client.post("/keys", data={**token, "name": "Bank of Example", "days": "30", "rate": "500"}))
    assert await lets_in(emulator, first)
    page = client.get("/keys").text
    assert "Bank of Example" in page
    assert "500" in page
    assert first not in page
    second = issued(client.post(f"/keys/{first.split('_')[1]}/rotate", data={**token, "hours": "1"}))
    assert await lets_in(emulator, first)
    assert await lets_in(emulator, second)
    for key in (first, second):
        assert client.post(f"/keys/{key.split('_')[1]}/revoke", data=token).status_code == 303
        assert not await lets_in(emulator, key)
    with owner.connect() as connection:
        query = text("SELECT action, by FROM console_events WHERE action LIKE 'key%' ORDER BY id")
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [(f"key {action}", "admin") for action in ("made", "rotated", "revoked", "revoked")]


@pytest.mark.parametrize(
    "form", [{"name": ""}, {"name": "x" * 201}, {"name": "x", "days": "0"}, {"name": "x", "rate": "many"}]
)
def test_a_key_that_makes_no_sense_is_refused(log_in: LogIn, form: dict[str, str]) -> None:
    client = log_in("admin")
    assert client.post("/keys", data={"csrf": csrf(client), **form}).status_code == 422


def test_a_key_that_is_not_there_is_told(log_in: LogIn) -> None:
    client = log_in("admin")
    for action in ("rotate", "revoke"):
        answer = client.post(f"/keys/000000000000/{action}", data={"csrf": csrf(client)})
        assert answer.status_code == 422
        assert "000000000000" in answer.text


def test_where_there_is_no_secret_the_page_says_so(log_in: LogIn, site: Site) -> None:
    site.settings = site.settings.model_copy(update={"api_keys_secret_id": None})
    answer = log_in("admin").get("/keys")
    assert (answer.status_code, "API_KEYS_SECRET_ID is not set" in answer.text) == (404, True)


def test_where_secrets_manager_is_down_the_page_says_so(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    answer = log_in("admin").get("/keys")
    assert (answer.status_code, "Secrets Manager:" in answer.text) == (503, True)
    assert "There is no key" not in answer.text
