"""What is sent: the sample's transactions, each under a trxId of its own."""

import hashlib
import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from api_keys.document import ApiKey

# Known to every process of a run; opens nothing but the sink.
KEY_TEXT = f"pk_{'0' * 12}_{'A' * 43}"
KEY = ApiKey("0" * 12, "bench", hashlib.sha256(KEY_TEXT.encode()).hexdigest(), datetime(2026, 1, 1, tzinfo=UTC))
SMALL, LARGE = "12.50", "1500.25"
SAMPLE = Path(__file__).parents[2] / "samples" / "transactions.jsonl"


def transactions(first: int = 0) -> Iterator[bytes]:
    """For ever, by the same trxIds in each run, which count from ``first``."""
    lines = SAMPLE.read_bytes().splitlines()
    for number, line in enumerate(itertools.cycle(lines), start=first):
        yield line.replace(msgspec.json.decode(line)["trxId"].encode(), str(uuid.UUID(int=number)).encode())


def wire_lines(anomalies: float, first: int = 0) -> Iterator[bytes]:
    """The share is spread evenly: of each hundred, the first so many."""
    received = datetime(2026, 1, 1, tzinfo=UTC).isoformat(timespec="microseconds")
    for number, found in enumerate(transactions(first)):
        content = msgspec.json.decode(found)
        amount = LARGE if number * 61 % 100 < 100 * anomalies else SMALL
        yield msgspec.json.encode({"v": 1, **content, "amount": amount, "receivedAt": received}) + b"\n"


def requests(records: int, count: int) -> Iterator[bytes]:
    """So many bodies of so many records."""
    source = transactions()
    for _ in range(count):
        yield b'{"records":[%b]}' % b",".join(itertools.islice(source, records))


def post(body: bytes, key: str = KEY_TEXT) -> bytes:
    head = (
        f"POST /collector/transactions HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
