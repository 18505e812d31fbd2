"""Settings, from the environment alone: each variable is a field's name in upper case.

AWS credentials and AWS_ENDPOINT_URL are boto3's own business.
"""

import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from producer.errors import SettingsError
from producer.health import PORT

_PLACEHOLDER = re.compile(r"|changeme|change-me|replace-me|todo|xxx|<.*>|your-.*", re.IGNORECASE | re.DOTALL)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class KeySettings(BaseSettings):
    """What it takes to read the API keys."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    aws_region: Annotated[str, Field(pattern="^[a-z0-9-]+$")]
    # Name or ARN of the Secrets Manager secret that holds the hashed keys.
    api_keys_secret_id: str
    # auto: readable in a terminal, JSON elsewhere.
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_placeholders(cls, value: Any) -> Any:
        if isinstance(value, str) and _PLACEHOLDER.fullmatch(value.strip()):
            raise ValueError("is empty or a placeholder")
        return value


class KeyCommandSettings(KeySettings):
    """What it takes to change the API keys."""

    # The KMS key of a secret that --to-secret makes; without one it is the account's own for Secrets Manager.
    key_kms_id: str | None = None


class ServiceSettings(KeySettings):
    """What the service needs."""

    # The Kinesis stream to publish to.
    stream_name: str
    # CloudWatch's namespace for what the log tells it every minute; nothing is told without one.
    metrics_namespace: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9 ._/#:-]{0,254}$")] | None = None
    api_keys_refresh_seconds: Positive = 30
    producer_host: str = "127.0.0.1"
    # 0 takes a free port, which the log names.
    producer_port: Annotated[int, Field(ge=0, le=65535)] = PORT
    max_records_per_request: Annotated[int, Field(ge=1)] = 5000
    max_body_bytes: Annotated[int, Field(ge=1024)] = 5 * 1024 * 1024
    # Bytes of bodies, inflated, that are being read and judged at once; beyond, 503.
    max_bodies_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    # Beyond, 503; each takes a file descriptor.
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = 2000
    # How long a request's head, and then its body, may take to arrive.
    header_timeout_seconds: Positive = 10
    body_timeout_seconds: Positive = 15
    # A connection without a request is closed after so long. A load balancer has to let go first, or it sends on a
    # connection that was just closed and answers 502: AWS's does after 60 s.
    idle_timeout_seconds: Annotated[int, Field(ge=1)] = 75
    # Of lines that share a Kinesis record, at most; a longer one is alone. Kinesis bills records rounded up to 1 KB and
    # Firehose to 5 KB: a multiple of both.
    publish_record_bytes: Annotated[int, Field(ge=1, le=1_000_000)] = 10 * 1024
    # How often the stream's shards are listed, for the transactions of one to share records.
    shards_refresh_seconds: Positive = 60
    # How long a PutRecords call waits at most for company that keeps coming.
    publish_linger_ms: NotNegative = 5
    # PutRecords calls in flight.
    publish_concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    publish_buffer_records: Annotated[int, Field(ge=1)] = 20_000
    publish_buffer_bytes: Annotated[int, Field(ge=1)] = 32 * 1024 * 1024
    # An entry that is not durable so long after its submission is answered as unavailable.
    publish_deadline_seconds: Positive = 10
    # Transactions a second a key, unless the key has a rate of its own; each process counts for itself.
    key_quota_per_second: Annotated[int, Field(ge=1)] = 20_000
    # How long requests are served after SIGTERM while readiness fails, so that the load balancer lets go first.
    shutdown_delay_seconds: NotNegative = 0

    @model_validator(mode="after")
    def _refuse_a_buffer_too_small(self) -> Self:
        """A line and its partition key are less than three times their record, which has to name its fields."""
        if self.publish_buffer_records < self.max_records_per_request:
            raise ValueError("PUBLISH_BUFFER_RECORDS must be at least MAX_RECORDS_PER_REQUEST")
        if self.publish_buffer_bytes < 3 * self.max_body_bytes:
            raise ValueError("PUBLISH_BUFFER_BYTES must be at least three times MAX_BODY_BYTES")
        if self.max_bodies_bytes < self.max_body_bytes:
            raise ValueError("MAX_BODIES_BYTES must be at least MAX_BODY_BYTES")
        return self


Settings = TypeVar("Settings", bound=KeySettings)


def load(kind: type[Settings]) -> Settings:
    """Reads the environment. Raises SettingsError, which names everything that is missing or wrong at once."""
    try:
        return kind.model_validate({})
    except ValidationError as error:
        faults = [_fault(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors(include_input=False)]
        raise SettingsError("these settings must be mended:\n" + "\n".join(f"  {fault}" for fault in faults)) from None


def _fault(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = str(location[0]).upper() if location else ""
    words = "is missing" if kind == "missing" else message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{name} {words}".strip()
