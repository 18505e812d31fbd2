"""Logging in at somebody else's: OpenID Connect, by code and with PKCE.

Whoever comes back must be a user here: the provider says who it is, and this database what they may. What is remembered
of an attempt lies in a cookie of the browser that began it.
"""

import threading
import time
from typing import Any, NamedTuple

import msgspec
import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from consumer.errors import ConsumerError
from consumer.settings import ConsoleSettings

SECONDS = 10
LEEWAY_SECONDS = 60
KEYS_FRESH_SECONDS = 300
CONFIGURATION = "/.well-known/openid-configuration"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Those with a public key: nobody who knows the client's secret makes a token."""
CALLBACK = "/login/sso/back"


class SignOnError(ConsumerError):
    """Nobody is logged in; the message tells a person why."""


class Attempt(msgspec.Struct, frozen=True):
    """``to``: where the person wanted to go."""

    state: str
    nonce: str
    verifier: str
    to: str

    def text(self) -> str:
        return msgspec.json.encode(self).hex()


class Beginning(NamedTuple):
    address: str
    attempt: Attempt


class Provider:
    """As the settings name it; what it says of itself is read at the first log-in."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._configuration: dict[str, Any] | None = None
        self._keys: KeySet | None = None
        self._keys_read = -float(KEYS_FRESH_SECONDS)

    def begin(self, to: str) -> Beginning:
        """Raises SignOnError."""
        attempt = Attempt(generate_token(32), generate_token(32), generate_token(64), to)
        with self._session() as session:
            address, _ = session.create_authorization_url(
                self._said("authorization_endpoint"),
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return Beginning(address, attempt)

    def name(self, attempt: Attempt, answered: str) -> str:
        """Whom the provider names, in small letters. ``answered``: the whole address that the browser came back to.

        Raises SignOnError.
        """
        with self._session() as session:
            try:
                token = session.fetch_token(
                    self._said("token_endpoint"),
                    authorization_response=answered,
                    state=attempt.state,
                    code_verifier=attempt.verifier,
                    timeout=SECONDS,
                )
            except (OAuthError, requests.RequestException, ValueError) as error:
                raise SignOnError(f"the provider refused the log-in: {error}") from None
        return self._name(self._claims(str(token.get("id_token", "")), attempt.nonce))

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        wanted = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._said("issuer")},
            aud={"essential": True, "value": str(self._settings.oidc_client_id)},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._decoded(token)
            wanted.validate(claims)
        except (JoseError, ValueError) as error:
            raise SignOnError(f"the provider's token is not good: {error}") from None
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        """By a key that may be new since the keys were read."""
        try:
            return jwt.decode(token, self._known_keys(), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            if time.monotonic() - self._keys_read < KEYS_FRESH_SECONDS:
                raise
        self._keys = None
        return jwt.decode(token, self._known_keys(), algorithms=ALGORITHMS).claims

    def _name(self, claims: dict[str, Any]) -> str:
        claim = self._settings.oidc_name_claim
        if claim == "email" and claims.get("email_verified") is not True:
            raise SignOnError(
                "the provider does not say that it has verified this e-mail address; where it never does, "
                "OIDC_NAME_CLAIM names another claim"
            )
        name = claims.get(claim)
        if not isinstance(name, str) or not name:
            raise SignOnError(f"the provider does not tell the name: its token has no {claim}")
        return name.lower()

    def _session(self) -> OAuth2Session:
        settings = self._settings
        return OAuth2Session(
            settings.oidc_client_id,
            settings.oidc_client_secret,
            scope=settings.oidc_scope,
            redirect_uri=f"{settings.console_url}{CALLBACK}",
            code_challenge_method="S256",
        )

    def _said(self, name: str) -> str:
        with self._lock:
            if self._configuration is None:
                found = _read(f"{self._settings.oidc_issuer}{CONFIGURATION}")
                if found.get("issuer") != self._settings.oidc_issuer:
                    raise SignOnError("the provider calls itself otherwise than OIDC_ISSUER does")
                self._configuration = found
            said = self._configuration.get(name)
        if not isinstance(said, str):
            raise SignOnError(f"the provider does not say its {name}")
        return said

    def _known_keys(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(_read(self._said("jwks_uri")))  # type: ignore[arg-type]
            self._keys_read = time.monotonic()
        return self._keys


def attempt_of(text: str) -> Attempt:
    """Raises SignOnError."""
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=Attempt)
    except (ValueError, msgspec.MsgspecError):
        raise SignOnError("this log-in was not begun in this browser, or too long ago: begin it again") from None


def _read(url: str) -> dict[str, Any]:
    try:
        answer = requests.get(url, timeout=SECONDS)
        answer.raise_for_status()
        found = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise SignOnError(f"the provider does not answer: {error}") from None
    if not isinstance(found, dict):
        raise SignOnError("the provider's answer is no object")
    return found
