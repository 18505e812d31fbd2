"""Secrets Manager as far as secrets, versions and labels go. Its calls have AWS's names, arguments and errors."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "call")


@dataclass
class Secret:
    """`labels` leads from a label to the one version that carries it."""

    versions: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    kms_key_id: str | None = None

    def store(self, text: str, labels: list[str]) -> str:
        version = str(uuid.uuid4())
        self.versions[version] = text
        for label in labels if len(self.versions) > 1 else [CURRENT, *labels]:
            self.move(label, version)
        return version

    def move(self, label: str, version: str) -> None:
        before, self.labels[label] = self.labels.get(label), version
        if label == CURRENT and before and before != version:
            self.labels[PREVIOUS] = before

    def labels_of(self, version: str) -> list[str]:
        return [label for label, labelled in self.labels.items() if labelled == version]


@dataclass
class FakeSecretsManager:
    """`meanwhile` happens once, after the next read; `failures` are raised by the next calls of their names.

    `calls` holds the name of each call and its secret.
    """

    secrets: dict[str, Secret] = field(default_factory=dict)
    meanwhile: Callable[[], None] | None = None
    failures: dict[str, Exception] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def holding(cls, text: str | None, name: str = "keys") -> "FakeSecretsManager":
        """One secret, as Terraform makes it if there is no text."""
        secret = Secret()
        if text is not None:
            secret.store(text, [])
        return cls({name: secret})

    def create_secret(self, **call: str) -> dict[str, Any]:
        self._came("create_secret", call["Name"])
        if call["Name"] in self.secrets:
            raise refusal("ResourceExistsException")
        secret = self.secrets[call["Name"]] = Secret(kms_key_id=call.get("KmsKeyId"))
        return {"VersionId": secret.store(call["SecretString"], [])}

    def get_secret_value(self, **call: str) -> dict[str, Any]:
        self._came("get_secret_value", call["SecretId"])
        secret = self.secrets.get(call["SecretId"], Secret())
        version = secret.labels.get(call.get("VersionStage", CURRENT))
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if version is None:
            raise refusal("ResourceNotFoundException")
        return {"VersionId": version, "SecretString": secret.versions[version]}

    def put_secret_value(self, **call: Any) -> dict[str, Any]:
        self._came("put_secret_value", call["SecretId"])
        secret = self._known(call["SecretId"])
        version = secret.store(call["SecretString"], call.get("VersionStages", [CURRENT]))
        return {"VersionId": version, "VersionStages": secret.labels_of(version)}

    def describe_secret(self, **call: str) -> dict[str, Any]:
        self._came("describe_secret", call["SecretId"])
        secret = self._known(call["SecretId"])
        labelled = {version: secret.labels_of(version) for version in secret.labels.values()}
        return {"VersionIdsToStages": labelled} if labelled else {}

    def update_secret_version_stage(self, **call: str) -> dict[str, Any]:
        self._came("update_secret_version_stage", call["SecretId"])
        secret, label = self._known(call["SecretId"]), call["VersionStage"]
        to, held = call.get("MoveToVersionId"), secret.labels.get(label)
        if held not in (call.get("RemoveFromVersionId"), to) or (to is None and label == CURRENT):
            raise refusal("InvalidParameterException")
        if to:
            secret.move(label, to)
        else:
            del secret.labels[label]
        return {}

    def text(self, name: str = "keys") -> str:
        secret = self.secrets[name]
        return secret.versions[secret.labels[CURRENT]]

    def labelled_texts(self, name: str) -> set[str]:
        """What can be read without knowing a version's id."""
        secret = self.secrets[name]
        return {secret.versions[version] for version in secret.labels.values()}

    def key_names(self) -> list[str]:
        return [key["name"] for key in json.loads(self.text())["keys"]]

    def _came(self, call: str, secret: str) -> None:
        self.calls.append((call, secret))
        if error := self.failures.pop(call, None):
            raise error

    def _known(self, name: str) -> Secret:
        if name not in self.secrets:
            raise refusal("ResourceNotFoundException")
        return self.secrets[name]
