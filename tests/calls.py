"""Reads which AWS actions the emulator has seen, by caller."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

from infra.local.emulator.calls import CALLS_PATH


def read_calls(endpoint_url: str) -> dict[str, list[str]]:
    """Caller (the id of its access key) → IAM actions."""
    connection = HTTPConnection(urlsplit(endpoint_url).netloc, timeout=10)
    try:
        connection.request("GET", CALLS_PATH)
        answer = connection.getresponse()
        assert answer.status == 200
        found: dict[str, list[str]] = json.load(answer)
        return found
    finally:
        connection.close()
