"""Amazon SES (v1) as the notifier needs it: send a message, read the quota, and know which errors pass.

SES has no idempotency token. A send whose answer was lost may have been accepted; it counts as failed for now, and
the copy that follows carries the same digest id.
"""

from collections.abc import Callable, Sequence
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

PASSING = frozenset(
    {
        # Too much, or too fast, for now
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        # An operator stopped the mail and will let it go again
        "AccountSendingPausedException",
        "ConfigurationSetSendingPausedException",
        # Credentials and permissions, which are mended without a change of the e-mail
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        # SES is unwell
        "InternalError",
        "InternalFailure",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
REFUSED = frozenset(
    {
        "ConfigurationSetDoesNotExist",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "MailFromDomainNotVerifiedException",
        "MalformedQueryString",
        "MessageRejected",
        "MissingParameter",
        "ValidationError",
    }
)


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
    """The same message will be refused again."""


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

    def send_raw_email(self, *, Source: str, Destinations: list[str], RawMessage: Any) -> Any: ...  # noqa: N803

    def get_send_quota(self) -> Any: ...


class Ses:
    """Sends mail from ``sender``; nothing of boto3's is raised."""

    def __init__(self, client: SesClient, sender: str) -> None:
        self._client = client
        self._address = _address(sender)

    def send(self, message: bytes, recipients: Sequence[str]) -> str:
        """SES's id of the message, once SES has accepted it. Raises `MailPassingError` or `MailRefusedError`."""
        answer = _translated(
            lambda: self._client.send_raw_email(
                Source=self._address, Destinations=[_address(name) for name in recipients], RawMessage={"Data": message}
            )
        )
        return str(answer["MessageId"])

    def quota(self) -> Quota:
        """Raises `MailPassingError`: no message is worse for a quota that can't be read."""
        try:
            answer = _translated(self._client.get_send_quota)
        except MailRefusedError as error:
            raise MailPassingError(error.code, error.message) from error
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


def _translation(error: ClientError) -> MailError:
    code = error.response["Error"].get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = MailRefusedError if _is_refusal(code, status) else MailPassingError
    return kind(code, error.response["Error"].get("Message", ""))


def _is_refusal(code: str, status: int) -> bool:
    """What neither list knows is judged by its HTTP status."""
    if code in REFUSED or code in PASSING:
        return code in REFUSED
    return 400 <= status < 500 and status not in (401, 403, 408, 429)
