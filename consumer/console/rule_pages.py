"""The rules: what was published when and by whom, what is different, and what other rules would have found."""

import difflib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import yaml
from fastapi.responses import RedirectResponse, Response

from consumer.backtest.page import MOST_BARS, bars, counts
from consumer.backtest.run import Scope
from consumer.console import backtests
from consumer.console import log as console_log
from consumer.console.backtests import Backtests, BusyError, Wish
from consumer.console.fields import moment
from consumer.console.roles import Role
from consumer.console.web import Asked, RefusedError, Site
from consumer.publishing.reports import reports
from consumer.rules import rulefile
from consumer.rules.document import FaultsError
from consumer.rules.editions import ANNOUNCED, Editions
from consumer.rules.ruleset import RuleSet

LONGEST_TEXT = 256 * 1024


class Shown(NamedTuple):
    """An edition; number 0 are the rules that ship. ``effective_from`` is None where they are always in force, or
    ``is_announced``.
    """

    number: int
    text: str
    rules: RuleSet
    effective_from: datetime | None
    published_at: datetime | None
    published_by: str
    is_announced: bool


def add_to(site: Site) -> None:
    @site.page("/rules", Role.VIEWER)
    def listed(asked: Asked) -> Response:
        known = site.rules.known()
        with site.engine.connect() as connection:
            consumers = reports(connection, site.settings.application_name)
            tried = backtests.latest(connection)
        editions = list(reversed(_editions(site, known.editions)))
        values: dict[str, Any] = {"editions": editions, "consumers": consumers, "tried": tried, "fault": known.fault}
        return site.render("rules.html", asked, **values, has_archive=site.settings.archive is not None)

    @site.page("/rules/{number:int}", Role.VIEWER)
    def shown(asked: Asked, number: int) -> Response:
        editions = _editions(site, site.rules.known().editions)
        one = _edition(editions, number)
        other = _edition(
            editions, _number(asked.request.query_params.get("from"), number - 1 if number else len(editions) - 1)
        )
        return site.render(
            "edition.html",
            asked,
            one=one,
            other=other,
            editions=editions,
            tests=_tests(one.text),
            lines=list(_difference(other, one)),
        )

    _add_backtests(site)


def _add_backtests(site: Site) -> None:
    runs = Backtests(site.engine, site.settings)

    @site.page("/rules/try", Role.ANALYST)
    def begin(asked: Asked) -> Response:
        editions = _editions(site, site.rules.known().editions)
        text = _edition(editions, _number(asked.request.query_params.get("from"), len(editions) - 1)).text
        return _form(site, asked, text)

    @site.action("/rules/try", Role.ANALYST)
    def run(asked: Asked) -> Response:
        return _tried(site, asked, runs)

    @site.page("/backtests/{number:int}", Role.VIEWER)
    def watched(asked: Asked, number: int) -> Response:
        with site.engine.connect() as connection:
            row = backtests.one(connection, number)
        if not row:
            raise RefusedError(404, "there is no such backtest")
        report = backtests.report_of(row)
        charts = {rule.id: list(bars(counts(rule), MOST_BARS)) for rule in report.rules} if report else {}
        template = "backtest_now.html" if asked.is_partial and not row.ended_at else "backtest.html"
        answer = site.render(template, asked, row=row, report=report, charts=charts)
        if asked.is_partial and row.ended_at:
            answer.headers["HX-Redirect"] = f"/backtests/{number}"
        return answer


def _editions(site: Site, known: Editions) -> Sequence[Shown]:
    """In the order of their numbers."""
    found = [Shown(0, site.rules.shipped_text, site.rules.known().every[0], None, None, "", False)]
    for edition, rules in zip(known.editions, known.rules, strict=True):
        is_announced = edition.effective_from == ANNOUNCED
        begin = None if is_announced else edition.effective_from
        times = begin, edition.published_at
        found.append(Shown(edition.number, edition.text, rules, *times, edition.published_by, is_announced))
    return found


def _edition(editions: Sequence[Shown], number: int) -> Shown:
    for one in editions:
        if one.number == number:
            return one
    raise RefusedError(404, f"there is no edition {number}")


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise


def _tests(text: str) -> dict[str, Any]:
    """Of each rule by its id, as they are written."""
    return {rule["id"]: rule["tests"] for rule in yaml.safe_load(text)["rules"]}


def _difference(old: Shown, new: Shown) -> Iterator[tuple[str, str]]:
    """Each line with what became of it: same, gone, new, or where it is."""
    kinds = {"+": "new", "-": "gone", "@": "place"}
    lines = difflib.unified_diff(old.text.splitlines(), new.text.splitlines(), lineterm="")
    for number, line in enumerate(lines):
        if number > 1:
            yield kinds.get(line[:1], "same"), line


def _form(
    site: Site, asked: Asked, text: str, faults: Sequence[object] = (), words: str = "", **given: str
) -> Response:
    editions = _editions(site, site.rules.known().editions)
    return site.render(
        "try.html",
        asked,
        status=422 if faults or words else 200,
        text=text,
        editions=editions,
        faults=faults,
        fault=words,
        archive=site.settings.archive,
        given={"against": str(editions[-1].number), "from": "", "to": "", **given},
    )


def _tried(site: Site, asked: Asked, runs: Backtests) -> Response:
    text = asked.form.get("text", "").replace("\r\n", "\n")
    given = {name: asked.words(name) for name in ("against", "from", "to")}
    if not site.settings.archive:
        return _form(site, asked, text, words="there is no archive to try them on: ARCHIVE is not set", **given)
    if len(text) > LONGEST_TEXT:
        raise RefusedError(413, f"a file of rules has at most {LONGEST_TEXT // 1024} KiB here")
    editions = _editions(site, site.rules.known().editions)
    against = _edition(editions, _number(given["against"], 0))
    try:
        candidate = rulefile.read(text)
        scope = Scope(moment(given["from"]), moment(given["to"]))
        number = runs.begin(Wish(asked.by, text, candidate, against.number, against.rules, scope))
    except FaultsError as error:
        return _form(site, asked, text, faults=error.faults, **given)
    except (BusyError, ValueError) as error:
        return _form(site, asked, text, words=str(error), **given)
    with site.engine.begin() as connection:
        console_log.tell(connection, asked.by, "backtest", str(number))
    return RedirectResponse(f"/backtests/{number}", 303)
