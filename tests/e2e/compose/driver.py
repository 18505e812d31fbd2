"""Drives the compose stack as its users and its bad luck would. Its AWS clients come from `localstack-client`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from localstack_client.session import Session

from infra.compose.mailbox import read_mailbox
from infra.local.demonstrate import Collector
from infra.local.observe import Observer
from tests.e2e.compose.engine import Compose
from tests.e2e.pipeline import Pipeline

LEASES = "payment-anomalies"
POSITIONS = """
SELECT shard_id, sequence_number::text FROM shard_progress
WHERE sequence_number IS NOT NULL AND stream_incarnation =
  (SELECT stream_incarnation FROM shard_progress ORDER BY initialized_at DESC LIMIT 1)
"""
# In the container: its processes are found as `ps` would, which slim images lack.
DAEMONS_INSIDE = """
import os, pathlib, signal, sys
for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if any(word.endswith("MultiLangDaemon") for word in file.read_text().split("\\0")):
        print(file.parent.name)
        if sys.argv[1:] == ["kill"]:
            os.kill(int(file.parent.name), signal.SIGKILL)
"""


class ComposeDriver(Pipeline):
    def __init__(self, compose: Compose, settings: Mapping[str, str]) -> None:
        self.compose = compose
        self.settings = settings
        self._session = session(settings)
        observer = Observer(
            settings["DATABASE_URL"],
            self._session("kinesis"),
            self._session("s3"),
            lambda: read_mailbox(settings["AWS_ENDPOINT_URL"]),
            stream=settings["STREAM_NAME"],
            bucket=settings["ARCHIVE_BUCKET"],
        )
        collector = Collector(settings["COLLECTOR_URL"], settings["COLLECTOR_API_KEY"])
        super().__init__(observer, collector, settings["DATABASE_URL"])

    def kill(self, service: str) -> None:
        """SIGKILL from outside, after which an engine does not restart a container: we do."""
        self.compose("kill", "--signal", "SIGKILL", service)
        assert not self.compose.state(service)["Running"]
        self.compose("start", service)

    def kill_daemon_inside(self) -> None:
        """SIGKILL to KCL's daemon, as for want of memory: its supervisor starts it again in its container."""
        before = self.compose.state("consumer")["RestartCount"]
        killed = self._daemons_inside("kill")
        assert killed
        self.wait_until(lambda: bool(self._daemons_inside() - killed), "the consumer's daemon to be started again")
        assert self.compose.state("consumer")["RestartCount"] == before

    def _daemons_inside(self, *words: str) -> set[str]:
        """Process ids of KCL's daemon in the consumer's container, of which there is one."""
        return {*self.compose("exec", "-T", "consumer", "python", "-", *words, stdin=DAEMONS_INSIDE).split()}

    def stored(self) -> dict[str, str]:
        """Shard → last sequence number in PostgreSQL, of the shards that had any."""
        return dict(self.sql(POSITIONS))

    def checkpoints(self) -> dict[str, str]:
        """Shard → KCL's checkpoint, of the shards that had any."""
        items = self._session("dynamodb").scan(TableName=LEASES)["Items"]
        found = {item["leaseKey"]["S"]: item["checkpoint"]["S"] for item in items}
        return {shard: checkpoint for shard, checkpoint in found.items() if checkpoint.isdecimal()}


def session(settings: Mapping[str, str]) -> Any:
    """Makes clients of this LocalStack, whatever stack the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        made = Session(
            localstack_host=urlsplit(settings["AWS_ENDPOINT_URL"]).netloc, region_name=settings["AWS_REGION"]
        )
    return made.client
