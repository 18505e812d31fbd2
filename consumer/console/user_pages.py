"""Users, the log of what they did, and everybody's own password."""

from fastapi.responses import RedirectResponse, Response

from consumer.console import handover, sessions, users
from consumer.console import log as console_log
from consumer.console.roles import Role
from consumer.console.users import Refused
from consumer.console.web import Asked, RefusedError, Site
from consumer.errors import CrashError

CHANGES = ("role", "password", "disable", "enable")


def add_to(site: Site) -> None:
    @site.page("/users", Role.ADMIN)
    def listed(asked: Asked) -> Response:
        return _listed(site, asked)

    @site.action("/users", Role.ADMIN)
    def create(asked: Asked) -> Response:
        name, role, password = asked.words("name").lower(), _role(asked), handover.made()
        try:
            with site.engine.begin() as connection:
                users.create(connection, name, role, None if asked.words("sso") == "yes" else password)
                console_log.tell(connection, asked.by, "user made", name, {"role": role})
        except CrashError as error:
            return _listed(site, asked, fault=str(error))
        return _listed(site, asked, told=(name, "" if asked.words("sso") == "yes" else password))

    for what in CHANGES:
        _add_change(site, what)

    _add_log_and_account(site)


def _add_change(site: Site, what: str) -> None:
    @site.action(f"/users/{{name}}/{what}", Role.ADMIN)
    def change(asked: Asked, name: str) -> Response:
        return _changed(site, asked, name, what)


def _add_log_and_account(site: Site) -> None:
    @site.page("/log", Role.ADMIN)
    def log(asked: Asked) -> Response:
        with site.engine.connect() as connection:
            return site.render("log.html", asked, events=console_log.latest(connection))

    @site.page("/account", Role.VIEWER)
    def account(asked: Asked) -> Response:
        return site.render("account.html", asked, fault="", done=False)

    @site.action("/account", Role.VIEWER)
    def own_password(asked: Asked) -> Response:
        return _own_password(site, asked)


def _changed(site: Site, asked: Asked, name: str, what: str) -> Response:
    """Nobody shuts themselves out: another admin must do that."""
    password, told = handover.made(), None
    try:
        with site.engine.begin() as connection:
            user = users.find(connection, name)
            if user.id == asked.session.user_id and what != "password":
                raise CrashError("ask another admin to change your own role or to disable you")
            if what == "role":
                users.set_role(connection, user, _role(asked))
            elif what == "password":
                users.set_password(connection, user, password)
                sessions.end_all(connection, user.id)
                told = name, password
            else:
                users.set_disabled(connection, user, is_disabled=what == "disable")
            console_log.tell(connection, asked.by, f"user: {what}", name, {"role": asked.words("role")})
    except CrashError as error:
        return _listed(site, asked, fault=str(error))
    return _listed(site, asked, told=told) if told else RedirectResponse("/users", 303)


def _own_password(site: Site, asked: Asked) -> Response:
    new = asked.form.get("new", "")
    try:
        with site.engine.begin() as connection:
            found = users.authenticate(connection, asked.by, asked.form.get("old", ""))
            if isinstance(found, Refused):
                fault = "the password that you have now is another one"
            else:
                users.set_password(connection, found, new)
                sessions.end_others(connection, found.id, asked.session.token)
                console_log.tell(connection, asked.by, "own password")
                fault = ""
    except CrashError as error:
        fault = str(error)
    return site.render("account.html", asked, status=422 if fault else 200, fault=fault, done=not fault)


def _listed(site: Site, asked: Asked, *, fault: str = "", told: tuple[str, str] | None = None) -> Response:
    """``told``: a user's name and password, which nobody will see again."""
    with site.engine.connect() as connection:
        found = users.every(connection)
    values = {"found": found, "fault": fault, "shown": told, "roles": list(Role)}
    return site.render("users.html", asked, status=422 if fault else 200, **values)


def _role(asked: Asked) -> Role:
    text = asked.words("role")
    if text not in {*Role}:
        raise RefusedError(422, f"a role is {', '.join(Role)}")
    return Role(text)
