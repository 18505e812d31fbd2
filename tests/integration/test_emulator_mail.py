"""The mailbox shows every mail that SES took, whole."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from infra.local.emulator.mailbox import Mail, read_mailbox
from tests.integration.emulator import Emulator, running

SENDER = "alerts@payments.example"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as found:
        found.client("ses").verify_email_identity(EmailAddress=SENDER)
        yield found


def mime(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = '"Doe, Ann" <ann@payments.example>'
    message["Cc"] = "bob@payments.example"
    message["Subject"] = "Überweisung € 1000.01"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Größe: 1000.01 €\n")
    message.add_alternative("<p>Größe</p>\n", subtype="html")
    message.add_attachment("not the body\n", filename="list.txt")
    return message


def sent(emulator: Emulator, message_id: str) -> Mail:
    return next(mail for mail in read_mailbox(emulator.url) if mail.message_id == message_id)


def test_a_raw_mail_keeps_its_headers_bodies_and_recipients(emulator: Emulator) -> None:
    before = datetime.now(UTC)
    message_id = emulator.client("ses").send_raw_email(
        Source=SENDER,
        Destinations=["ann@payments.example", "bob@payments.example", "hidden@payments.example"],
        RawMessage={"Data": mime(X_Digest_Id="6b1f").as_bytes()},
    )["MessageId"]
    mail = sent(emulator, message_id)
    assert mail.digest_id == mail.headers["X-Digest-Id"] == "6b1f"
    assert mail.to == ("ann@payments.example", "bob@payments.example", "hidden@payments.example")
    assert (mail.source, mail.subject) == (SENDER, "Überweisung € 1000.01")
    assert (mail.text, mail.html) == ("Größe: 1000.01 €\n", "<p>Größe</p>\n")
    assert before <= mail.sent_at <= datetime.now(UTC)


def test_a_raw_mail_says_itself_whom_it_is_for(emulator: Emulator) -> None:
    message_id = emulator.client("ses").send_raw_email(RawMessage={"Data": mime().as_bytes()})["MessageId"]
    mail = sent(emulator, message_id)
    assert (mail.source, mail.to) == (SENDER, ("ann@payments.example", "bob@payments.example"))
    assert mail.digest_id is None


def test_a_mail_sent_by_its_parts_is_shown_too(emulator: Emulator) -> None:
    message_id = emulator.client("ses").send_email(
        Source=SENDER,
        Destination={"ToAddresses": ["ann@payments.example"], "BccAddresses": ["hidden@payments.example"]},
        Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}, "Html": {"Data": "<b>h</b>"}}},
    )["MessageId"]
    mail = sent(emulator, message_id)
    assert mail.to == ("ann@payments.example", "hidden@payments.example")
    assert (mail.source, mail.subject, mail.text, mail.html) == (SENDER, "s", "t", "<b>h</b>")
