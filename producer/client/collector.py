"""The collector as its client sees it: one POST, one answer."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import msgspec
import urllib3

PATH = "/collector/transactions"
CONNECT_SECONDS = 5.0
READ_SECONDS = 35.0  # longer than any gateway waits


class LostAnswerError(Exception):
    """No answer, or none that can be read: what became of the records is not known."""


class UnusableError(Exception):
    """The address or the key can't be used for any request."""


class FieldError(msgspec.Struct):
    field: str
    message: str


class Receipt(msgspec.Struct):
    """What became of one record: accepted, rejected (then with errors) or unavailable."""

    status: str
    errors: list[FieldError] = []

    def fields_and_messages(self) -> tuple[tuple[str, str], ...]:
        return tuple((error.field, error.message) for error in self.errors)


class _Body(msgspec.Struct):
    records: list[Receipt] = []
    detail: str = ""


class Answer(msgspec.Struct):
    """An HTTP answer; `retry_after` is in seconds, 0 if the collector named none. One receipt a record, if any."""

    status: int
    detail: str
    retry_after: float
    receipts: list[Receipt]


class Collector:
    """Posts records to `url`, which is the collector's base or its full path. Raises UnusableError."""

    def __init__(
        self, url: str, api_key: str, connections: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        base = url.rstrip("/")
        _require_usable(base, api_key)
        self._url = base if base.endswith(PATH) else base + PATH
        self._headers = {"x-api-key": api_key, "content-type": "application/json"}
        self._now = now
        self._pool = urllib3.PoolManager(maxsize=connections, block=True, retries=False, headers=self._headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.clear()

    def post(self, records: list[bytes]) -> Answer:
        """Sends the records' bytes as they are. Raises LostAnswerError."""
        body = b'{"records":[' + b",".join(records) + b"]}"
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        try:
            response = self._pool.request("POST", self._url, body=body, redirect=False, timeout=timeout)
        except urllib3.exceptions.HTTPError as error:
            raise LostAnswerError(f"no answer ({type(error).__name__})") from error
        return self._read(response, len(records))

    def _read(self, response: urllib3.BaseHTTPResponse, count: int) -> Answer:
        body = _body(response.data)
        if response.status in (202, 207, 422) and len(body.records) != count:
            raise LostAnswerError(f"an answer {response.status} without a receipt for each record")
        wait = _seconds(response.headers.get("retry-after"), self._now)
        return Answer(response.status, body.detail or (response.reason or ""), wait, body.records)


def _require_usable(url: str, api_key: str) -> None:
    try:
        parsed = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationValueError:
        parsed = urllib3.util.Url()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UnusableError("the collector's address must be an http or https URL")
    if not (api_key.isascii() and api_key.isprintable() and api_key):
        raise UnusableError("the API key must be printable ASCII text")


def _body(data: Any) -> _Body:
    try:
        return msgspec.json.decode(data, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Body()


def _seconds(retry_after: str | None, now: Callable[[], datetime]) -> float:
    """Retry-After in either of its forms, a number of seconds or a date."""
    if not retry_after:
        return 0.0
    if retry_after.isdecimal():
        return float(retry_after[:9])
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now()).total_seconds())
    except (TypeError, ValueError):
        return 0.0
