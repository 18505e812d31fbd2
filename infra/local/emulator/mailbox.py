"""Reads the mails that the emulator's SES has taken."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

MESSAGES_PATH = "/_ministack/ses/messages"
DIGEST_HEADER = "X-Digest-Id"
TIMEOUT_SECONDS = 10


class MailboxUnreadableError(Exception):
    """The emulator answered, but not with its mailbox; the message is its answer."""


@dataclass(frozen=True)
class Mail:
    """``to`` holds all recipients. ``headers`` are there for a mail sent raw, by the names that it gave them."""

    message_id: str
    source: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    sent_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest_id(self) -> str | None:
        """The e-mail's own id, by which an extra copy is known."""
        return self.headers.get(DIGEST_HEADER)


def read_mailbox(endpoint_url: str) -> list[Mail]:
    """All mails of all accounts, oldest first. Raises OSError and MailboxUnreadableError."""
    accounts = _get(endpoint_url)["messages"]
    mails = [_mail(message) for messages in accounts.values() for message in messages]
    return sorted(mails, key=lambda mail: mail.sent_at)


def _get(endpoint_url: str) -> Any:
    connection = HTTPConnection(urlsplit(endpoint_url).netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", MESSAGES_PATH)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise MailboxUnreadableError(f"{response.status}: {body.decode(errors='replace')}")
    return json.loads(body)


def _mail(message: Mapping[str, Any]) -> Mail:
    sent_at = datetime.fromtimestamp(message["Timestamp"], UTC)
    if "RawMessage" in message:
        raw = base64.b64decode(message["RawMessage"])
        return raw_mail(raw, message["MessageId"], message["Source"], message["Destinations"], sent_at)
    return Mail(
        message_id=message["MessageId"],
        source=message["Source"],
        to=tuple(message["To"] + message["CC"] + message["BCC"]),
        subject=message["Subject"],
        text=message["BodyText"] or "",
        html=message["BodyHtml"] or "",
        sent_at=sent_at,
    )


def raw_mail(raw: bytes, message_id: str, source: str, to: Sequence[str], sent_at: datetime) -> Mail:
    """A mail sent raw; what SES was not told, its headers tell."""
    mime = message_from_bytes(raw, policy=default)
    assert isinstance(mime, EmailMessage)
    return Mail(
        message_id=message_id,
        source=source or str(mime["From"]),
        to=tuple(to) or _recipients(mime),
        subject=str(mime["Subject"] or ""),
        text=_body(mime, "plain"),
        html=_body(mime, "html"),
        sent_at=sent_at,
        headers={name: str(value) for name, value in mime.items()},
    )


def _recipients(mime: EmailMessage) -> tuple[str, ...]:
    lists = [str(value) for name in ("To", "Cc", "Bcc") for value in mime.get_all(name, [])]
    return tuple(address for _, address in getaddresses(lists))


def _body(mime: EmailMessage, kind: str) -> str:
    part = mime.get_body((kind,))
    return str(part.get_content()) if part else ""
