"""Anomalies are found, paged through and decided; and two people do not overwrite each other."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from sqlalchemy import Engine, text

from consumer.console import anomalies, triage
from consumer.console.views import Order, View, WrongViewError, read
from consumer.console.web import Site
from consumer.rules.ruleset import Severity
from tests.integration.console.conftest import LogIn

SEVERITIES = {"large-amount": Severity.MEDIUM, "burst": Severity.HIGH}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILL = """
INSERT INTO anomalies (transaction_id, rule_id, rule_version, reason, amount, sender_id, receiver_id, sender_iban,
    receiver_iban, sender_bank_id, receiver_bank_id, transaction_date, received_at, stream_incarnation, shard_id,
    sequence_number, line)
SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), CASE n % 3 WHEN 0 THEN 'burst' ELSE 'large-amount' END, 1, 'why ' || n,
    n % 7 + 0.5, 's-' || n % 5, 'r-' || n % 4, 'GR' || n, 'GRx', 'B' || n % 2, 'C',
    :noon + n % 11 * interval '1 minute', :noon, 'stream', 'shard', n, 1
FROM generate_series(1, :count) AS n
"""


@pytest.fixture
def filled(owner: Engine) -> int:
    count = 130
    with owner.begin() as connection:
        connection.execute(text(FILL), {"noon": NOON, "count": count})
    return count


def pages(site: Site, view: View, size: int) -> list[list[int]]:
    found = []
    following: View | None = view
    with site.engine.connect() as connection:
        while following:
            page = anomalies.page(connection, following, SEVERITIES, size)
            found.append([row.id for row in page.rows])
            following = page.next and read(dict(httpx.QueryParams(page.next.query)))
    return found


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(
    "narrowed",
    [
        "",
        "rule=burst",
        "severity=high",
        "severity=high&rule=burst",
        "severity=medium&bank=B1",
        "state=open",
        "account=s-1",
        "account=r-1&bank=B1",
        "q=GR1",
        "least=2.5&most=4.5",
        "assignee=nobody",
    ],
)
def test_pages_hold_all_of_it_once_and_in_order(site: Site, filled: int, order: Order, narrowed: str) -> None:
    view = read(dict(httpx.QueryParams(f"order={order}&{narrowed}")))
    (whole,) = pages(site, view, 10_000)
    assert whole
    assert [number for page in pages(site, view, 7) for number in page] == whole
    with site.engine.connect() as connection:
        rows = {row.id: row for row in anomalies.page(connection, view, SEVERITIES, 10_000).rows}
    keys = [(getattr(rows[number], order.column), number) for number in whole]
    assert keys == sorted(keys, reverse=order.is_descending)
    if not narrowed:
        assert len(whole) == filled


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ("known", True),
        ("KUND known", True),
        ("o'brien", True),
        ("geprü", True),
        ("12,000.50", True),
        ("हिन्दी", True),
        ("nown", False),
        ("known stranger", False),
        ("o'b", True),
        ("\\", False),
        ("':*", False),
        ("& |", False),
        ("!known", True),
    ],
)
def test_what_people_wrote_is_found_by_its_words(site: Site, filled: int, asked: str, is_found: bool) -> None:
    words = "O'Brien: a known Kunde, geprüft; 12,000.50 \\ हिन्दी"
    with site.engine.begin() as connection:
        triage.comment(connection, 7, "ann", "nothing of it")
        triage.comment(connection, 8, "ann", words)
        triage.comment(connection, 8, "bob", "known again")
    assert pages(site, read({"q": asked}), 10) == ([[8]] if is_found else [[]])


def test_a_view_survives_its_address() -> None:
    view = read(
        {"q": " GR1 ", "least": "1000.000000000000000001", "from": "2026-11-23T10:00:00+02:00", "order": "largest"}
    )
    assert view.least == Decimal("1000.000000000000000001")
    assert view.begin == NOON - timedelta(hours=4)
    assert read(dict(httpx.QueryParams(view.query))) == view
    assert view.without("q").filters.keys() == {"least", "from"}


@pytest.mark.parametrize(
    "given",
    [
        {"nothing": "1"},
        {"state": "x"},
        {"least": "ten"},
        {"least": "NaN"},
        {"from": "yesterday"},
        {"after": "x~y"},
        {"from": "2026-11-23T10:00:00"},
        {"rule": "x" * 201},
        {"q": "a\0b"},
    ],
)
def test_what_is_no_view_is_told(given: dict[str, str], log_in: LogIn) -> None:
    with pytest.raises(WrongViewError, match=next(iter(given))):
        read(given)
    assert log_in("viewer").get("/anomalies", params=given).status_code == 400


def form(client: httpx.Client, **fields: str) -> dict[str, str]:
    page = client.get("/anomalies/1").text
    (token,) = set(re.findall(r'name="csrf" (?:content|value)="(\w+)"', page))
    (revision,) = set(re.findall(r'name="revision" value="(\d+)"', page))
    return {"csrf": token, "revision": revision, **fields}


def test_an_anomaly_is_dismissed_with_a_reason(log_in: LogIn, filled: int, owner: Engine) -> None:
    ann = log_in("analyst")
    without = ann.post("/anomalies/1/state", data=form(ann, state="dismissed"))
    assert (without.status_code, "Why is it dismissed?" in without.text) == (422, True)
    assert ann.post("/anomalies/1/state", data=form(ann, state="dismissed", words="rent")).status_code == 303
    page = ann.get("/anomalies/1").text
    assert "open → dismissed" in page
    assert "rent" in page
    with owner.connect() as connection:
        query = text('SELECT "by", kind, old, new, words FROM anomaly_events')
        assert [tuple(row) for row in connection.execute(query)] == [("analyst", "state", "open", "dismissed", "rent")]


def test_the_second_of_two_is_told_that_the_first_was_quicker(log_in: LogIn, filled: int) -> None:
    ann, bob = log_in("analyst"), log_in("admin")
    his = form(bob, state="dismissed", words="known")
    assert ann.post("/anomalies/1/state", data=form(ann, state="confirmed")).status_code == 303
    answer = bob.post("/anomalies/1/state", data=his)
    assert (answer.status_code, "It is confirmed now: analyst was quicker" in answer.text) == (409, True)


def test_scripts_of_transactions_are_shown_as_text(log_in: LogIn, filled: int, owner: Engine) -> None:
    script = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    columns = [
        "reason",
        "sender_id",
        "receiver_id",
        "sender_iban",
        "receiver_iban",
        "sender_bank_id",
        "receiver_bank_id",
        "rule_id",
    ]
    with owner.begin() as connection:
        changes = ", ".join(f"{column} = :script" for column in columns)
        connection.execute(text(f"UPDATE anomalies SET {changes} WHERE id IN (1, 2)"), {"script": script})
    ann = log_in("analyst")
    ann.post("/anomalies/1/comments", data=form(ann, words=script))
    for path in ("/anomalies", "/anomalies/1", f"/anomalies?q={script[:20]}"):
        page = ann.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in ann.get("/anomalies/1").text
