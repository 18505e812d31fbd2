"""The API keys of those who send payments: who has one, and each change of them. A key's text is shown once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
from botocore.config import Config
from fastapi.responses import RedirectResponse, Response

from api_keys.document import ApiKey
from api_keys.errors import KeysError, SecretEmptyError
from api_keys.issuer import Issued, Issuer
from api_keys.store import KeyStore
from consumer.console import log as console_log
from consumer.console.roles import Role
from consumer.console.web import Asked, RefusedError, Site

LONGEST_NAME = 200
MOST_DAYS, MOST_HOURS = 36_500, 8_760
PATIENCE = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


def add_to(site: Site) -> None:
    @site.page("/keys", Role.ADMIN)
    def listed(asked: Asked) -> Response:
        return _listed(site, asked)

    @site.action("/keys", Role.ADMIN)
    def create(asked: Asked) -> Response:
        return _issued(site, asked, "made", lambda issuer: _created(asked, issuer))

    @site.action("/keys/{key_id}/rotate", Role.ADMIN)
    def rotate(asked: Asked, key_id: str) -> Response:
        overlap = timedelta(hours=_number(asked, "hours", 24, least=0, most=MOST_HOURS) or 0)
        return _issued(site, asked, "rotated", lambda issuer: issuer.rotate(key_id, overlap))

    @site.action("/keys/{key_id}/revoke", Role.ADMIN)
    def revoke(asked: Asked, key_id: str) -> Response:
        try:
            _issuer(site, asked).revoke(key_id)
        except KeysError as error:
            return _listed(site, asked, fault=str(error))
        _tell(site, asked, "key revoked", key_id)
        return RedirectResponse("/keys", 303)


def _created(asked: Asked, issuer: Issuer) -> Issued:
    name = asked.words("name")
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise RefusedError(422, f"a key is somebody's: a name of at most {LONGEST_NAME} printable characters")
    days = _number(asked, "days", None, least=1, most=MOST_DAYS)
    rate = _number(asked, "rate", None, least=1, most=2**31)
    return issuer.create(name, timedelta(days=days) if days else None, rate)


def _issued(site: Site, asked: Asked, action: str, issue: Callable[[Issuer], Issued]) -> Response:
    try:
        issued = issue(_issuer(site, asked))
    except KeysError as error:
        return _listed(site, asked, fault=str(error))
    _tell(site, asked, f"key {action}", issued.key.id, name=issued.key.name)
    return _listed(site, asked, issued=issued)


def _listed(site: Site, asked: Asked, *, fault: str = "", issued: Issued | None = None) -> Response:
    keys: list[ApiKey] = []
    status = 422 if fault else 200
    try:
        keys = list(_issuer(site, asked).store.keys().values())
    except SecretEmptyError:
        pass  # the page says how the first is made
    except KeysError as error:
        fault, status = fault or str(error), 503
    now = datetime.now(UTC)
    states = {key.id: key.state(now) for key in keys}
    return site.render("keys.html", asked, status=status, keys=keys, states=states, issued=issued, fault=fault)


def _issuer(site: Site, asked: Asked) -> Issuer:
    settings = site.settings
    if not settings.api_keys_secret_id:
        raise RefusedError(404, "API_KEYS_SECRET_ID is not set: this console knows of no keys")
    client = boto3.client("secretsmanager", region_name=settings.aws_region, config=PATIENCE)
    store = KeyStore(client, settings.api_keys_secret_id)
    return Issuer(store, lambda: datetime.now(UTC), lambda: f"{asked.by}, in the console")


def _number(asked: Asked, name: str, otherwise: int | None, *, least: int, most: int) -> int | None:
    if not asked.words(name):
        return otherwise
    found = asked.number(name)
    if found is None or not least <= found <= most:
        raise RefusedError(422, f"{name}: a number from {least:,} to {most:,}")
    return found


def _tell(site: Site, asked: Asked, action: str, key_id: str, **details: str) -> None:
    with site.engine.begin() as connection:
        console_log.tell(connection, asked.by, action, key_id, details)
