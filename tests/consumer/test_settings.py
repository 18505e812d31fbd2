"""Settings that are missing, placeholders or malformed are all named at once, and no value is echoed."""

import pytest

from consumer.errors import SettingsError
from consumer.login import Database
from consumer.settings import DaemonSettings, DatabaseSettings, NotifierSettings, is_placeholder

URL = "postgresql://app:s3cret@db.example:5432/payments?sslmode=require"
DAEMON = {"DATABASE_URL": URL, "AWS_REGION": "eu-west-1", "STREAM_NAME": "payments"}
NOTIFIER = {
    "DATABASE_URL": URL,
    "AWS_REGION": "eu-west-1",
    "ALERT_SENDER": "Alerts <alerts@example.org>",
    "ALERT_RECIPIENTS": " a@example.org, b@example.org ,",
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in (DaemonSettings, NotifierSettings):
        for field in settings.model_fields:
            monkeypatch.delenv(field.upper(), raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def complaint(settings: type[DatabaseSettings]) -> str:
    with pytest.raises(SettingsError) as refused:
        settings.load()
    return str(refused.value)


def test_what_is_set_is_read_and_the_rest_has_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, DAEMON | {"POLL_INTERVAL_MS": "200", "SHARD_SYNC_INTERVAL_MS": "", "WORKER_ID": "worker-1"})
    settings = DaemonSettings.load()
    assert (settings.database_url, settings.poll_interval_ms, settings.worker_id) == (URL, 200, "worker-1")
    assert (settings.application_name, settings.shard_sync_interval_ms) == ("payment-anomalies", None)


def test_recipients_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, NOTIFIER)
    assert NotifierSettings.load().alert_recipients == ("a@example.org", "b@example.org")


def test_every_missing_setting_is_named() -> None:
    assert [line.strip() for line in complaint(DaemonSettings).splitlines()[1:]] == [
        "DATABASE_URL: missing",
        "AWS_REGION: missing",
        "STREAM_NAME: missing",
    ]


@pytest.mark.parametrize(
    "value", ["changeme", "CHANGE-ME", "replace-me", "todo", "xxx", "<region>", "your-region-here", " todo "]
)
def test_a_placeholder_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, DAEMON | {"AWS_REGION": value})
    assert complaint(DaemonSettings).endswith("AWS_REGION: still holds a placeholder")


def test_what_only_looks_like_a_placeholder_is_none() -> None:
    assert not any(map(is_placeholder, ["eu-west-1", "xxxl", "a<b", "Alerts <alerts@example.org>"]))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://app:changeme@db/payments", "still holds a placeholder"),
        ("postgresql://app:%3Cpassword%3E@db/payments", "still holds a placeholder"),
        ("postgresql://app:s3cret@<host>/payments", "still holds a placeholder"),
        ("mysql://app:s3cret@db/payments", "must be a URL like postgresql://user:password@host:5432/database"),
        (
            "postgresql://app:s3cret@db:port/payments",
            "must be a URL like postgresql://user:password@host:5432/database",
        ),
        ("s3cret", "must be a URL like postgresql://user:password@host:5432/database"),
        (
            "postgresql://app:s3cret\u2100@db/payments",
            "must be a URL like postgresql://user:password@host:5432/database",
        ),
    ],
)
def test_a_database_url_that_is_unusable_is_refused_and_not_echoed(
    url: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {"DATABASE_URL": url})
    assert complaint(DatabaseSettings).endswith(f"DATABASE_URL: {told}")
    assert "s3cret" not in complaint(DatabaseSettings)


TOKEN_URL = "postgresql://consumer@db.example:5432/payments?sslmode=require"


def test_tokens_are_made_for_the_region_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"DATABASE_URL": TOKEN_URL, "DATABASE_AUTH": "iam", "AWS_REGION": "eu-west-1"})
    assert DatabaseSettings.load().database == Database(TOKEN_URL, "iam", "eu-west-1")


def test_a_password_needs_neither_region_nor_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"DATABASE_URL": "postgresql://app:s3cret@db/payments"})
    assert DatabaseSettings.load().database == Database("postgresql://app:s3cret@db/payments")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"AWS_REGION": ""}, "AWS_REGION is missing"),
        ({"DATABASE_URL": TOKEN_URL.replace("@", ":s3cret@")}, "holds a password, and a token takes its place"),
        ({"DATABASE_URL": TOKEN_URL.partition("?")[0]}, "needs sslmode=verify-full"),
        ({"DATABASE_URL": TOKEN_URL.replace("require", "prefer")}, "needs sslmode=verify-full"),
        ({"DATABASE_URL": TOKEN_URL.replace("consumer@", "")}, "must name a user and one host"),
        ({"DATABASE_URL": TOKEN_URL.replace("db.example:5432", "")}, "must name a user and one host"),
        ({"DATABASE_URL": TOKEN_URL.replace("db.example:5432", "one,two")}, "must name a user and one host"),
        ({"DATABASE_URL": TOKEN_URL + "&host=elsewhere"}, "must name a user and one host"),
    ],
)
def test_what_tokens_cannot_work_with_is_refused_and_not_echoed(
    changes: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {"DATABASE_URL": TOKEN_URL, "DATABASE_AUTH": "iam", "AWS_REGION": "eu-west-1"} | changes)
    (line,) = complaint(DatabaseSettings).splitlines()[1:]
    assert line.strip().startswith("DATABASE_AUTH: iam cannot work: ")
    assert told in line
    assert "s3cret" not in line


@pytest.mark.parametrize(("file", "refused"), [("/nowhere.pem", True), ("system", False), (__file__, False)])
def test_certificates_that_are_not_there_are_told_at_the_start(
    file: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://app:s3cret@db/payments?sslmode=verify-full&sslrootcert={file}"
    set_all(monkeypatch, {"DATABASE_URL": url})
    if refused:
        assert complaint(DatabaseSettings).endswith("DATABASE_URL: the file that its sslrootcert names is not there")
    else:
        assert DatabaseSettings.load().database_url == url


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"POLL_INTERVAL_MS": "100", "MAX_RECORDS_PER_BATCH": "10001"}, ["POLL_INTERVAL_MS", "MAX_RECORDS_PER_BATCH"]),
        ({"STREAM_NAME": "a b", "LOG_LEVEL": "loud"}, ["LOG_LEVEL", "STREAM_NAME"]),
        ({"WORKER_ID": "one\nmetricsLevel = NONE", "AWS_REGION": "eu west"}, ["AWS_REGION", "WORKER_ID"]),
        ({"DATABASE_AUTH": "kerberos"}, ["DATABASE_AUTH"]),
        ({"KCL_METRICS_LEVEL": "ALL", "FAILOVER_MS": "soon"}, ["FAILOVER_MS", "KCL_METRICS_LEVEL"]),
    ],
)
def test_values_outside_their_bounds_are_named(
    changed: dict[str, str], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, DAEMON | changed)
    assert [line.split(":")[0].strip() for line in complaint(DaemonSettings).splitlines()[1:]] == told


@pytest.mark.parametrize(
    ("name", "value"),
    [("SES_CONFIGURATION_SET", "a set"), ("SES_CONFIGURATION_SET", "a" * 65), ("METRICS_NAMESPACE", "my metrics")],
)
def test_names_that_aws_would_not_take_are_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, NOTIFIER | {name: value})
    assert name in complaint(NotifierSettings)


@pytest.mark.parametrize(
    "recipients", [",", "nobody", "a@example.org,changeme", "a@b\nBcc: c@d", ",".join(f"a{n}@b.c" for n in range(51))]
)
def test_recipients_that_are_none_too_many_or_no_addresses_are_refused(
    recipients: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, NOTIFIER | {"ALERT_RECIPIENTS": recipients})
    assert "ALERT_RECIPIENTS" in complaint(NotifierSettings)
