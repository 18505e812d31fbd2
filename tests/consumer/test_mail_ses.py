import pytest
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
    PASSING,
    REFUSED,
    MailError,
    MailPassingError,
    MailRefusedError,
    Quota,
    Ses,
)
from tests.consumer.fake_ses import FakeSes, ses_error

URL = "https://email.eu-west-1.amazonaws.com"


def send(error: Exception) -> MailError:
    with pytest.raises(MailError) as raised:
        Ses(FakeSes([error]), "alerts@example.com").send(b"", ["ops@example.com"])
    return raised.value


@pytest.mark.parametrize("code", sorted(PASSING))
def test_a_passing_error_is_one_at_any_status(code: str) -> None:
    assert isinstance(send(ses_error(code, 400)), MailPassingError)


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_a_refusal_is_permanent(code: str) -> None:
    assert isinstance(send(ses_error(code, 400)), MailRefusedError)


def test_every_error_that_ses_declares_for_a_send_is_sorted() -> None:
    shapes = get_session().get_service_model("ses").operation_model("SendRawEmail").error_shapes
    codes = {shape.metadata["error"]["code"] for shape in shapes}
    assert codes
    assert codes <= PASSING | REFUSED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, MailRefusedError),
        (404, MailRefusedError),
        (401, MailPassingError),
        (403, MailPassingError),
        (408, MailPassingError),
        (429, MailPassingError),
        (500, MailPassingError),
        (503, MailPassingError),
    ],
)
def test_an_unheard_of_error_is_sorted_by_its_status(status: int, kind: type[MailError]) -> None:
    assert isinstance(send(ses_error("SomethingNew", status)), kind)


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


def test_a_quota_that_can_not_be_read_passes_whatever_the_error() -> None:
    client = FakeSes()
    client.quota_error = ses_error("MalformedQueryString")
    with pytest.raises(MailPassingError, match="MalformedQueryString"):
        Ses(client, "alerts@example.com").quota()


@pytest.mark.parametrize(("quota", "left"), [((200, 1, 150), 50), ((-1, 1, 150), float("inf")), ((200, 1, 201), -1)])
def test_what_is_left_of_the_quota(quota: tuple[float, float, float], left: float) -> None:
    assert Ses(FakeSes(quota=quota), "alerts@example.com").quota() == Quota(*quota)
    assert Quota(*quota).left == left
