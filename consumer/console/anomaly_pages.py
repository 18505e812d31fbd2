"""The anomalies as a list: found, kept as views, exported, decided together."""

from urllib.parse import parse_qsl

from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlalchemy import Connection

from consumer.console import anomalies, export, saved, triage
from consumer.console import log as console_log
from consumer.console.export import Format
from consumer.console.roles import Role
from consumer.console.saved import SavedViewError
from consumer.console.triage import Change, Together
from consumer.console.views import Order, State, View, WrongViewError, read
from consumer.console.web import Asked, RefusedError, Site, own_path
from consumer.rules.ruleset import Severity

MOST_TOGETHER = 1_000


def add_to(site: Site) -> None:
    @site.page("/anomalies", Role.VIEWER)
    def listed(asked: Asked) -> Response:
        return _listed(site, asked, _view(dict(asked.request.query_params)))

    @site.page("/anomalies.{kind}", Role.VIEWER)
    def exported(asked: Asked, kind: str) -> Response:
        if kind not in {*Format}:
            raise RefusedError(404, f"an export is {' or '.join(Format)}")
        view, form = _view(dict(asked.request.query_params)), Format(kind)
        with site.engine.begin() as connection:
            console_log.tell(connection, asked.by, "export", view.query, {"format": form})
        lines = export.lines(site.engine, view, site.rules.severities(), form)
        name = {"Content-Disposition": f'attachment; filename="anomalies.{form}"'}
        return StreamingResponse(lines, media_type=form.media_type, headers=name)

    @site.action("/anomalies/together", Role.ANALYST)
    def decide(asked: Asked) -> Response:
        view = _view_of(asked)
        with site.engine.begin() as connection:
            done = _together(asked, connection)
            details = {"changed": done.changed, "refused": len(done.refused), "to": asked.words("to")}
            console_log.tell(connection, asked.by, "anomalies: together", "", details)
        if not done.refused:
            return RedirectResponse(_address(view), 303)
        return _listed(site, asked, view, refused=done, status=409)

    _add_views(site)


def _add_views(site: Site) -> None:
    @site.action("/views", Role.VIEWER)
    def save(asked: Asked) -> Response:
        view = _view_of(asked)
        try:
            with site.engine.begin() as connection:
                saved.save(connection, asked.session.user_id, asked.words("name"), view)
        except SavedViewError as error:
            return _listed(site, asked, view, fault=str(error), status=422)
        return RedirectResponse(_address(view), 303)

    @site.action("/views/{number:int}/remove", Role.VIEWER)
    def remove(asked: Asked, number: int) -> Response:
        with site.engine.begin() as connection:
            saved.remove(connection, asked.session.user_id, number)
        return RedirectResponse(own_path(asked.form.get("back", "/anomalies")), 303)


def _view(given: dict[str, str]) -> View:
    try:
        return read(given)
    except WrongViewError as error:
        raise RefusedError(400, str(error)) from None


def _view_of(asked: Asked) -> View:
    """The one that a form was sent from."""
    return _view(dict(parse_qsl(asked.form.get("view", ""))))


def _address(view: View) -> str:
    query = view.from_the_start().query
    return f"/anomalies?{query}" if query else "/anomalies"


def _together(asked: Asked, connection: Connection) -> Together:
    """``to`` is a state, or one's name as in `assign:ann`."""
    changes = [_change(asked, text) for text in asked.form.getlist("one")[:MOST_TOGETHER]]
    kind, _, target = asked.words("to").partition(":")
    if kind == "assign":
        return triage.together(connection, changes, lambda one: triage.assign(connection, one, target or None))
    words = asked.words("words")
    return triage.together(
        connection, changes, lambda one: triage.decide(connection, one, triage.state_named(target), words)
    )


def _change(asked: Asked, text: str) -> Change:
    number, _, revision = text.partition(":")
    if not (number.isdecimal() and revision.isdecimal() and len(text) < 40):
        raise RefusedError(400, "an anomaly is named by its number and revision")
    return Change(int(number), int(revision), asked.by)


def _listed(
    site: Site, asked: Asked, view: View, *, refused: Together | None = None, fault: str = "", status: int = 200
) -> Response:
    severities = site.rules.severities()
    with site.engine.connect() as connection:
        page = anomalies.page(connection, view, severities)
        views = saved.of(connection, asked.session.user_id)
        assignees = triage.assignees(connection) if asked.may("analyst") else ()
    return site.render(
        "anomaly_rows.html" if asked.is_partial else "anomalies.html",
        asked,
        status=status,
        page=page,
        view=view,
        views=views,
        severities=severities,
        assignees=assignees,
        refused=refused,
        fault=fault,
        states=list(State),
        orders=list(Order),
        severity_names=list(Severity),
        is_listed=True,
    )
