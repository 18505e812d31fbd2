"""Single sign-on at a provider that answers as it should, and at one that lies."""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import Engine, text

from consumer.console import users
from consumer.console.main import compose
from consumer.console.roles import Role
from consumer.console.web import Site
from consumer.errors import SettingsError
from consumer.settings import ConsoleSettings
from tests.integration.conftest import CONSOLE_ROLE, as_user

CLIENT, SECRET, CODE = "console", "the client's secret", "the-code"
ANN = "ann@payments.example"
CONSOLE_URL = "http://console.example"


class Provider:
    """``lies`` replaces claims, and ``signing`` what they are signed with: a key, or bytes that all the world knows."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.signing: RSAKey | bytes = self.key
        self.lies: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        """Of the authorization."""
        self.issuer = ""

    def configuration(self) -> dict[str, str]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def token(self, form: dict[str, list[str]], authorization: str) -> dict[str, str]:
        verifier = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if form["code"] != [CODE] or challenge != self.asked["code_challenge"] or authorization != f"Basic {basic}":
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60, "email": ANN}
        claims = {**claims, "nonce": self.asked["nonce"], "email_verified": True, **self.lies}
        known = {name: value for name, value in claims.items() if value is not None}
        token = self._signed(known)
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}

    def _signed(self, claims: dict[str, Any]) -> str:
        if isinstance(self.signing, RSAKey):
            return jwt.encode({"alg": "RS256", "kid": str(self.signing.kid)}, claims, self.signing)
        parts = [msgspec.json.encode(part) for part in ({"alg": "HS256", "kid": "one"}, claims)]
        text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        mac = base64.urlsafe_b64encode(hmac.digest(self.signing, text, "sha256")).rstrip(b"=")
        return (text + b"." + mac).decode()


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/keys":
                self.answer({"keys": [found.key.as_dict(private=False)]})
            else:
                self.answer(found.configuration())

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            self.answer(found.token(form, self.headers["authorization"]))

        def answer(self, document: object) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(msgspec.json.encode(document))

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        found.issuer = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield found
        server.shutdown()


@pytest.fixture
def site(owner_url: str, provider: Provider) -> Iterator[Site]:
    settings = ConsoleSettings(
        database_url=as_user(owner_url, CONSOLE_ROLE),
        console_https=False,
        console_url=CONSOLE_URL,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
    )
    found = compose(settings)
    with found.engine.begin() as connection:
        users.create(connection, ANN, Role.ANALYST, None)
    yield found
    found.engine.dispose()


def begin(client: httpx.Client, provider: Provider, to: str = "/rules") -> str:
    """The state that the provider sends back."""
    answer = client.get("/login/sso", params={"to": to})
    assert answer.status_code == 303
    sent = urlsplit(answer.headers["location"])
    assert f"{sent.scheme}://{sent.netloc}{sent.path}" == f"{provider.issuer}/authorize"
    provider.asked = {name: values[0] for name, values in parse_qs(sent.query).items()}
    assert provider.asked["redirect_uri"] == f"{CONSOLE_URL}/login/sso/back"
    assert provider.asked["code_challenge_method"] == "S256"
    return provider.asked["state"]


def back(client: httpx.Client, state: str, code: str = CODE) -> httpx.Response:
    return client.get("/login/sso/back", params={"state": state, "code": code})


def test_who_is_known_there_and_a_user_here_is_let_in(
    stranger: httpx.Client, provider: Provider, owner: Engine
) -> None:
    assert "Single sign-on" in stranger.get("/login").text
    answer = back(stranger, begin(stranger, provider))
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules")
    assert ANN in stranger.get("/rules").text
    with owner.connect() as connection:
        query = text('SELECT "by", action FROM console_events')
        assert [tuple(row) for row in connection.execute(query)] == [(ANN, "log-in")]


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"email": "bob@payments.example"},
        {"email": None},
        {"email": 7},
        {"email_verified": False},
        {"email_verified": None},
    ],
    ids=str,
)
def test_who_is_not_is_not(stranger: httpx.Client, provider: Provider, lies: dict[str, Any]) -> None:
    provider.lies = lies
    answer = back(stranger, begin(stranger, provider))
    assert answer.status_code == 401
    assert "session" not in stranger.cookies
    assert 'role="alert"' in answer.text


def test_a_token_of_another_key_is_nobodys(stranger: httpx.Client, provider: Provider) -> None:
    provider.signing = RSAKey.generate_key(2048, {"kid": "one"})
    assert back(stranger, begin(stranger, provider)).status_code == 401


def test_a_token_that_is_signed_with_what_is_public_is_nobodys(stranger: httpx.Client, provider: Provider) -> None:
    provider.signing = provider.key.as_pem(private=False)
    assert back(stranger, begin(stranger, provider)).status_code == 401


def test_a_log_in_that_was_begun_elsewhere_ends_nowhere(
    stranger: httpx.Client, provider: Provider, address: str
) -> None:
    with httpx.Client(base_url=address) as attacker:
        state = begin(attacker, provider)
    assert back(stranger, state).status_code == 401
    begin(stranger, provider)
    assert back(stranger, state).status_code == 401
    assert back(stranger, "").status_code == 401
    stranger.cookies.set("sso", "nothing")
    assert back(stranger, state).status_code == 401


def test_what_the_provider_refuses_is_told(stranger: httpx.Client, provider: Provider) -> None:
    answer = back(stranger, begin(stranger, provider), code="another")
    assert answer.status_code == 401
    assert "invalid_grant" in answer.text
    denied = stranger.get("/login/sso/back", params={"state": begin(stranger, provider), "error": "access_denied"})
    assert "access_denied" in denied.text


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example"])
def test_nobody_is_sent_elsewhere_in_the_end(stranger: httpx.Client, provider: Provider, to: str) -> None:
    assert back(stranger, begin(stranger, provider, to)).headers["location"] == "/"


def test_who_is_disabled_here_stays_outside(stranger: httpx.Client, provider: Provider, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE users SET disabled_at = now()"))
    assert "may not log in here" in back(stranger, begin(stranger, provider)).text


def test_a_provider_that_calls_itself_otherwise_is_none(stranger: httpx.Client, provider: Provider) -> None:
    provider.issuer += "/"
    answer = stranger.get("/login/sso")
    assert (answer.status_code, "OIDC_ISSUER" in answer.text) == (401, True)


def test_a_key_that_is_new_is_read(stranger: httpx.Client, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.console.single_sign_on.KEYS_FRESH_SECONDS", 0)
    assert back(stranger, begin(stranger, provider)).status_code == 303
    provider.key = provider.signing = RSAKey.generate_key(2048, {"kid": "two"})
    assert back(stranger, begin(stranger, provider)).status_code == 303


def test_half_of_the_settings_is_told() -> None:
    with pytest.raises(SettingsError, match="OIDC_ISSUER: OIDC_CLIENT_ID and CONSOLE_URL must be set"):
        ConsoleSettings.load(database_url="postgresql://a@localhost/b", oidc_issuer="https://id.example")
