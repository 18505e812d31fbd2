"""Reads the mails that LocalStack's SES has taken."""

import json
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from infra.local.emulator.mailbox import Mail, raw_mail

MESSAGES_PATH = "/_aws/ses"
TIMEOUT_SECONDS = 10


def read_mailbox(endpoint_url: str) -> list[Mail]:
    """All raw mails, oldest first. Raises OSError."""
    connection = HTTPConnection(urlsplit(endpoint_url).netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", MESSAGES_PATH)
        messages: list[dict[str, Any]] = json.load(connection.getresponse())["messages"]
    finally:
        connection.close()
    return sorted((_mail(message) for message in messages if "RawData" in message), key=lambda mail: mail.sent_at)


def _mail(message: dict[str, Any]) -> Mail:
    sent_at = datetime.fromisoformat(message["Timestamp"]).replace(tzinfo=UTC)
    return raw_mail(message["RawData"].encode(), message["Id"], message["Source"], (), sent_at)
