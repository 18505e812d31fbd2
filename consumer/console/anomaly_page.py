"""One anomaly: why it was found, what went before, what people made of it."""

from fastapi.responses import RedirectResponse, Response

from consumer.console import anomalies, history, triage
from consumer.console import log as console_log
from consumer.console.roles import Role
from consumer.console.triage import Change, OvertakenError, TriageError
from consumer.console.views import State
from consumer.console.web import Asked, RefusedError, Site
from consumer.errors import ConsumerError


def add_to(site: Site) -> None:
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
            raise RefusedError(404, triage.MISSING)
        known = site.rules.rule(row.rule_id, row.rule_version)
        past = history.look(connection, row, known)
        values = {
            "row": row,
            "events": triage.events(connection, number),
            "related": anomalies.related(connection, row),
            "mail": history.mails(connection, number),
            "assignees": triage.assignees(connection) if asked.may("analyst") else (),
        }
    archive, archive_fault = site.settings.archive, ""
    if archive and asked.request.query_params.get("history") == "archive":
        try:
            past = history.with_archive(past, row, archive, site.settings.aws_region)
        except (ConsumerError, OSError) as error:
            archive_fault = str(error)
    return site.render(
        "anomaly.html",
        asked,
        status=status,
        **values,
        past=past,
        has_archive=archive is not None,
        archive_fault=archive_fault,
        rule=known[0] if known else None,
        severities=site.rules.severities(),
        ways=triage.WAYS[State(row.state)],
        fault=fault,
    )


def _changed(site: Site, asked: Asked, number: int, what: str) -> Response:
    revision = asked.number("revision")
    change = Change(number, -1 if revision is None else revision, asked.by)
    try:
        with site.engine.begin() as connection:
            if what == "state":
                triage.decide(connection, change, triage.state_named(asked.words("state")), asked.words("words"))
            elif what == "assignee":
                triage.assign(connection, change, asked.words("assignee") or None)
            else:
                triage.comment(connection, number, asked.by, asked.words("words"))
            console_log.tell(connection, asked.by, f"anomaly: {what}", str(number), {"to": asked.form.get(what, "")})
    except TriageError as error:
        return _shown(site, asked, number, str(error), 409 if isinstance(error, OvertakenError) else 422)
    return RedirectResponse(f"/anomalies/{number}", 303)
