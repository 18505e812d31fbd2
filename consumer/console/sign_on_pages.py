"""The way to the provider of single sign-on and back, where there is one."""

from hmac import compare_digest

import structlog
from anyio import to_thread
from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from consumer.console import log as console_log
from consumer.console import sessions, users
from consumer.console.login_pages import admit
from consumer.console.single_sign_on import CALLBACK, Provider, SignOnError, attempt_of
from consumer.console.web import Site, own_path

log = structlog.get_logger(__name__)
COOKIE = "sso"
COOKIE_SECONDS = 600


def add_to(site: Site) -> None:
    if not site.settings.oidc_issuer:
        return
    provider, is_https = Provider(site.settings), site.settings.console_https
    cookie = f"__Host-{COOKIE}" if is_https else COOKIE

    @site.open("GET", "/login/sso")
    async def begin(request: Request) -> Response:
        try:
            begun = await to_thread.run_sync(provider.begin, own_path(request.query_params.get("to", "/")))
        except SignOnError as error:
            return _refused(site, error)
        response = RedirectResponse(begun.address, 303)
        response.set_cookie(
            cookie, begun.attempt.text(), max_age=COOKIE_SECONDS, secure=is_https, httponly=True, samesite="lax"
        )
        return response

    @site.open("GET", CALLBACK)
    async def end(request: Request) -> Response:
        try:
            to, token = await to_thread.run_sync(_ended, site, provider, request, request.cookies.get(cookie, ""))
        except SignOnError as error:
            return _refused(site, error)
        response = admit(site, token, to)
        response.delete_cookie(cookie, secure=is_https, httponly=True, samesite="lax")
        return response


def _ended(site: Site, provider: Provider, request: Request, cookie: str) -> tuple[str, str]:
    """Where to go, and the new session's token. Raises SignOnError."""
    attempt = attempt_of(cookie)
    if not compare_digest(request.query_params.get("state", "").encode(), attempt.state.encode()):
        raise SignOnError("this log-in was begun elsewhere: begin it again")
    if refusal := request.query_params.get("error"):
        raise SignOnError(f"the provider refused the log-in: {refusal[:200]}")
    name = provider.name(attempt, str(request.url))
    with site.engine.begin() as connection:
        user = users.enabled(connection, name)
        console_log.tell(connection, name, "log-in" if user else "log-in refused", "", {"by": "single sign-on"})
        token = user and sessions.begin(connection, user.id, site.settings.session)
    if not token:
        log.warning("log-in refused", user=name)
        raise SignOnError(f"{name} may not log in here: an admin makes a user of that name first")
    log.info("logged in", user=name)
    return own_path(attempt.to), token


def _refused(site: Site, error: SignOnError) -> Response:
    return site.render("login.html", None, status=401, to="/", name="", fault=str(error), has_sso=True)
