"""What pages show, and what becomes of what people do there."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from consumer.console import anomalies, export, overview_pages
from consumer.console.export import Format
from consumer.console.main import compose
from consumer.console.views import read
from consumer.console.web import Site
from consumer.settings import ConsoleSettings
from tests.integration.conftest import CONSOLE_ROLE, as_user
from tests.integration.console import seed
from tests.integration.console.conftest import LogIn
from tests.integration.console.test_access import csrf


@pytest.fixture
def filled(owner: Engine) -> None:
    seed.fill(owner)


def scalar(owner: Engine, query: str) -> object:
    with owner.connect() as connection:
        return connection.execute(text(query)).scalar_one()


TRIP = """
INSERT INTO breaker (application, stream_incarnation, tripped_at, shard_id, sequence_number, records, undecodable,
    reasons) VALUES ('payment-anomalies', 's', now(), 's', 1, 1, 1, 'r')
"""
LATE = "UPDATE alerts SET state = 'pending', email_id = NULL, created_at = now() - interval '20 minutes'"
CONCERNS = {
    "UPDATE audits SET is_clean = FALSE": "The last audit found a difference",
    "UPDATE rule_reports SET reported_at = now() - interval '2 minutes'": "No consumer has said",
    "UPDATE rule_reports SET fault = 'broken', reported_at = now()": "cannot be taken up by worker-0",
    "UPDATE emails SET state = 'failed', created_at = now()": "SES has refused 1 e-mail for good",
    LATE: "Alerts have waited for an e-mail",
    TRIP: "The breaker has stopped the consumer",
}


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("change", CONCERNS)
def test_the_overview_says_what_needs_somebody(log_in: LogIn, owner: Engine, change: str) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE rule_reports SET reported_at = now()"))
        connection.execute(text("DELETE FROM dead_letters"))
    client = log_in("viewer")
    assert "All is well" in client.get("/").text
    with owner.begin() as connection:
        connection.execute(text(change))
    wait_for(client, CONCERNS[change])


def wait_for(client: httpx.Client, words: str) -> None:
    """In the next renewal."""
    with client.stream("GET", "/overview/events") as events:
        seen = ""
        for line in events.iter_lines():
            seen += line
            if words in seen:
                return
            assert len(seen) < 200_000, seen[:2_000]


def test_only_so_many_watch_at_once(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview_pages, "MOST_WATCHING", 1)
    client = log_in("viewer")
    with client.stream("GET", "/overview/events") as first:
        lines = first.iter_lines()
        assert next(lines)
        second = client.get("/overview/events")
        assert (second.status_code, "people watch this console" in second.text) == (503, True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # the first is over once its next renewal meets nobody
        with client.stream("GET", "/overview/events") as third:
            if third.status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("a place is never free again")


@pytest.mark.usefixtures("filled")
def test_an_export_holds_the_whole_view_and_says_so_in_the_log(log_in: LogIn, owner: Engine, site: Site) -> None:
    client = log_in("viewer")
    answer = client.get("/anomalies.ndjson?rule=burst&order=largest")
    assert answer.headers["content-disposition"] == 'attachment; filename="anomalies.ndjson"'
    rows = [json.loads(line, parse_float=str) for line in answer.text.splitlines()]
    with site.engine.connect() as connection:
        view = read({"rule": "burst", "order": "largest"})
        expected = anomalies.page(connection, view, {}, 1_000).rows
    assert [(row["id"], row["amount"]) for row in rows] == [(row.id, str(row.amount)) for row in expected]
    assert scalar(owner, "SELECT subject FROM console_events WHERE action = 'export'") == "rule=burst&order=largest"
    assert client.get("/anomalies.xlsx").status_code == 404


@pytest.mark.usefixtures("filled")
def test_an_export_goes_on_from_piece_to_piece(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS", 7)
    pieces = list(export.lines(site.engine, read({"order": "oldest"}), {}, Format.NDJSON))
    assert len(pieces) == -(-seed.COUNT // 7)
    numbers = [json.loads(line)["id"] for piece in pieces for line in piece.splitlines()]
    assert numbers == list(range(1, seed.COUNT + 1))


@pytest.mark.usefixtures("filled")
def test_a_redrive_is_first_tried_and_then_done_by_whoever_is_logged_in(log_in: LogIn, owner: Engine) -> None:
    client = log_in("analyst")
    form = {"csrf": csrf(client), "every": "yes", "state": "open", "note": "v2 is understood now"}
    assert "What a redrive would do" in client.post("/dead-letters/redrive", data=form).text
    assert scalar(owner, "SELECT count(*) FROM dead_letters WHERE state = 'open'") == 2
    client.post("/dead-letters/redrive", data={**form, "go": "yes", "alert": "no"})
    assert scalar(owner, "SELECT history->0->>'by' FROM dead_letters WHERE state = 'redriven'") == "analyst"
    assert scalar(owner, "SELECT state FROM alerts WHERE anomaly_id = (SELECT max(id) FROM anomalies)") == "muted"


@pytest.mark.usefixtures("filled")
def test_nothing_is_redriven_or_discarded_by_mistake(log_in: LogIn, owner: Engine) -> None:
    client = log_in("analyst")
    token = csrf(client)
    assert client.post("/dead-letters/redrive", data={"csrf": token, "go": "yes"}).status_code == 422
    assert client.post("/dead-letters/discard", data={"csrf": token, "every": "yes"}).status_code == 422
    assert client.post("/dead-letters/redrive", data={"csrf": token, "one": "x", "go": "yes"}).status_code == 400
    assert scalar(owner, "SELECT count(*) FROM dead_letters WHERE state = 'open'") == 2


@pytest.mark.usefixtures("filled")
def test_the_breaker_is_reset_by_an_admin_who_says_why(log_in: LogIn, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text(TRIP))
    client = log_in("admin")
    token = csrf(client)
    assert client.post("/dead-letters/breaker", data={"csrf": token}).status_code == 422
    assert client.post("/dead-letters/breaker", data={"csrf": token, "note": "mended"}).status_code == 303
    assert scalar(owner, "SELECT history->-1->>'by' FROM breaker WHERE tripped_at IS NULL") == "admin"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"list": "Bad Name"}, "small letters"),
        ({"list": "trusted", "values": ""}, "name 1 to"),
        ({"list": "trusted", "values": "x", "reason": " "}, "say why"),
        ({"list": "trusted", "values": "x", "reason": "y", "expires": "soon"}, "a time is written"),
        ({"list": "trusted", "values": "x", "reason": "y", "expires": "2020-01-01T00:00:00Z"}, "would expire"),
    ],
)
def test_a_wrong_entry_is_told(log_in: LogIn, owner: Engine, form: dict[str, str], words: str) -> None:
    client = log_in("analyst")
    answer = client.post("/lists/add", data={"csrf": csrf(client), "values": "x", "reason": "y", **form})
    assert (answer.status_code, words in answer.text.lower()) == (422, True)
    assert scalar(owner, "SELECT count(*) FROM list_entries") == 0


def test_without_an_archive_no_backtest_begins(log_in: LogIn, owner: Engine) -> None:
    client = log_in("analyst")
    answer = client.post("/rules/try", data={"csrf": csrf(client), "text": seed.RULES, "against": "0"})
    assert (answer.status_code, "ARCHIVE is not set" in answer.text) == (422, True)
    assert scalar(owner, "SELECT count(*) FROM backtests") == 0


@pytest.mark.parametrize("given", [{"from": "yesterday"}, {"to": "2026-11-23T10:00:00"}, {"against": "7"}])
def test_a_wrong_scope_is_told(
    owner_url: str, log_in: LogIn, given: dict[str, str], tmp_path: Path, site: Site
) -> None:
    site.settings = site.settings.model_copy(update={"archive": str(tmp_path)})
    client = log_in("analyst")
    form = {"csrf": csrf(client), "text": seed.RULES, "against": "0", **given}
    assert client.post("/rules/try", data=form).status_code in (404, 422)


@pytest.mark.usefixtures("filled")
def test_a_backtest_whose_console_is_gone_is_interrupted(log_in: LogIn, owner: Engine) -> None:
    with owner.begin() as connection:
        statement = (
            "INSERT INTO backtests (by, text, against, seen_at) VALUES ('ann', 'x', 0, now() - interval '1 minute')"
        )
        connection.execute(text(statement))
    client = log_in("viewer")
    assert "It was interrupted" in client.get("/backtests/1").text
    assert "interrupted" in client.get("/rules").text
    assert client.get("/backtests/2").status_code == 404


@pytest.fixture
def without_database() -> Iterator[Site]:
    """Nobody listens there."""
    url = "postgresql://console:x@127.0.0.1:1/payments"
    found = compose(ConsoleSettings(database_url=url, console_https=False))
    yield found
    found.engine.dispose()


def test_without_a_database_the_page_says_so(without_database: Site) -> None:
    transport = httpx.ASGITransport(without_database.app, raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        cookies = {"session": "x" * 43}
        async with httpx.AsyncClient(transport=transport, base_url="http://console", cookies=cookies) as client:
            return await client.get("/anomalies")

    answer = asyncio.run(ask())
    assert answer.status_code == 503
    assert "database does not answer" in answer.text


def test_rules_that_cannot_be_read_are_told_and_the_rest_goes_on(owner_url: str, tmp_path: Path) -> None:
    broken = tmp_path / "published.json"
    broken.write_text("nothing")
    settings = ConsoleSettings(database_url=as_user(owner_url, CONSOLE_ROLE), console_https=False, rules=str(broken))
    known = compose(settings).rules.known()
    assert known.fault
    assert "this is no book of rules" in known.fault
    assert known.editions.editions == ()
