"""The dead letters: found, looked at byte by byte, put through the rules again or set aside."""

from typing import Any
from urllib.parse import urlencode

from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection, select

from consumer import breaker_state, letters
from consumer.console import log as console_log
from consumer.console.fields import moment
from consumer.console.roles import Role
from consumer.console.web import Asked, Form, RefusedError, Site
from consumer.errors import ConsumerError
from consumer.letters import Place, Selection, State
from consumer.letters_shown import hexadecimal, readable
from consumer.redrive import Act, Redrive, discard
from consumer.tables import breaker

SHOWN = 200
MOST_TOGETHER = 1_000
"""In one go, while somebody waits; who has more goes on with the rest."""
FILTERS = ("state", "reason", "shard", "from", "to")
SHOWN_BYTES = 16 * 1024


def add_to(site: Site) -> None:
    @site.page("/dead-letters", Role.VIEWER)
    def listed(asked: Asked) -> Response:
        return _listed(site, asked)

    @site.page("/dead-letters/{place}", Role.VIEWER)
    def shown(asked: Asked, place: str) -> Response:
        found = letters.read(site.engine, _place(place), asked.request.query_params.get("stream"))
        if not found:
            raise RefusedError(404, "there is no such dead letter")
        pieces = [(one, readable(one.payload[:SHOWN_BYTES]), hexadecimal(one.payload[:SHOWN_BYTES])) for one in found]
        return site.render("dead_letter.html", asked, pieces=pieces, shown_bytes=SHOWN_BYTES)

    @site.action("/dead-letters/redrive", Role.ANALYST)
    def redrive(asked: Asked) -> Response:
        """Without ``go`` it shows what would happen."""
        return _redriven(site, asked)

    @site.action("/dead-letters/discard", Role.ANALYST)
    def set_aside(asked: Asked) -> Response:
        return _discarded(site, asked)

    @site.action("/dead-letters/breaker", Role.ADMIN)
    def reset(asked: Asked) -> Response:
        if not (note := asked.words("note")):
            return _listed(site, asked, fault="say what was mended before the consumer goes on", status=422)
        with site.engine.begin() as connection:
            breaker_state.reset(connection, site.settings.application_name, asked.by, note)
            console_log.tell(connection, asked.by, "breaker reset", "", {"note": note})
        return RedirectResponse("/dead-letters", 303)


def _listed(site: Site, asked: Asked, *, fault: str = "", status: int = 200) -> Response:
    given = {name: asked.request.query_params.get(name, "").strip() for name in FILTERS}
    selection = _selection(given, limit=SHOWN)
    found = letters.find(site.engine, selection)
    with site.engine.connect() as connection:
        trips = _trips(connection)
    return site.render(
        "dead_letters.html",
        asked,
        status=status,
        found=found,
        count=letters.count(site.engine, selection),
        given=given,
        query=urlencode({name: value for name, value in given.items() if value}),
        states=list(State),
        trips=trips,
        fault=fault,
        readable=_readable,
    )


def _redriven(site: Site, asked: Asked) -> Response:
    selection, alert = _selected(asked.form), asked.words("alert") != "no"
    is_dry = asked.words("go") != "yes"
    act = Act(asked.by, asked.words("note"))
    try:
        known = site.rules.current()
        run = Redrive(site.engine, known, "pending" if alert else "muted", act, dry_run=is_dry)
        outcomes = list(run.run(selection))
    except ConsumerError as error:
        return _listed(site, asked, fault=str(error), status=422)
    if not is_dry:
        with site.engine.begin() as connection:
            details = {"letters": len(outcomes), "faults": sum(one.fault is not None for one in outcomes)}
            console_log.tell(connection, asked.by, "dead letters redriven", "", {**details, "note": act.note})
    return site.render(
        "redriven.html",
        asked,
        outcomes=outcomes,
        is_dry=is_dry,
        faults=sum(one.fault is not None for one in outcomes),
        anomalies=sum(one.anomalies for one in outcomes),
        form=[pair for pair in asked.form.multi_items() if pair[0] not in ("csrf", "go")],
        most=MOST_TOGETHER,
        readable=_readable,
    )


def _discarded(site: Site, asked: Asked) -> Response:
    if not (note := asked.words("note")):
        return _listed(site, asked, fault="say why they are set aside: it stands in their history", status=422)
    count = sum(1 for _ in discard(site.engine, _selected(asked.form, state="open"), Act(asked.by, note)))
    with site.engine.begin() as connection:
        console_log.tell(connection, asked.by, "dead letters discarded", "", {"letters": count, "note": note})
    return RedirectResponse("/dead-letters", 303)


def _selected(form: Form, **fixed: str) -> Selection:
    """Those that are ticked, or else all that the filter finds. Raises RefusedError."""
    if form.get("every") == "yes":
        return _selection({name: form.get(name, "") for name in FILTERS} | fixed, limit=MOST_TOGETHER)
    places = tuple(_place(text) for text in form.getlist("one")[:MOST_TOGETHER])
    if not places:
        raise RefusedError(422, "no dead letter is ticked: go back and tick some, or take all that the filter finds")
    return Selection(None if not fixed else State(fixed["state"]), places)


def _selection(given: dict[str, str], limit: int) -> Selection:
    state = given["state"] or "open"
    if state != "any" and state not in {*State}:
        raise RefusedError(400, f"a state is {', '.join(State)} or any")
    try:
        begin, end = moment(given["from"]), moment(given["to"])
    except ValueError as error:
        raise RefusedError(400, str(error)) from None
    return Selection(
        None if state == "any" else State(state),
        reason=given["reason"] or None,
        shard=given["shard"] or None,
        begin=begin,
        end=end,
        limit=limit,
    )


def _place(text: str) -> Place:
    shard, _, rest = text.partition(":")
    number, _, line = rest.partition(":")
    is_one = shard and number.isdecimal() and line.isdecimal() and len(text) < 300 and int(line) < 2**31
    if not is_one:
        raise RefusedError(400, "a dead letter is named as SHARD:SEQUENCE_NUMBER:LINE")
    return Place(shard, int(number), int(line))


def _trips(connection: Connection) -> list[Any]:
    query = select(breaker).where(breaker.c.tripped_at.is_not(None))
    return list(connection.execute(query))


def _readable(text: str) -> str:
    return readable(text.encode("utf-8", "surrogateescape"))
