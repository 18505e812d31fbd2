"""Logging in and out."""

from datetime import UTC, datetime

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from consumer.console import log as console_log
from consumer.console import sessions, users
from consumer.console.roles import Role
from consumer.console.users import Refused
from consumer.console.web import Asked, RefusedError, Site, own_path, read_form

log = structlog.get_logger(__name__)
WRONG = "Name or password is wrong."
AT_ONCE = 2
"""Passwords that are looked at: each takes 64 MiB and a core for a while, whoever sends it."""
MOST_WAITING = 100


def add_to(site: Site) -> None:
    guesses, has_sso = CapacityLimiter(AT_ONCE), site.settings.oidc_issuer is not None

    @site.open("GET", "/login")
    async def show(request: Request) -> Response:
        return site.render(
            "login.html", None, to=own_path(request.query_params.get("to", "/")), name="", fault="", has_sso=has_sso
        )

    @site.open("POST", "/login")
    async def enter(request: Request) -> Response:
        """No session is there yet whose token a form could carry: the browser must say that it is our own page."""
        form = await read_form(request)
        if not site.is_same_origin(request):
            raise RefusedError(403, "log in from this site's own page")
        name, to = form.get("name", "").strip().lower()[:64], own_path(form.get("to", "/"))
        if guesses.statistics().tasks_waiting >= MOST_WAITING:
            raise RefusedError(429, "too many people log in at this moment: try again in a minute")
        password = form.get("password", "")
        fault, token = await to_thread.run_sync(_entered, site, name, password, limiter=guesses)
        if not token:
            return site.render("login.html", None, status=401, to=to, name=name, fault=fault, has_sso=has_sso)
        return admit(site, token, to)

    @site.action("/logout", Role.VIEWER)
    def leave(asked: Asked) -> Response:
        with site.engine.begin() as connection:
            sessions.end(connection, asked.session.token)
            console_log.tell(connection, asked.session.name, "log-out")
        response = RedirectResponse("/login", 303)
        response.delete_cookie(site.cookie, secure=site.settings.console_https, httponly=True, samesite="lax")
        return response


def admit(site: Site, token: str, to: str) -> Response:
    """On to where the person wanted, with the new session."""
    response = RedirectResponse(to, 303)
    response.set_cookie(
        site.cookie,
        token,
        max_age=int(site.settings.session.total_seconds()),
        secure=site.settings.console_https,
        httponly=True,
        samesite="lax",
    )
    return response


def _entered(site: Site, name: str, password: str) -> tuple[str, str | None]:
    """What was wrong, or the new session's token."""
    with site.engine.begin() as connection:
        found = users.authenticate(connection, name, password)
        if isinstance(found, Refused):
            return _refusal(connection, name, found), None
        console_log.tell(connection, found.name, "log-in")
        log.info("logged in", user=found.name)
        return "", sessions.begin(connection, found.id, site.settings.session)


def _refusal(connection: Connection, name: str, refused: Refused) -> str:
    console_log.tell(connection, name, "log-in refused")
    log.warning("log-in refused", user=name)
    if not refused.until:
        return WRONG
    seconds = max(1, round((refused.until - datetime.now(UTC)).total_seconds()))
    return f"{WRONG} After so many attempts, wait {seconds} s before the next one."
