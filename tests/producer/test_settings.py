"""A process with bad settings does not start, and names all of them at once."""

import pytest

from producer.errors import SettingsError
from producer.main import longest_stop_seconds
from producer.settings import KeyCommandSettings, KeySettings, ServiceSettings, load

GOOD = {"AWS_REGION": "eu-west-1", "STREAM_NAME": "payments", "API_KEYS_SECRET_ID": "payments/keys"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ServiceSettings.model_fields, *KeyCommandSettings.model_fields):
        monkeypatch.delenv(name.upper(), raising=False)


def setting(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in (GOOD | values).items():
        monkeypatch.setenv(name, value)


def test_defaults_are_enough_beside_the_required_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    setting(monkeypatch)
    settings = load(ServiceSettings)
    assert (settings.stream_name, settings.producer_port, settings.publish_linger_ms) == ("payments", 8080, 5)


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load(ServiceSettings)
    assert all(f"{name} is missing" in str(raised.value) for name in GOOD)


def test_keys_are_made_without_the_settings_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    setting(monkeypatch)
    monkeypatch.delenv("STREAM_NAME")
    assert load(KeySettings).api_keys_secret_id == "payments/keys"
    assert load(KeyCommandSettings).key_kms_id is None
    monkeypatch.setenv("KEY_KMS_ID", "alias/payments")
    assert load(KeyCommandSettings).key_kms_id == "alias/payments"


@pytest.mark.parametrize(
    "value", ["", " ", "changeme", "CHANGE-ME", "replace-me", "todo", "xxx", "<your stream>", "your-stream"]
)
def test_a_placeholder_is_no_value(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    setting(monkeypatch, STREAM_NAME=value, PRODUCER_PORT=value)
    with pytest.raises(SettingsError) as raised:
        load(ServiceSettings)
    for name in ("STREAM_NAME", "PRODUCER_PORT"):
        assert f"{name} is empty or a placeholder" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", "Sesame Street"),
        ("PRODUCER_PORT", "s3cr3t"),
        ("PRODUCER_PORT", "65536"),
        ("LOG_FORMAT", "s3cr3t"),
        ("LOG_LEVEL", "s3cr3t"),
        ("MAX_RECORDS_PER_REQUEST", "0"),
        ("PUBLISH_DEADLINE_SECONDS", "inf"),
        ("PUBLISH_LINGER_MS", "-1"),
        ("KEY_QUOTA_PER_SECOND", "0"),
        ("METRICS_NAMESPACE", "s3cr3t!"),
        ("PUBLISH_BUFFER_RECORDS", "4999"),
        ("PUBLISH_BUFFER_BYTES", "5242880"),
    ],
)
def test_a_bad_value_is_named_and_not_echoed(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    setting(monkeypatch, **{name: value})
    with pytest.raises(SettingsError) as raised:
        load(ServiceSettings)
    assert name in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 2, "one line says so, one names the setting"


@pytest.mark.parametrize(("seconds", "fits"), [("25", True), ("26", False)])
def test_on_aws_a_stop_ends_before_it_is_killed(monkeypatch: pytest.MonkeyPatch, seconds: str, fits: bool) -> None:
    """ECS kills the task after its stopTimeout of 60 s."""
    setting(monkeypatch, SHUTDOWN_DELAY_SECONDS=seconds)
    assert (longest_stop_seconds(load(ServiceSettings)) < 60) is fits
