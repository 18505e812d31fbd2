"""SES as a script: what it answers to each call in turn, and the messages it accepted."""

from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from botocore.exceptions import ClientError


class FakeSes:
    """A client that raises what ``script`` holds, one entry a send (None: accept), and accepts once it is used up."""

    def __init__(
        self, script: Sequence[Exception | None] = (), quota: tuple[float, float, float] = (-1, 1000, 0)
    ) -> None:
        self.script = list(script)
        self.per_day, self.per_second, self.spent = quota
        self.quota_error: Exception | None = None
        self.quota_reads = 0
        self.calls: list[dict[str, Any]] = []
        self.messages: list[EmailMessage] = []

    def send_raw_email(self, *, Source: str, Destinations: list[str], RawMessage: Any, **options: str) -> Any:  # noqa: N803
        self.calls.append({"Source": Source, "Destinations": Destinations, **options})
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        return self.accept(RawMessage["Data"])

    def accept(self, message: bytes) -> dict[str, str]:
        self.messages.append(message_from_bytes(message, policy=default))
        return {"MessageId": f"ses-{len(self.messages)}"}

    def get_send_quota(self) -> Any:
        self.quota_reads += 1
        if self.quota_error is not None:
            raise self.quota_error
        return {"Max24HourSend": self.per_day, "MaxSendRate": self.per_second, "SentLast24Hours": self.spent}

    @property
    def digest_ids(self) -> list[str]:
        return [str(message["X-Digest-Id"]) for message in self.messages]


def ses_error(code: str, status: int = 400, message: str = "as SES says it") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # the rest of the metadata is not read
        "SendRawEmail",
    )
