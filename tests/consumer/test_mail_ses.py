from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from consumer.ses import (
    LONGEST_REASON,
    MailError,
    MailPassingError,
    MailRefusedError,
    Quota,
    Ses,
    ses_client,
)
from tests.consumer.fake_ses import FakeSes, ses_error

URL = "https://email.eu-west-1.amazonaws.com"

PASSING = [
    # Too much, or too fast, for now: the names differ by service and age
    "LimitExceeded",
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    # Someone stopped the mail and will let it go again
    "AccountSendingPausedException",
    "AccountSuspendedException",
    "ConfigurationSetSendingPausedException",
    "SendingPausedException",
    # The settings or the identity name a configuration set that is gone; the message does not
    "ConfigurationSetDoesNotExist",
    # Credentials, permissions and clocks
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    # An endpoint that is not SES, or an emulator that is not finished
    "InvalidAction",
    "404",
    "413",
    # SES is unwell
    "InternalFailure",
    "RequestTimeout",
    "ServiceUnavailable",
    # Whatever comes next
    "SomethingNew",
]
REFUSED = [
    "InvalidParameter",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MailFromDomainNotVerified",
    "MailFromDomainNotVerifiedException",
    "MalformedQueryString",
    "MissingParameter",
    "ValidationError",
]
INBOX = "For more information, please check the inbox of the email address associated with your AWS account."
FAILED_CHECK = "Email address is not verified. The following identities failed the check in region EU-WEST-1:"
REJECTIONS: dict[type[MailError], list[str]] = {
    MailPassingError: [
        f"Sending suspended for this account. {INBOX}",
        f"Sending paused for this account. {INBOX}",
        "Email sending for the account is paused.",
        "Email sending is disabled for your entire Amazon SES account.",
        "Your account is in the sandbox.",
        "The account was shut down.",
        "Daily message quota exceeded.",
        "Maximum sending rate exceeded.",
        "A temporary failure, try again later",
    ],
    MailRefusedError: [
        f"{FAILED_CHECK} ops@example.com",
        f"{FAILED_CHECK} paused@example.com, arn:aws:ses:eu-west-1:1:identity/sandbox.example.com",
        "Address blacklisted. suspended@example.com",
        "The message contained a virus.",
        "as SES says it",
    ],
}


class Page(BytesIO):
    """A body as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def send(error: Exception) -> MailError:
    with pytest.raises(MailError) as raised:
        Ses(FakeSes([error]), "alerts@example.com").send(b"", ["ops@example.com"])
    return raised.value


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("code", PASSING)
def test_what_is_not_the_message_s_fault_passes_whatever_the_status(code: str, status: int) -> None:
    assert isinstance(send(ses_error(code, status)), MailPassingError)


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("code", REFUSED)
def test_what_is_the_message_s_fault_is_refused_for_good(code: str, status: int) -> None:
    assert isinstance(send(ses_error(code, status)), MailRefusedError)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in REJECTIONS.items() for text in texts])
def test_a_rejected_message_is_judged_by_the_words_about_it(kind: type[MailError], text: str) -> None:
    error = send(ses_error("MessageRejected", message=text))
    assert type(error) is kind
    assert str(error) == f"MessageRejected: {text}"


def test_every_error_that_ses_declares_for_a_send_is_decided_here() -> None:
    shapes = get_session().get_service_model("ses").operation_model("SendRawEmail").error_shapes
    codes = {shape.metadata["error"]["code"] for shape in shapes}
    assert codes
    assert codes <= {*PASSING, *REFUSED, "MessageRejected"}


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 413, 502])
@pytest.mark.parametrize(
    "page", ["", "no such page", "<html><body/></html>", "<E><Error><Code/><Message/></Error></E>"]
)
def test_a_page_of_a_proxy_in_place_of_an_answer_passes(
    status: int, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    client: Any = ses_client("eu-west-1")
    client.meta.events.register(
        "before-send.ses", lambda **_: AWSResponse(URL, status, HTTPHeaders(), Page(page.encode()))
    )
    ses = Ses(client, "alerts@example.com")
    for call in (lambda: ses.send(b"", ["ops@example.com"]), ses.quota):
        with pytest.raises(MailPassingError):
            call()


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        NoCredentialsError(),
        ResponseParserError("a proxy's page in place of an answer"),
    ],
)
def test_a_world_that_is_down_passes(error: Exception) -> None:
    assert isinstance(send(error), MailPassingError)


def test_a_request_that_can_not_be_built_is_refused() -> None:
    assert isinstance(send(ParamValidationError(report="Destinations")), MailRefusedError)


def test_the_reason_names_the_address_that_is_not_verified_but_its_code_does_not() -> None:
    refusal = send(ses_error("MessageRejected", message="Email address is not verified: ops@example.com" + "!" * 1000))
    assert refusal.code == "MessageRejected"
    assert str(refusal).startswith("MessageRejected: Email address is not verified: ops@example.com")
    assert len(str(refusal)) == LONGEST_REASON


def test_the_envelope_holds_bare_addresses() -> None:
    client = FakeSes()
    Ses(client, "Überwachung <alerts@example.com>").send(b"", ["Ops <ops@example.com>", "risk@example.com"])
    assert client.calls == [{"Source": "alerts@example.com", "Destinations": ["ops@example.com", "risk@example.com"]}]


def test_the_configuration_set_is_named_where_there_is_one() -> None:
    client = FakeSes()
    Ses(client, "alerts@example.com", "payments").send(b"", ["ops@example.com"])
    assert client.calls == [
        {
            "Source": "alerts@example.com",
            "Destinations": ["ops@example.com"],
            "ConfigurationSetName": "payments",
        }
    ]


def test_a_quota_that_can_not_be_read_passes_whatever_the_error() -> None:
    client = FakeSes()
    client.quota_error = ses_error("MalformedQueryString")
    with pytest.raises(MailPassingError, match="MalformedQueryString"):
        Ses(client, "alerts@example.com").quota()


@pytest.mark.parametrize(("quota", "left"), [((200, 1, 150), 50), ((-1, 1, 150), float("inf")), ((200, 1, 201), -1)])
def test_what_is_left_of_the_quota(quota: tuple[float, float, float], left: float) -> None:
    assert Ses(FakeSes(quota=quota), "alerts@example.com").quota() == Quota(*quota)
    assert Quota(*quota).left == left
