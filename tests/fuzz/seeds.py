"""What the byte fuzzers start from, and the words that they put into it."""

import gzip
from pathlib import Path

from tests.consumer.builders import wire
from tests.producer.builders import FIELDS, encoded, with_amount


def _envelope(*records: bytes) -> bytes:
    return b'{"records": [' + b", ".join(records) + b"]}"


BODIES = [
    _envelope(encoded()),
    _envelope(with_amount("1e-18"), with_amount('"1.5E+3"'), with_amount("00")),
    _envelope(encoded(senderId="\ud800"), encoded(senderId='Ünï💶\\"')),
    _envelope(encoded(x=[1, {"y": None}], senderId=None), b"null", b'{"amount": 1, "amount": 2}'),
    b'\t{ "\\u0072ecords" : [ [[], {}], "a" ] }\n',
    b'{"records": [1], "records": [2]}',
]
SEEDS = {
    "http-body": BODIES,
    "gzip-body": [gzip.compress(body) for body in BODIES],
    "stream-record": [
        wire(),
        wire(amount=5) + wire(amount="0.10"),
        wire(v=2) + b"\n",
        b'{"v":1}\nx',
        wire(later={"x": []}),
    ],
}
WORDS = [
    *(f'"{name}"' for name in (*FIELDS, "records", "v", "receivedAt")),
    *(
        '{"',
        '":',
        '","',
        "},{",
        "]}",
        "[[",
        "\\u0000",
        "\\ud800",
        "\\udc00",
        "1e999999",
        "1E-18",
        "-0.0",
        "0000",
        "null",
    ),
    *("2022-06-30T07:41:46Z", "+0000", "-02-29", "4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b", "NaN", "true"),
]


def write(target: str, folder: Path) -> Path:
    """Puts the target's seeds into the folder; returns the dictionary, which lies beside it."""
    for number, seed in enumerate(SEEDS[target]):
        (folder / str(number)).write_bytes(seed)
    words = folder.with_suffix(".dict")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS))
    return words


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')
