"""What gathered while no consumer ran is read by the one that comes, in the memory that it has."""

from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest

from infra.local.settings import STREAM
from tests.e2e.driver import Driver
from tests.e2e.test_poison import good_line

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
RECORDS = 3_000
LINES = 20  # a record: 8 KB
AT_ONCE = 100
STORED = "SELECT count(*) FROM anomalies WHERE transaction_id = ANY(%s::uuid[])"


def test_a_backlog_of_packed_records_is_read_without_running_out_of_memory(driver: Driver) -> None:
    """GetRecords has more to give than KCL's heap holds."""
    before = driver.evaluated()
    large = [str(uuid4()) for _ in range(RECORDS)]
    driver.stack.supervisor.stop("consumer")
    kinesis = boto3.client("kinesis")
    for start in range(0, RECORDS, AT_ONCE):
        records: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": packed(trx_id), "PartitionKey": trx_id} for trx_id in large[start : start + AT_ONCE]
        ]
        assert kinesis.put_records(StreamName=STREAM, Records=records)["FailedRecordCount"] == 0
    log = driver.stack.supervisor.log("consumer")
    told = log.stat().st_size
    driver.stack.supervisor.start("consumer")
    driver.await_settled()
    assert driver.evaluated() == before + RECORDS * LINES
    assert driver.sql(STORED, large) == [(RECORDS,)]
    with log.open("rb") as text:
        text.seek(told)
        assert b"OutOfMemoryError" not in text.read()


def packed(large: str) -> bytes:
    small = (good_line(str(uuid4()), amount="1.00") for _ in range(LINES - 1))
    return good_line(large) + b"".join(small)
