"""Settings of the consumer's processes, one class each, read from environment variables of the fields' names."""

import re
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from consumer.errors import SettingsError
from consumer.login import Database, faults_for_tokens, named, require_certificates

PLACEHOLDERS = frozenset({"", "changeme", "change-me", "replace-me", "todo", "xxx"})
PLACEHOLDER_SHAPE = re.compile(r"<[^<>]*>|your-.*", re.IGNORECASE)

MAILBOX = "an e-mail address in ASCII (a name before <…> is free, its special characters in quotes)"


def is_placeholder(value: str) -> bool:
    """Whether ``value`` was left as an example file had it."""
    text = value.strip().lower()
    return text in PLACEHOLDERS or PLACEHOLDER_SHAPE.fullmatch(text) is not None


def _database_url(value: str) -> str:
    if any(is_placeholder(unquote(part)) for part in named(value)):
        raise ValueError("still holds a placeholder")
    require_certificates(value)
    return value


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Region = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
StreamName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
Milliseconds = Annotated[int, Field(ge=1)]


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("*", mode="before")
    @classmethod
    def _no_placeholder(cls, value: Any) -> Any:
        if isinstance(value, str) and is_placeholder(value):
            raise ValueError("still holds a placeholder")
        return value

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Reads the environment. Raises SettingsError that names every missing, placeholder or malformed setting."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsError(_complaint(error)) from None


class MetricsSettings(_Settings):
    """Where `/metrics` is served; nowhere without a ``metrics_port``, and at a free one that is 0."""

    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None


class DatabaseSettings(_Settings):
    """`migrate` and the repairs: ``database_url`` is a libpq URL (postgresql://…).

    ``database_auth``: password, or iam: each new connection logs in with a token of RDS's, made for ``aws_region``.
    """

    database_url: DatabaseUrl
    aws_region: Region | None = None
    database_auth: Literal["password", "iam"] = "password"

    @field_validator("database_auth")
    @classmethod
    def _can_log_in(cls, value: str, info: ValidationInfo) -> str:
        faults = faults_for_tokens(info.data["database_url"]) if "database_url" in info.data else []
        if info.data.get("aws_region", "told already") is None:
            faults.append("AWS_REGION is missing")
        if value == "iam" and faults:
            raise ValueError(f"iam cannot work: {'; '.join(faults)}")
        return value

    @property
    def database(self) -> Database:
        return Database(self.database_url, self.database_auth, self.aws_region)


class ApplicationSettings(DatabaseSettings):
    """As which KCL application the stream is read."""

    application_name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{3,200}$")] = "payment-anomalies"


class RulesSettings(_Settings):
    """``rules``: where they are published, a path or s3://bucket/key; without it those of this package are in force."""

    rules: str | None = None
    aws_region: Region | None = None


class StreamSettings(ApplicationSettings):
    """Which stream is read."""

    aws_region: Region
    stream_name: StreamName


class DaemonSettings(StreamSettings, MetricsSettings):
    """`run`: KCL's daemon. Optional intervals that are unset leave KCL's own defaults in force.

    Without a ``worker_id`` the supervisor takes a slot, and gives the daemon that slot's.
    ``java_options`` give KCL 50 MiB of heap a shard; records of 10 KiB are read 600 at a time, ahead of the evaluation.
    ``dead_letter_share`` and ``dead_letter_window`` are the breaker's `Limit`. A shard that makes no progress for
    ``stall_seconds`` beside lag makes `health run` fail.
    """

    worker_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.:/-]{1,200}$")] | None = None
    poll_interval_ms: Annotated[int, Field(ge=200)] = 300
    failover_ms: Milliseconds = 10_000
    shutdown_grace_ms: Milliseconds = 15_000
    shard_sync_interval_ms: Milliseconds | None = None
    lease_assignment_interval_ms: Milliseconds | None = None
    worker_metrics_interval_ms: Milliseconds | None = None
    kcl_metrics_level: Literal["NONE", "SUMMARY", "DETAILED"] = "DETAILED"
    max_records_per_batch: Annotated[int, Field(ge=1, le=10_000)] = 600
    dead_letter_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    dead_letter_window: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    stall_seconds: Annotated[float, Field(gt=0)] = 300
    java_options: str = "-Xmx640m"
    java_home: str | None = None


class NotifierSettings(DatabaseSettings, MetricsSettings):
    """`notify`: the sender SES has verified, and the 1 to 50 recipients of one e-mail.

    Addresses are ASCII, as SES demands (a domain in its xn-- form); the names before them are free.
    ``heartbeat_file`` is touched between two steps of the work, so that `health notify` can tell. Mail is sent with
    ``ses_configuration_set``, CloudWatch metrics are written for ``metrics_namespace``; neither, where it is unset.
    """

    aws_region: Region
    alert_sender: str
    alert_recipients: Annotated[tuple[str, ...], NoDecode, Field(min_length=1, max_length=50)]
    digest_interval_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300
    notify_poll_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1
    heartbeat_file: Path | None = None
    ses_configuration_set: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")] | None = None
    metrics_namespace: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_./#-]{1,255}$")] | None = None

    @field_validator("alert_recipients", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("alert_sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not _is_mailbox(value):
            raise ValueError(f"must be {MAILBOX}")
        return value

    @field_validator("alert_recipients")
    @classmethod
    def _recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [str(position) for position, text in enumerate(value, start=1) if not _is_mailbox(text)]
        if wrong:
            raise ValueError(f"each must be {MAILBOX}; not so: number {', '.join(wrong)} of {len(value)}")
        return value


class ConsoleSettings(ApplicationSettings):
    """`console`: where it listens; ``console_https``: browsers reach it by HTTPS, and their cookies say so.

    A session ends after ``session_hours``, and when nobody has used it for ``session_idle_minutes``. ``rules`` as in
    `RulesSettings`. With a ``stream_name`` it asks Kinesis what is left to read; with an ``archive``, a folder or
    s3://bucket/prefix, it shows an account's past and tries rules, in ``backtest_memory`` as DuckDB writes it; with
    ``api_keys_secret_id``, the secret of the keys' hashes, admins see to those. With an ``oidc_issuer`` people may log
    in there; ``console_url`` is where it sends them back, and ``oidc_name_claim`` says by which of its claims they are
    known here.
    """

    rules: str | None = None
    stream_name: StreamName | None = None
    archive: str | None = None
    api_keys_secret_id: str | None = None
    backtest_memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*(MB|GB)$")] = "512MB"

    console_host: str = "127.0.0.1"
    console_port: Annotated[int, Field(ge=0, le=65535)] = 8090
    console_https: bool = True
    console_connections: Annotated[int, Field(ge=1, le=100)] = 10
    console_url: Annotated[str, Field(pattern=r"^https?://[^/?#]+$")] | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_issuer: Annotated[str, Field(pattern=r"^https?://")] | None = None
    oidc_scope: str = "openid email"
    oidc_name_claim: str = "email"
    session_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 12
    session_idle_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 60

    @field_validator("oidc_issuer")
    @classmethod
    def _knows_us(cls, value: str | None, info: ValidationInfo) -> str | None:
        missing = [name.upper() for name in ("oidc_client_id", "console_url") if not info.data.get(name)]
        if value and missing:
            raise ValueError(f"{' and '.join(missing)} must be set, too")
        return value

    @property
    def session(self) -> timedelta:
        return timedelta(hours=self.session_hours)

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.session_idle_minutes)


def _is_mailbox(text: str) -> bool:
    address = parseaddr(text)[1]  # what SES is given as the envelope
    return (
        re.fullmatch(r"[^@\s,<>]+@[^@\s,<>]+", address) is not None
        and address.isascii()
        and (text == address or text.endswith(f"<{address}>"))
        and text.isprintable()
        and not is_placeholder(text)
    )


def _complaint(error: ValidationError) -> str:
    lines = [f"  {_name(problem)}: {_words(problem)}" for problem in error.errors(include_input=False)]
    return "\n".join(["these settings (environment variables) are unusable:", *lines])


def _name(problem: Mapping[str, Any]) -> str:
    return str(problem["loc"][0]).upper()


def _words(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "missing":
        return "missing"
    return str(problem["msg"]).removeprefix("Value error, ")
