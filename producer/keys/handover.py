"""Which secret a key's clear text may be put into."""

from typing import TYPE_CHECKING

from api_keys.handover import Handover
from producer.errors import SettingsError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def handover_to(client: "SecretsManagerClient", name: str, keys_secret_id: str, kms_key_id: str | None) -> Handover:
    """Raises SettingsError if that is the secret of the hashes, which it would replace."""
    if name == keys_secret_id or f":secret:{name}-" in keys_secret_id or keys_secret_id.endswith(f":secret:{name}"):
        raise SettingsError("--to-secret must not be the secret of API_KEYS_SECRET_ID, which holds the hashes")
    return Handover(client, name, kms_key_id)
