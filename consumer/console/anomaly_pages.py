"""The anomalies: found, looked at, decided."""

from fastapi.responses import RedirectResponse, Response

from consumer.console import anomalies, triage
from consumer.console import log as console_log
from consumer.console.roles import Role
from consumer.console.triage import Change, OvertakenError, TriageError
from consumer.console.views import Order, State, WrongViewError, read
from consumer.console.web import Asked, RefusedError, Site


def add_to(site: Site) -> None:
    @site.page("/", Role.VIEWER)
    def start(asked: Asked) -> Response:
        return RedirectResponse("/anomalies?state=open", 303)

    @site.page("/anomalies", Role.VIEWER)
    def listed(asked: Asked) -> Response:
        try:
            view = read(dict(asked.request.query_params))
        except WrongViewError as error:
            raise RefusedError(400, str(error)) from None
        with site.engine.connect() as connection:
            page = anomalies.page(connection, view)
        template = "anomaly_rows.html" if asked.is_partial else "anomalies.html"
        return site.render(template, asked, page=page, view=view, states=list(State), orders=list(Order))

    @site.page("/anomalies/{number:int}", Role.VIEWER)
    def shown(asked: Asked, number: int) -> Response:
        return _shown(site, asked, number)

    @site.action("/anomalies/{number:int}/state", Role.ANALYST)
    def decide(asked: Asked, number: int) -> Response:
        return _changed(site, asked, number, "state")

    @site.action("/anomalies/{number:int}/assignee", Role.ANALYST)
    def assign(asked: Asked, number: int) -> Response:
        return _changed(site, asked, number, "assignee")

    @site.action("/anomalies/{number:int}/comments", Role.ANALYST)
    def comment(asked: Asked, number: int) -> Response:
        return _changed(site, asked, number, "comment")


def _shown(site: Site, asked: Asked, number: int, fault: str = "", status: int = 200) -> Response:
    with site.engine.connect() as connection:
        row = anomalies.one(connection, number)
        if not row:
            raise RefusedError(404, "there is no such anomaly")
        events, related = triage.events(connection, number), anomalies.related(connection, row)
    ways = triage.WAYS[State(row.state)]
    values = {"row": row, "events": events, "related": related, "ways": ways, "fault": fault}
    return site.render("anomaly.html", asked, status=status, **values)


def _changed(site: Site, asked: Asked, number: int, what: str) -> Response:
    form, by = asked.form, asked.session.name
    revision = int(form["revision"]) if form.get("revision", "").isdecimal() else -1
    change = Change(number, revision, by)
    try:
        with site.engine.begin() as connection:
            if what == "state":
                triage.decide(connection, change, _state(form.get("state", "")), form.get("words", ""))
            elif what == "assignee":
                triage.assign(connection, change, form.get("assignee", "").strip() or None)
            else:
                triage.comment(connection, number, by, form.get("words", ""))
            console_log.tell(connection, by, f"anomaly: {what}", str(number), {"to": form.get(what, "")})
    except TriageError as error:
        return _shown(site, asked, number, str(error), 409 if isinstance(error, OvertakenError) else 422)
    return RedirectResponse(f"/anomalies/{number}", 303)


def _state(text: str) -> State:
    if text not in {*State}:
        raise TriageError(f"a state is {', '.join(State)}")
    return State(text)
