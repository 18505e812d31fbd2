"""Mails are parsed back, as a mail client would, and judged by what a person would read."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.digest import Anomaly, Digest
from consumer.mail import LONGEST_FIELD, TEXT_WIDTH, DigestMail, headline, money, plain

ID = UUID("5f943861-b6d8-4883-8ce3-e6e04ce3c5a5")
NOON = datetime(2024, 2, 29, 12, 0, 1, 999_999, tzinfo=UTC)
MAIL = DigestMail("Payment alerts <alerts@example.com>")
HEADERS = ["From", "To", "Subject", "X-Digest-Id", "Auto-Submitted", "MIME-Version", "Content-Type"]


def anomaly(amount: str = "2000", **fields: Any) -> Anomaly:
    usual = {
        "transaction_id": UUID(int=7),
        "sender_id": "sender-1",
        "sender_bank_id": "bank-1",
        "receiver_id": "receiver-2",
        "receiver_bank_id": "bank-2",
        "transaction_date": NOON.astimezone(timezone(timedelta(hours=5, minutes=30))),
        "reason": f"amount {amount} is above 1000",
    }
    return Anomaly(amount=Decimal(amount), **{**usual, **fields})


def digest(*shown: Anomaly, count: int | None = None, total: str | None = None) -> Digest:
    exact = Decimal(total) if total else sum((one.amount for one in shown), Decimal(0))
    return Digest(ID, count or len(shown), exact, NOON - timedelta(hours=1), NOON, shown)


def delivered(told: Digest) -> tuple[EmailMessage, str, str]:
    raw = MAIL.render(told, ["ops@example.com", "risk@example.com"])
    message = message_from_bytes(raw, policy=default)
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (part.get_content().replace("\r\n", "\n") for part in parts if part)
    return message, text, html


class Reader(HTMLParser):
    """What a browser sees: the tags with their attributes, and the words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", []))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_digest_tells_what_happened_in_both_parts() -> None:
    told = digest(anomaly("2000"), anomaly("1500.25"), anomaly("1000.01"), count=1234, total="4500.250")
    message, text, html = delivered(told)
    assert list(message.keys()) == HEADERS
    assert message["Subject"] == "1,234 anomalies, 4,500.25 in all (largest 2,000.00)"
    assert (message["From"], message["To"]) == (
        "Payment alerts <alerts@example.com>",
        "ops@example.com, risk@example.com",
    )
    assert (message["X-Digest-Id"], message["Auto-Submitted"]) == (str(ID), "auto-generated")
    assert message.get_content_type() == "multipart/alternative"
    for words in (text, " ".join(Reader(html).words)):
        for expected in (
            message["Subject"],
            "2024-02-29 11:00:01 UTC to 2024-02-29 12:00:01 UTC",
            f"SELECT * FROM anomaly_report WHERE email_id = '{ID}' ORDER BY amount DESC;",
            "2,000.00",
            "1,500.25",
            "1,000.01",
            str(UUID(int=7)),
            "sender-1",
            "bank-1",
            "receiver-2",
            "bank-2",
            "amount 1500.25 is above 1000",
            "1,231 more",
            f"Digest {ID}",
        ):
            assert expected in words


def test_one_anomaly_is_told_in_the_singular_and_hides_nothing() -> None:
    message, text, html = delivered(digest(anomaly("1000.000000000000000001")))
    assert message["Subject"] == "1 anomaly of 1,000.000000000000000001"
    assert " more" not in text + html


def test_a_digest_whose_anomalies_were_deleted_since_is_still_told() -> None:
    assert headline(digest(count=3, total="4500")) == "3 anomalies, 4,500.00 in all (largest 0.00)"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0.00"),
        ("1000", "1,000.00"),
        ("1000.5", "1,000.50"),
        ("1234567.890", "1,234,567.89"),
        ("1E+6", "1,000,000.00"),
        ("99999999999999999999.999999999999999999", "99,999,999,999,999,999,999.999999999999999999"),
        ("0.000000000000000001", "0.000000000000000001"),
    ],
)
def test_amounts_are_exact_and_easy_to_read(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


@given(st.decimals(min_value=0, max_value=10**38, places=18))
def test_no_digit_of_an_amount_is_lost(amount: Decimal) -> None:
    assert Decimal(money(amount).replace(",", "")) == amount


HOSTILE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</style></td></table><img src=x onerror=alert(1)>",
            "x\r\nBcc: thief@example.com\r\n\r\nhello",
            "{{ 7 * 7 }}{% raw %}",
            "&lt;b&gt; &amp;",
            "<!-- ",
            "-- \n\u2028\u202eevil\u200b",
            '" style="position:fixed" x="',
            "=?utf-8?q?x?=",
            "x" * 5000,
        ]
    ),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(HOSTILE, min_size=5, max_size=5))
def test_whatever_stands_in_a_payment_is_shown_and_never_obeyed(texts: list[str]) -> None:
    fields = ("sender_id", "sender_bank_id", "receiver_id", "receiver_bank_id", "reason")
    calm_message, _, calm_html = delivered(digest(anomaly()))
    message, text, html = delivered(digest(anomaly(**dict(zip(fields, texts, strict=True)))))
    assert message.items()[:-1] == calm_message.items()[:-1]
    assert Reader(html).tags == Reader(calm_html).tags
    cells = "".join(Reader(html).words)
    for value in texts:
        assert plain(value) in cells
    assert all(char.isprintable() or char == "\n" for char in text)
    assert all(len(line) <= TEXT_WIDTH for line in text.splitlines() if "SELECT" not in line)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('Müller "Ω" 雪 🙂 O\'Neil', 'Müller "Ω" 雪 🙂 O\'Neil'),
        ("a\tb\r\nc", "a\\u0009b\\u000d\\u000ac"),
        ("pay \u202e001 \u2066x", "pay \\u202e001 \\u2066x"),
        ("y" * LONGEST_FIELD, "y" * LONGEST_FIELD),
        ("y" * (LONGEST_FIELD + 1), "y" * LONGEST_FIELD + "…"),
    ],
)
def test_text_is_shown_on_one_line_with_what_is_invisible_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_digest_of_the_longest_texts_stays_small_and_loads_nothing() -> None:
    long = dict.fromkeys(("sender_id", "receiver_id", "reason"), "雪" * 5000)
    rows = [anomaly("99999999999999999999.999999999999999999", **long) for _ in range(50)]
    assert len(MAIL.render(digest(*rows), ["ops@example.com"])) < 2_000_000
    _, _, html = delivered(digest(*rows))
    assert not {name for _, attributes in Reader(html).tags for name, _ in attributes} & {"src", "href", "background"}
    assert "url(" not in html


def test_an_ordinary_digest_is_not_cut_off_by_mail_clients() -> None:
    """Gmail shows the first 102 kB of a message."""
    assert len(MAIL.render(digest(*[anomaly("123456.78")] * 50, count=50_000), ["ops@example.com"])) < 90_000
