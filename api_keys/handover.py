"""Where a key's clear text goes if not to a terminal: a secret of its own, for whoever is to fetch it."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from api_keys.errors import SecretUnavailableError
from api_keys.store import CURRENT, EXISTS, STAGE_MOVED, VENDOR_ERRORS, code, translated

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

PREVIOUS = "AWSPREVIOUS"
DESCRIPTION = "An API key of the payment collector in clear text, until it is fetched"


class Handover:
    """One key at a time: the one that was there before can't be read by any label afterwards.

    Secrets Manager deletes a version without labels by itself, a day later at the earliest. Until then whoever knows
    the version's id, and may read the secret, can still read it.
    """

    def __init__(self, client: "SecretsManagerClient", name: str, kms_key_id: str | None = None) -> None:
        self._client = client
        self.name = name
        self._encryption: dict[str, Any] = {"KmsKeyId": kms_key_id} if kms_key_id else {}

    def put(self, text: str) -> None:
        """Makes the secret if there is none. Raises SecretUnavailableError; to call it again is always safe."""
        try:
            if not self._was_created(text):
                self._replace(text)
        except VENDOR_ERRORS as error:
            raise SecretUnavailableError(f"{self.name}: {translated(error)}") from error

    def _was_created(self, text: str) -> bool:
        try:
            self._client.create_secret(Name=self.name, Description=DESCRIPTION, SecretString=text, **self._encryption)
        except ClientError as error:
            if code(error) == EXISTS:
                return False
            raise
        return True

    def _replace(self, text: str) -> None:
        before = self._current_version()
        self._client.put_secret_value(SecretId=self.name, SecretString=text)
        if before:
            self._forget(before)

    def _current_version(self) -> str | None:
        versions = self._client.describe_secret(SecretId=self.name).get("VersionIdsToStages", {})
        return next((version for version, labels in versions.items() if CURRENT in labels), None)

    def _forget(self, version: str) -> None:
        """Whatever stops being current is labelled as the previous one, which was the only other with a label."""
        try:
            self._client.update_secret_version_stage(
                SecretId=self.name, VersionStage=PREVIOUS, RemoveFromVersionId=version
            )
        except ClientError as error:
            if code(error) == STAGE_MOVED:
                raise SecretUnavailableError(f"{self.name} was changed by others at the same time") from error
            raise
