"""A stream that the deployed containers can read, which moto's cannot be: it is in the project's own emulator."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.resources import seed_leases
from tests.infra.aws import REGION, Aws
from tests.integration.emulator import create_stream, running

NAME = "payment-analytics"
STREAM = f"{NAME}-transactions"
APPLICATION = f"{NAME}-anomalies"
WORKER = "the-only-one"
# KCL begins at once, for one worker that owns the lease: not fit for production.
AT_ONCE = {
    "WORKER_ID": WORKER,
    "FAILOVER_MS": "3000",
    "SHARD_SYNC_INTERVAL_MS": "1000",
    "LEASE_ASSIGNMENT_INTERVAL_MS": "1000",
    "WORKER_METRICS_INTERVAL_MS": "200",
}


@contextlib.contextmanager
def stream_for(aws: Aws, folder: Path) -> Iterator[None]:
    with running(folder) as emulator:
        create_stream(emulator.client("kinesis"), STREAM)
        _seed_leases(aws, emulator.url)
        aws.override(
            **{
                "*": {
                    "AWS_ENDPOINT_URL": aws.url,
                    "AWS_ENDPOINT_URL_KINESIS": emulator.url,
                    "AWS_ACCESS_KEY_ID": "container",
                    "AWS_SECRET_ACCESS_KEY": "test",
                },
                "producer": {
                    "PRODUCER_HOST": "127.0.0.1",
                    "PRODUCER_PORT": str(aws.producer_port),
                    "SHUTDOWN_DELAY_SECONDS": "0",
                },
                "consumer": AT_ONCE,
            }
        )
        yield


def _seed_leases(aws: Aws, kinesis_url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_KINESIS", kinesis_url)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", aws.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        seed_leases(stream=STREAM, application=APPLICATION, worker=WORKER)
