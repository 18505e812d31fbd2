"""Where a user's first password goes if not to a terminal: a secret of its own, for whoever is to fetch it."""

import secrets

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import RetryError

DESCRIPTION = "The first password of a user of the console, until it is fetched and changed"
BYTES = 15


def made() -> str:
    """Nobody guesses it."""
    return secrets.token_urlsafe(BYTES)


def put(name: str, text: str, region: str | None, kms_key_id: str | None) -> None:
    """Makes the secret if there is none. Raises RetryError; to call it again is safe."""
    encryption = {"KmsKeyId": kms_key_id} if kms_key_id else {}
    try:
        client = boto3.client("secretsmanager", region_name=region)
        try:
            client.create_secret(Name=name, Description=DESCRIPTION, SecretString=text, **encryption)  # type: ignore[arg-type]
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=text)
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"the password cannot be put into the secret {name}: {error}") from error
