"""The AWS of the compose stack, made anew at every `up`: LocalStack's free edition saves nothing."""

import hashlib
from collections.abc import Mapping

import boto3

from api_keys.document import ApiKey, parse_keys
from api_keys.store import KeyStore, client_config
from infra.local import resources
from producer.auth import utc_now


def bootstrap(settings: Mapping[str, str]) -> None:
    """Raises ResourcesFailedError, ProducerError, or KeyError for a setting that is missing."""
    stream, shards = settings["STREAM_NAME"], int(settings["STREAM_SHARDS"])
    seed_archive(stream, shards)
    resources.create_resources(
        stream=stream,
        shards=shards,
        bucket=settings["ARCHIVE_BUCKET"],
        keys_secret=settings["API_KEYS_SECRET_ID"],
        sender=settings["ALERT_SENDER"],
    )
    resources.seed_leases(stream=stream, application=settings["APPLICATION_NAME"], worker=settings["WORKER_ID"])
    register_key(settings["COLLECTOR_API_KEY"], settings["API_KEYS_SECRET_ID"], settings["AWS_REGION"])


def seed_archive(stream: str, shards: int) -> None:
    """LocalStack's Firehose is a KCL application that begins at LATEST, whenever it gets there, and so misses records.

    Leases that it finds tell it to begin at the stream's beginning.
    """
    resources.create_stream(stream, shards)
    application = f"{stream}-firehose-{resources.delivery_stream(stream)}"
    resources.seed_leases(stream=stream, application=application, worker=None)


def register_key(text: str, secret_id: str, region: str) -> None:
    """Makes the secret know the key ``text``; leaves one that it knows alone."""
    key = ApiKey(text.split("_")[1], "compose", hashlib.sha256(text.encode()).hexdigest(), utc_now())
    if key.id not in parse_keys(resources.secret_value(secret_id)):
        KeyStore(boto3.client("secretsmanager", config=client_config(region)), secret_id).add(key)
