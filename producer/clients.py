"""Makes the AWS clients; what each may take and how often it tries stands with those who use it."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import boto3
from botocore.exceptions import BotoCoreError

from api_keys import store
from producer import kinesis
from producer.errors import SettingsError
from producer.keys import caller

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_secretsmanager import SecretsManagerClient


def secrets_manager(region: str) -> "SecretsManagerClient":
    """Raises SettingsError, as the others do."""
    with _failing_on_configuration():
        return boto3.client("secretsmanager", config=store.client_config(region))


def kinesis_client(region: str, concurrency: int) -> "KinesisClient":
    with _failing_on_configuration():
        return boto3.client("kinesis", config=kinesis.client_config(region, concurrency))


def identities(region: str) -> caller.Identities:
    with _failing_on_configuration():
        return cast("caller.Identities", boto3.client("sts", config=caller.client_config(region)))


@contextlib.contextmanager
def _failing_on_configuration() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"boto3 can't work with the AWS settings: {error}") from error
