"""What every request to the console passes: headers, the session, the role, the token of a form.

A route is made by `Site.page` or `Site.action` and has a role thereby; there is no other way to make one. Only the
log-in and its style sheet answer without a session.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import ImmutableMultiDict

from consumer.console import sessions
from consumer.console.roles import Role
from consumer.console.rulebook import Rulebook
from consumer.console.sessions import Session
from consumer.console.watch import Sources
from consumer.domain import plain
from consumer.errors import ConsumerError
from consumer.logs import describe
from consumer.settings import ConsoleSettings

log = structlog.get_logger(__name__)
MOST_FORM_BYTES = 512 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
SAFE = ("GET", "HEAD")
Form = ImmutableMultiDict[str, str]
EMPTY: Form = ImmutableMultiDict()


class RefusedError(ConsumerError):
    """A request that is not let in; ``status`` is the answer's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A request of somebody who is logged in, and may do this."""

    request: Request
    session: Session
    form: Form = field(default_factory=lambda: EMPTY)

    @property
    def is_partial(self) -> bool:
        """htmx asks for a part of the page."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def by(self) -> str:
        """Who asks."""
        return self.session.name

    def may(self, role: str) -> bool:
        return self.session.role.includes(Role(role))

    def number(self, name: str) -> int | None:
        """Of the form; None where there is none."""
        text = self.form.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None

    def words(self, name: str) -> str:
        """Of the form, without the blanks around them."""
        return self.form.get(name, "").replace("\r\n", "\n").strip()


Answer = Callable[..., Response]


class Site:
    """The app, its routes by role, and what pages are made with."""

    def __init__(
        self,
        engine: Engine,
        settings: ConsoleSettings,
        rules: Rulebook,
        sources: Sources,
    ) -> None:
        self.sources = sources
        self.engine = engine
        self.settings = settings
        self.rules = rules
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        self.roles: dict[tuple[str, str], Role | None] = {}
        """Of method and path; None: without a session."""
        self.templates = Environment(
            loader=PackageLoader("consumer.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters.update(exact=exact, utc=utc, iso=iso, count=count)
        self.app.middleware("http")(_with_headers)
        self.app.add_exception_handler(RefusedError, self._refused)
        self.app.add_exception_handler(404, self._missing)
        self.app.add_exception_handler(405, self._missing)
        for kind in (DBAPIError, PoolTimeoutError):
            self.app.add_exception_handler(kind, self._unavailable)
        self.app.add_exception_handler(Exception, self._failed)

    @property
    def cookie(self) -> str:
        """A name that browsers accept from this host alone, where it is served by HTTPS."""
        return "__Host-session" if self.settings.console_https else "session"

    def page(self, path: str, role: Role) -> Callable[[Answer], Answer]:
        return self._route("GET", path, role)

    def action(self, path: str, role: Role) -> Callable[[Answer], Answer]:
        """What changes something: only from a page of this session's own."""
        return self._route("POST", path, role)

    def _route(self, method: str, path: str, role: Role) -> Callable[[Answer], Answer]:
        def register(answer: Answer) -> Answer:
            async def serve(request: Request) -> Response:
                session = await self._admitted(request, role)
                form = await read_form(request) if method == "POST" else EMPTY
                if method == "POST":
                    self._check_origin(request, session, form)
                _refuse_nul(request.query_params)
                return await run_in_threadpool(answer, Asked(request, session, form), **request.path_params)

            self.roles[method, path] = role
            self.app.add_api_route(path, serve, methods=[method], include_in_schema=False)
            return answer

        return register

    def open(self, method: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Without a session: the log-in."""

        def register(answer: Callable[..., Any]) -> Callable[..., Any]:
            self.roles[method, path] = None
            self.app.add_api_route(path, answer, methods=[method], include_in_schema=False)
            return answer

        return register

    async def _admitted(self, request: Request, role: Role) -> Session:
        session = await run_in_threadpool(self.session_of, request)
        if not session:
            raise RefusedError(401, "log in")
        if not session.role.includes(role):
            raise RefusedError(403, f"this is for the role {role} and above; you are {session.role}")
        return session

    def session_of(self, request: Request, *, is_use: bool = True) -> Session | None:
        """``is_use``: a person asks, and so the session goes on."""
        token = request.cookies.get(self.cookie, "")
        if not 20 <= len(token) <= 100:
            return None
        with self.engine.begin() as connection:
            return sessions.find(connection, token, self.settings.idle, is_use=is_use)

    def render(self, template: str, asked: Asked | None, /, *, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.text(template, asked, **values), status)

    def text(self, template: str, asked: Asked | None, **values: Any) -> str:
        return self.templates.get_template(template).render(asked=asked, **values)

    def is_same_origin(self, request: Request) -> bool:
        """Browsers name the page that a form was sent from. Without a name the token decides alone."""
        origin = request.headers.get("origin")
        own = {request.headers.get("host"), urlsplit(self.settings.console_url or "").netloc}
        return origin is None or (origin != "null" and urlsplit(origin).netloc in own - {""})

    def _check_origin(self, request: Request, session: Session, form: Form) -> None:
        given = request.headers.get("x-csrf-token") or form.get("csrf", "")
        if not self.is_same_origin(request) or not session.is_csrf(given):
            raise RefusedError(403, "this form is not of your session: load its page again")

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        if error.status == 401 and request.method in SAFE and _wants_page(request):
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?to={quote(target, safe='/')}", 303)
        headers = {"HX-Redirect": "/login"} if error.status == 401 else {}
        page = self.render("refused.html", await self._asked(request), status=error.status, words=str(error))
        page.headers.update(headers)
        return page

    async def _missing(self, request: Request, _: Exception) -> Response:
        """Nothing is told apart by those who are not logged in."""
        asked = await self._asked(request)
        if not asked:
            return await self._refused(request, RefusedError(401, "log in"))
        return self.render("refused.html", asked, status=404, words="there is no such page")

    async def _asked(self, request: Request) -> Asked | None:
        """None where nobody is logged in, or that is not known for the moment."""
        try:
            session = await run_in_threadpool(self.session_of, request)
        except SQLAlchemyError:
            return None
        return Asked(request, session) if session else None

    async def _unavailable(self, request: Request, error: Exception) -> Response:
        log.error("the database does not answer", path=request.url.path, error=describe(error))
        words = "the database does not answer in time. Look at what is there now before you try again"
        return self.render("refused.html", None, status=503, words=words)

    async def _failed(self, request: Request, error: Exception) -> Response:
        log.error("a page failed", path=request.url.path, exc_info=error)
        words = "this page failed, and the console's log says why. Look at what is there now before you try again"
        return self.render("refused.html", None, status=500, words=words)


async def read_form(request: Request) -> Form:
    """Raises RefusedError."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM_BYTES:
            raise RefusedError(413, "this is too much for a form")
    try:
        form = ImmutableMultiDict(parse_qsl(bytes(body).decode(), keep_blank_values=True, max_num_fields=2_000))
    except ValueError:
        raise RefusedError(400, "this is no form") from None
    _refuse_nul(form)
    return form


def _refuse_nul(texts: ImmutableMultiDict[str, str]) -> None:
    """PostgreSQL knows no text with it."""
    if any("\0" in text for _, text in texts.multi_items()):
        raise RefusedError(400, "no text here has the character NUL in it")


def exact(amount: Decimal) -> str:
    """All of its digits, in groups of three before the point."""
    whole, point, rest = plain(amount).partition(".")
    return f"{int(whole):,}{point}{rest}"


def utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def iso(moment: datetime) -> str:
    return moment.isoformat()


def count(number: int) -> str:
    return f"{number:,}"


def own_path(text: str) -> str:
    """A path of this site, and else its first page: nobody is sent elsewhere."""
    split = urlsplit(text)
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and not split.scheme and not split.netloc
    return text if is_ours and text.isprintable() and "\\" not in text else "/"


def _wants_page(request: Request) -> bool:
    """And neither a part of one, nor events: who is not logged in is sent to the log-in."""
    is_partial = request.headers.get("hx-request") == "true"
    return not is_partial and request.headers.get("accept") != "text/event-stream"


async def _with_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
    response: Response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
