"""Sends through a running stack, whichever, and compares what came out with the truth, by id."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2

from infra.local.demonstrate import Collector
from infra.local.observe import Observer
from tests.e2e.truth import Truth

PATIENCE_SECONDS = 120
ANOMALIES = """
SELECT transaction_id::text, amount FROM anomalies
WHERE rule_id = 'large-amount' AND transaction_id = ANY(%s::uuid[])
"""
UNSENT = """
SELECT count(*) FROM anomalies LEFT JOIN alerts ON anomaly_id = anomalies.id LEFT JOIN emails ON emails.id = email_id
WHERE transaction_id = ANY(%s::uuid[]) AND emails.state IS DISTINCT FROM 'sent'
"""
EMAILS = """
SELECT DISTINCT email_id::text FROM anomalies JOIN alerts ON anomaly_id = anomalies.id
WHERE transaction_id = ANY(%s::uuid[])
"""


@dataclass(frozen=True)
class Sending:
    """A `python -m producer send` under way."""

    process: subprocess.Popen[str]

    def summary(self) -> dict[str, Any]:
        """Waits for its end, which must be a good one: everything accepted."""
        output, messages = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0, messages
        found: dict[str, Any] = json.loads(output)
        return found


class Pipeline:
    """A stack as its users see it."""

    def __init__(self, observer: Observer, collector: Collector, database_url: str) -> None:
        self.observer = observer
        self._collector = collector
        self._database_url = database_url

    def start_sending(self, source: Path, *options: str) -> Sending:
        environment = {"COLLECTOR_URL": self._collector.url, "COLLECTOR_API_KEY": self._collector.api_key}
        return Sending(
            subprocess.Popen(
                [sys.executable, "-m", "producer", "send", str(source), "--json", *options],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def await_settled(self) -> None:
        """Until the stream is drained and no alert waits for its e-mail."""
        self.wait_until(self._is_settled, "the stream to be drained and every alert mailed")

    def await_archived(self, truth: Truth) -> None:
        self.wait_until(lambda: truth.ids <= self.archived_ids().keys(), "the archive to hold everything")

    def archived_ids(self) -> dict[str, int]:
        """trxId → lines that carry it, over the whole archive; lines that are no transactions are left out."""
        found: dict[str, int] = {}
        for archived in self.observer.archived(self.observer.archive_keys()):
            for trx_id in _transaction_ids(archived.lines):
                found[trx_id] = found.get(trx_id, 0) + 1
        return found

    def anomalies(self, truth: Truth) -> dict[str, Decimal]:
        """What SQL holds of the truth's transactions; fails where one stands twice."""
        rows = self.sql(ANOMALIES, sorted(truth.ids))
        found = dict(rows)
        assert len(found) == len(rows)
        return found

    def assert_truth(self, truth: Truth) -> None:
        """SQL, archive and mailbox agree with ``truth``: each anomaly once, each alert in an e-mail that was sent."""
        self.await_settled()
        self.await_archived(truth)
        assert self.anomalies(truth) == truth.anomalies
        assert self.sql(UNSENT, sorted(truth.ids)) == [(0,)]
        sent = {found for (found,) in self.sql(EMAILS, sorted(truth.ids))}
        assert sent <= {mail.digest_id for mail in self.observer.mails()}

    def mail_copies(self) -> Counter[str | None]:
        """Digest id → e-mails in the mailbox that carry it."""
        return Counter(mail.digest_id for mail in self.observer.mails())

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self._database_url, connect_timeout=5)) as connection:
            cursor = connection.cursor()
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def evaluated(self) -> int:
        return self.observer.counts().evaluated

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._holds(condition):
            assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}"
            time.sleep(0.2)

    def _holds(self, condition: Callable[[], bool]) -> bool:
        try:
            return condition()
        except psycopg2.OperationalError:  # PostgreSQL was killed and is on its way back
            return False

    def _is_settled(self) -> bool:
        return self.observer.is_drained() and self.observer.counts().unmailed == 0


def _transaction_ids(lines: Iterable[bytes]) -> Iterable[str]:
    for line in lines:
        try:
            yield json.loads(line)["trxId"]
        except (ValueError, TypeError, KeyError):  # poison that a test put there
            continue
