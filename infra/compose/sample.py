"""What `docker compose run --rm sample` does, with the eyes and the words of `make run`."""

from collections.abc import Mapping

import boto3
from rich.console import Console

from infra.compose.mailbox import read_mailbox
from infra.local.demonstrate import Collector, Demonstration
from infra.local.observe import Observer

LOG_COLUMNS = 120


def demonstration(settings: Mapping[str, str], messages: Console) -> Demonstration:
    observer = Observer(
        settings["DATABASE_URL"],
        boto3.client("kinesis"),
        boto3.client("s3"),
        lambda: read_mailbox(settings["AWS_ENDPOINT_URL"]),
        stream=settings["STREAM_NAME"],
        bucket=settings["ARCHIVE_BUCKET"],
    )
    collector = Collector(settings["COLLECTOR_URL"], settings["COLLECTOR_API_KEY"])
    return Demonstration(observer, collector, messages=messages, output=_output())


def _output() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=LOG_COLUMNS)
