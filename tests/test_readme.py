"""The README is true: its settings are the services' own, its make targets exist."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from consumer.settings import ConsoleSettings, DaemonSettings, NotifierSettings, RulesSettings
from producer.settings import KeyCommandSettings, ServiceSettings

CHECKOUT = Path(__file__).parents[1]
README = (CHECKOUT / "README.md").read_text()
DOCUMENTED = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", README, re.MULTILINE))
SERVICES: tuple[type[BaseSettings], ...] = (
    ServiceSettings,
    KeyCommandSettings,
    DaemonSettings,
    NotifierSettings,
    ConsoleSettings,
)
IN_WORDS = {
    "WORKER_ID",
    "SHARD_SYNC_INTERVAL_MS",
    "LEASE_ASSIGNMENT_INTERVAL_MS",
    "WORKER_METRICS_INTERVAL_MS",
    "JAVA_HOME",
    "HEARTBEAT_FILE",
    "SES_CONFIGURATION_SET",
    "KEY_KMS_ID",
    "METRICS_NAMESPACE",
    "METRICS_PORT",
    "CONSOLE_URL",
    "ARCHIVE",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "RULES",
    "AWS_REGION",
    "STREAM_NAME",
    "API_KEYS_SECRET_ID",
}


def settings_of(*kinds: type[BaseSettings]) -> dict[str, str]:
    """Variable → default as the README writes it."""
    return {
        name.upper(): "required" if field.default is PydanticUndefined else f"`{field.default}`"
        for kind in kinds
        for name, field in kind.model_fields.items()
    }


@pytest.mark.parametrize("kind", SERVICES)
def test_every_setting_stands_in_the_readme_with_its_default(kind: type[BaseSettings]) -> None:
    for name, default in settings_of(kind).items():
        assert name in DOCUMENTED
        assert name in IN_WORDS or DOCUMENTED[name] == default, name


def test_the_readme_names_no_setting_that_is_none() -> None:
    assert set(DOCUMENTED) <= set(settings_of(*SERVICES, RulesSettings))
    assert "RULES" in DOCUMENTED


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", README)) | set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README


def test_the_rules_that_it_shows_are_the_samples() -> None:
    """Each with one of its tests."""
    (block,) = re.findall(r"```yaml\n(.*?)```", README.partition("## Rules, tried on history")[2], re.DOTALL)
    shown, sample = (yaml.safe_load(text) for text in (block, (CHECKOUT / "samples/rules.yaml").read_text()))
    assert shown["windows"].items() <= sample["windows"].items()
    assert shown["lists"].items() <= sample["lists"].items()
    (rule,) = shown["rules"]
    (test,) = rule.pop("tests")
    (whole,) = [one for one in sample["rules"] if one["id"] == rule["id"]]
    assert test in whole.pop("tests")
    assert rule == whole
