"""The lists that rules ask for: who stands in them, since when and why."""

from datetime import UTC, datetime

from fastapi.responses import RedirectResponse, Response

from consumer import lists
from consumer.console import log as console_log
from consumer.console.fields import moment
from consumer.console.roles import Role
from consumer.console.web import Asked, Site
from consumer.errors import CrashError
from consumer.lists import Change
from consumer.rules.declarations import NAME

LONGEST = 1_000
MOST_VALUES = 1_000


def add_to(site: Site) -> None:
    @site.page("/lists", Role.VIEWER)
    def listed(asked: Asked) -> Response:
        return _listed(site, asked)

    @site.action("/lists/add", Role.ANALYST)
    def add(asked: Asked) -> Response:
        return _changed(site, asked, is_addition=True)

    @site.action("/lists/remove", Role.ANALYST)
    def remove(asked: Asked) -> Response:
        return _changed(site, asked, is_addition=False)


def _listed(site: Site, asked: Asked, fault: str = "") -> Response:
    named = asked.request.query_params.get("list") or None
    is_all = asked.request.query_params.get("all") == "yes"
    now = datetime.now(UTC)
    with site.engine.connect() as connection:
        found = lists.kept(connection, named, at=None if is_all else now)
    declared = {name: kind for rules in site.rules.known().every for name, kind in rules.lists.items()}
    values = {"found": found, "declared": declared, "named": named, "is_all": is_all, "now": now, "fault": fault}
    return site.render("lists.html", asked, status=422 if fault else 200, **values, given=asked.form)


def _changed(site: Site, asked: Asked, *, is_addition: bool) -> Response:
    name, reason = asked.words("list"), asked.words("reason")
    values = [line.strip() for line in asked.form.get("values", "").splitlines() if line.strip()]
    try:
        _check(name, values, reason)
        change = Change(name, values, reason, asked.by)
        with site.engine.begin() as connection:
            if is_addition:
                lists.add(connection, change, moment(asked.words("expires")))
            else:
                lists.remove(connection, change)
            action = "list: added" if is_addition else "list: removed"
            console_log.tell(connection, asked.by, action, name, {"values": values, "reason": reason})
    except (CrashError, ValueError) as error:
        return _listed(site, asked, str(error))
    return RedirectResponse("/lists", 303)


def _check(name: str, values: list[str], reason: str) -> None:
    """Raises CrashError."""
    if not NAME.fullmatch(name):
        raise CrashError("a list's name has small letters, digits and _, 40 at most")
    if not 1 <= len(values) <= MOST_VALUES or any(len(one) > LONGEST or not one.isprintable() for one in values):
        raise CrashError(f"name 1 to {MOST_VALUES:,} values, one a line, of at most {LONGEST:,} printable characters")
    if not reason or len(reason) > LONGEST:
        raise CrashError("say why: it stands beside the entry for ever")
