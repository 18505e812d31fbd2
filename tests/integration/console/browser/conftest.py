"""A real Chromium that reaches the console and nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route
from sqlalchemy import Engine

from api_keys.document import new_key
from api_keys.store import KeyStore
from consumer.console.web import Site
from tests import chromium
from tests.chromium import SECONDS
from tests.integration.conftest import CONSOLE_ROLE, as_user
from tests.integration.console import seed
from tests.integration.console.serving import PASSWORD, add_people, made
from tests.integration.emulator import REGION, Emulator, running

Open = Callable[..., Page]
KEYS_SECRET = "payments/api-keys"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """No longer than the module: other tests have event loops of their own."""
    with chromium.for_tests() as launched:
        yield launched


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Of Secrets Manager, with a key."""
    with running(tmp_path_factory.mktemp("emulator")) as found:
        store = KeyStore(found.client("secretsmanager"), KEYS_SECRET)
        store.add(new_key("Bank of Example", seed.NOON)[1])
        yield found


@pytest.fixture
def site(
    owner_url: str, owner: Engine, tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """With an hour of payments, always the same."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", emulator.url)
    found = made(as_user(owner_url, CONSOLE_ROLE), owner, tmp_path)
    found.settings = found.settings.model_copy(update={"api_keys_secret_id": KEYS_SECRET, "aws_region": REGION})
    add_people(found)
    yield found
    found.engine.dispose()


@pytest.fixture
def open_as(browser: Browser, address: str) -> Iterator[Open]:
    """A page of a user who is logged in. What it asks of anybody but the console, or complains of, fails the test."""
    faults: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith((address, "data:")):
            route.continue_()
        else:
            faults.append(f"asked for {route.request.url}")
            route.abort()

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            faults.append(message.text)

    def enter(role: str, path: str = "/", **options: object) -> Page:
        context = browser.new_context(
            base_url=address,
            locale="en-GB",
            timezone_id="Europe/Athens",
            viewport={"width": 1280, "height": 900},
            **options,  # type: ignore[arg-type]
        )
        context.route("**/*", guard)
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", listen)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"/login?to={path}")
        page.get_by_label("Name").fill(role)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"**{path}")
        return page

    yield enter
    for context in browser.contexts:
        context.close()
    assert faults == []
