"""What an attacker would try: scripts, forged forms, other roles, SQL, headers, other sites."""

import csv
import io
import re

import httpx
import pytest
from sqlalchemy import Engine, text

from consumer.console.roles import Role
from consumer.console.web import MOST_FORM_BYTES, Site, own_path
from tests.integration.console import seed
from tests.integration.console.conftest import LogIn
from tests.integration.console.serving import PASSWORD
from tests.integration.console.test_access import csrf

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PLACES = ("id", "iban", "bank_id")
POISONS = (
    """
UPDATE anomalies SET {changes}, rule_values = jsonb_build_object(:script, :script) WHERE id IN (1, 2);
UPDATE dead_letters SET reason = :script, payload = convert_to(:script, 'UTF8'), history = jsonb_build_array(
    jsonb_build_object('at', :script, 'by', :script, 'state', :script, 'note', :script));
UPDATE rule_reports SET worker = :script, fault = :script, reported_at = now();
UPDATE emails SET recipients = ARRAY[:script], last_error = :script, state = 'failed', sent_at = NULL;
UPDATE audits SET by = :script;
INSERT INTO breaker (application, stream_incarnation, tripped_at, shard_id, sequence_number, records, undecodable,
    reasons) VALUES ('payment-anomalies', :script, now(), :script, 1, 1, 1, :script);
INSERT INTO list_entries (list, value, reason, effective_from, added_by, removed_by)
    VALUES (:script, :script, :script, now(), :script, :script);
INSERT INTO console_events (by, action, subject, details)
    VALUES (:script, :script, :script, jsonb_build_object(:script, :script));
INSERT INTO anomaly_events (anomaly_id, by, kind, old, new, words)
    VALUES (1, :script, 'assignee', :script, :script, :script);
INSERT INTO backtests (by, text, against, fault, ended_at) VALUES (:script, :script, 0, :script, now());
""".strip()
    .rstrip(";")
    .split(";\n")
)
HOSTILE = ["' OR 1=1 --", "'; DROP TABLE users; --", "%", "\\", "{0}", "%(x)s", ":x", "\x00", "😀"]


@pytest.fixture
def poisoned(owner: Engine) -> None:
    """Every text that a client, a rule or a colleague writes is a script."""
    seed.fill(owner)
    columns = [f"{party}_{place}" for party in ("sender", "receiver") for place in PLACES]
    changes = ", ".join(f"{column} = :script" for column in ["reason", "rule_id", "assignee", *columns])
    statements = [statement.format(changes=changes) for statement in POISONS]
    with owner.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), {"script": SCRIPT})


@pytest.mark.usefixtures("poisoned")
def test_scripts_are_text_wherever_they_stand(site: Site, log_in: LogIn) -> None:
    client = log_in("admin")
    client.post("/views", data={"csrf": csrf(client), "name": SCRIPT, "view": ""})
    paths = [filled(path) for (method, path), role in site.roles.items() if method == "GET" and role]
    paths += [
        "/dead-letters/shardId-000000000000:1000:1",
        f"/anomalies?q={SCRIPT[:30]}",
        f"/lists?list={SCRIPT}&all=yes",
    ]
    paths += [f"/dead-letters?reason={SCRIPT}&state=any", f"/anomalies?least={SCRIPT}", f"/{SCRIPT}"]
    seen = 0
    for path in paths:
        if path == "/overview/events" or path.startswith("/anomalies."):
            continue
        page = client.get(path)
        if not page.headers["content-type"].startswith("text/html"):
            continue
        assert "<script>alert" not in page.text, path
        assert "<img" not in page.text, path
        seen += "&lt;script&gt;" in page.text
    assert seen >= 12


def filled(path: str) -> str:
    return re.sub(r"\{\w+(:int)?\}", "1", path)


@pytest.mark.usefixtures("poisoned")
def test_charts_are_no_way_out_of_their_attribute(log_in: LogIn) -> None:
    page = log_in("viewer").get("/anomalies/1").text
    (values,) = re.findall(r"data-values='([^']*)'", page)
    assert "<" not in values


def test_a_spreadsheet_calculates_nothing(log_in: LogIn, owner: Engine) -> None:
    seed.fill(owner)
    with owner.begin() as connection:
        connection.execute(text("UPDATE anomalies SET sender_id = '=1+1', reason = E'+a,\"b\"\\nc' WHERE id = 1"))
    client = log_in("viewer")
    rows = list(csv.DictReader(io.StringIO(client.get("/anomalies.csv?q=%3D1").text)))
    assert [(row["sender_id"], row["reason"]) for row in rows] == [("'=1+1", '\'+a,"b"\nc')]
    (line,) = client.get("/anomalies.ndjson?q=%3D1").text.splitlines()
    assert '"sender_id":"=1+1"' in line


@pytest.mark.parametrize("role", list(Role))
def test_no_action_is_done_without_the_sessions_own_token(site: Site, log_in: LogIn, role: Role) -> None:
    client, other = log_in(role.value), log_in("admin")
    for (method, path), wanted in site.roles.items():
        if method == "GET" or wanted is None:
            continue
        for form in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": csrf(other)}):
            if role is Role.ADMIN and form.get("csrf") == csrf(client):
                continue
            assert client.post(filled(path), data=form).status_code == 403, path
        for origin in ("https://evil.example", "null"):
            forged = client.post(filled(path), data={"csrf": csrf(client)}, headers={"origin": origin})
            assert forged.status_code == 403, path
    assert client.get("/anomalies").status_code == 200


def test_a_new_log_in_is_a_new_session(log_in: LogIn) -> None:
    client = log_in("viewer")
    before = client.cookies["session"]
    client.post("/login", data={"name": "viewer", "password": PASSWORD})
    assert client.cookies["session"] != before


def test_the_cookie_is_no_scripts_and_no_other_sites(stranger: httpx.Client, people: None) -> None:
    cookie = stranger.post("/login", data={"name": "viewer", "password": PASSWORD}).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_is_asked_for_is_no_sql(log_in: LogIn, owner: Engine, hostile: str) -> None:
    seed.fill(owner)
    client = log_in("admin")
    asked = [
        {name: hostile} for name in ("q", "rule", "account", "bank", "assignee", "state", "order", "after", "least")
    ]
    for given in asked:
        answer = client.get("/anomalies", params=given)
        assert answer.status_code in (200, 400), given
        assert answer.status_code == 400 or "/anomalies/1" not in answer.text
    for path, name in (("/dead-letters", "reason"), ("/dead-letters", "shard"), ("/lists", "list"), ("/lists", "all")):
        assert client.get(path, params={name: hostile}).status_code in (200, 400)
    for form in ({"name": hostile, "role": "viewer"}, {"name": "x", "role": hostile}):
        assert client.post("/users", data={"csrf": csrf(client), **form}).status_code in (400, 422)
    assert client.get("/users").status_code == 200


def test_no_header_is_written_by_whoever_asks(log_in: LogIn, stranger: httpx.Client, people: None) -> None:
    client = log_in("viewer")
    for path in (
        "/anomalies.csv%0d%0aX-Evil:%201",
        "/anomalies.csv?q=%0d%0aX-Evil:%201",
        "/login?to=/%0d%0aX-Evil:%201",
    ):
        assert "x-evil" not in client.get(path).headers
    forged = stranger.post("/login", data={"name": "viewer", "password": PASSWORD, "to": "/\r\nX-Evil: 1"})
    assert "x-evil" not in forged.headers
    assert forged.headers["location"] == "/"


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", "/%09/evil.example"])
def test_a_form_sends_nobody_elsewhere(log_in: LogIn, back: str) -> None:
    client = log_in("viewer")
    answer = client.post("/views/1/remove", data={"csrf": csrf(client), "back": back})
    assert answer.headers["location"] == own_path(back)
    assert httpx.URL("http://console").join(answer.headers["location"]).host == "console"


def test_a_view_is_its_owners_alone(log_in: LogIn, owner: Engine) -> None:
    ann, bob = log_in("analyst"), log_in("admin")
    ann.post("/views", data={"csrf": csrf(ann), "name": "mine", "view": "rule=burst"})
    assert "mine" in ann.get("/anomalies").text
    assert "mine" not in bob.get("/anomalies").text
    bob.post("/views/1/remove", data={"csrf": csrf(bob)})
    assert "mine" in ann.get("/anomalies").text


def test_too_much_is_refused_before_it_is_read(log_in: LogIn) -> None:
    client = log_in("admin")
    token = csrf(client)
    assert client.post("/lists/add", data={"csrf": token, "values": "x" * MOST_FORM_BYTES}).status_code == 413
    many = "&".join(f"one={number}:0" for number in range(3_000))
    headers = {"x-csrf-token": token, "content-type": "application/x-www-form-urlencoded"}
    assert client.post("/anomalies/together", content=many, headers=headers).status_code == 400


def test_an_admin_cannot_lock_everybody_out(log_in: LogIn) -> None:
    client = log_in("admin")
    for what in ("role", "disable"):
        answer = client.post(f"/users/admin/{what}", data={"csrf": csrf(client), "role": "viewer"})
        assert (answer.status_code, "ask another admin" in answer.text.lower()) == (422, True)
    assert client.get("/users").status_code == 200


def test_a_password_that_an_admin_sets_ends_the_sessions(log_in: LogIn) -> None:
    admin, viewer = log_in("admin"), log_in("viewer")
    answer = admin.post("/users/viewer/password", data={"csrf": csrf(admin)})
    assert answer.status_code == 200
    assert viewer.get("/anomalies").status_code == 303


def test_whoever_does_nothing_is_logged_out_though_the_overview_renews_itself(log_in: LogIn, owner: Engine) -> None:
    client = log_in("viewer")
    with owner.begin() as connection:
        connection.execute(text("UPDATE sessions SET seen_at = now() - interval '59 minutes'"))
    with client.stream("GET", "/overview/events") as events:  # this is a use
        with owner.begin() as connection:
            connection.execute(text("UPDATE sessions SET seen_at = now() - interval '59 minutes'"))
        lines = events.iter_lines()
        next(lines)  # and this is none
        with owner.connect() as connection:
            query = "SELECT seen_at < now() - interval '50 minutes' FROM sessions"
            assert connection.execute(text(query)).scalar_one()
            connection.execute(text("UPDATE sessions SET seen_at = now() - interval '61 minutes'"))
            connection.commit()
        assert "event: over" in "\n".join(lines)
