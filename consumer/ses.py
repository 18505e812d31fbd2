"""Amazon SES (v1) as the notifier needs it: send a message, read the quota, and know which errors pass.

SES has no idempotency token. A send whose answer was lost may have been accepted; it counts as failed for now, and
the copy that follows carries the same digest id.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Protocol, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

Result = TypeVar("Result")

LONGEST_REASON = 500
UNLIMITED = -1

# Only what the message or its addresses are to blame for is refused for good: these codes, `REFUSED_PREFIX`, and
# MessageRejected by its text. Whatever is not named here passes, known or not: throttling under any name and status,
# a stopped account, credentials and permissions, a configuration set that is missing (the settings or the identity name
# it, not the message), a proxy's 404 or 413. A passing error that was taken for a refusal costs a digest at every
# interval; a refusal that was taken for passing keeps one waiting, in sight.
REFUSED = frozenset(
    {
        "MailFromDomainNotVerified",  # the sender's own MAIL FROM domain has no MX record that SES can read
        "MailFromDomainNotVerifiedException",  # what SES calls it on the wire
        "MalformedQueryString",  # the request as built from this message can't be read
        "MissingParameter",  # the message lacks a part that SES demands
        "ValidationError",  # the message or an address breaks a rule of SES
    }
)
REFUSED_PREFIX = "InvalidParameter"  # …Value: an address or header that is none, too many, too large; …Combination

# MessageRejected is said of the message (unverified identity, virus, blacklisted address) and of the account alike.
UNVERIFIED = re.compile(r"not verified", re.IGNORECASE)
ACCOUNT = re.compile(
    r"suspend|paus|disabled|shut ?down|under review|sandbox"  # whether it may send at all
    r"|throttl|quota|rate exceeded|temporar|try again",  # whether it may send now
    re.IGNORECASE,
)
QUOTED_ADDRESS = re.compile(r"\S*@\S*")  # whose own words decide nothing


class MailError(Exception):
    """SES did not take the message. ``code`` is its name for why and safe to log; the text may name addresses."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}"[:LONGEST_REASON])
        self.code = code
        self.message = message


class MailPassingError(MailError):
    """The same message may be taken later, after ``delay`` seconds where that is known: the world is down or busy."""

    def __init__(self, code: str, message: str, delay: float | None = None) -> None:
        super().__init__(code, message)
        self.delay = delay


class MailRefusedError(MailError):
    """The same message will be refused again, for what it holds or whom it names."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What SES allows, in recipients: ``per_day`` in any 24 hours (-1: no limit), of which ``sent`` are spent."""

    per_day: float
    per_second: float
    sent: float

    @property
    def left(self) -> float:
        return float("inf") if self.per_day == UNLIMITED else self.per_day - self.sent


class SesClient(Protocol):
    """The part of boto3's client that is used here."""

    def send_raw_email(
        self,
        *,
        Source: str,  # noqa: N803
        Destinations: list[str],  # noqa: N803
        RawMessage: Any,  # noqa: N803
        ConfigurationSetName: str = ...,  # noqa: N803
    ) -> Any: ...

    def get_send_quota(self) -> Any: ...


class Ses:
    """Sends mail from ``sender``, with ``configuration_set`` where there is one; nothing of boto3's is raised."""

    def __init__(self, client: SesClient, sender: str, configuration_set: str | None = None) -> None:
        self._client = client
        self._address = _address(sender)
        self._options = {"ConfigurationSetName": configuration_set} if configuration_set else {}

    def send(self, message: bytes, recipients: Sequence[str]) -> str:
        """SES's id of the message, once SES has accepted it. Raises `MailPassingError` or `MailRefusedError`."""
        envelope = [_address(name) for name in recipients]
        return _translated(lambda: self._send(message, envelope))

    def quota(self) -> Quota:
        """Raises `MailPassingError`: no message is worse for a quota that can't be read."""
        try:
            return _translated(lambda: _quota(self._client.get_send_quota()))
        except MailRefusedError as error:
            raise MailPassingError(error.code, error.message) from error

    def _send(self, message: bytes, envelope: list[str]) -> str:
        raw = {"Data": message}
        answer = self._client.send_raw_email(
            Source=self._address, Destinations=envelope, RawMessage=raw, **self._options
        )
        return str(answer["MessageId"])


def _quota(answer: Mapping[str, float]) -> Quota:
    return Quota(answer["Max24HourSend"], answer["MaxSendRate"], answer["SentLast24Hours"])


def _address(name: str) -> str:
    """``a@b`` of ``Alerts <a@b>``: the envelope takes no names, which may be outside ASCII."""
    return parseaddr(name)[1]


def ses_client(region: str) -> SesClient:
    """A client that gives up in seconds and never tries again by itself: the outbox does, in sight of everyone."""
    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
    return boto3.client("ses", region_name=region, config=config)


def _translated(call: Callable[[], Result]) -> Result:
    try:
        return call()
    except ClientError as error:
        raise _translation(error) from error
    except ParamValidationError as error:
        raise MailRefusedError("InvalidParameterValue", str(error)) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise MailPassingError(type(error).__name__, str(error)) from error
    except KeyError as error:  # how botocore meets a well-formed page in place of SES's answer
        raise MailPassingError("UnreadableAnswer", f"something other than SES answered, without {error}") from error


def _translation(error: ClientError) -> MailError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    told = error.response.get("Error", {})  # a proxy's page has none
    code = told.get("Code") or "Unknown"
    message = told.get("Message") or f"HTTP status {status}"
    return MailRefusedError(code, message) if _is_refusal(code, message) else MailPassingError(code, message)


def _is_refusal(code: str, message: str) -> bool:
    if code == "MessageRejected":
        return UNVERIFIED.search(message) is not None or not ACCOUNT.search(QUOTED_ADDRESS.sub("", message))
    return code in REFUSED or code.startswith(REFUSED_PREFIX)
