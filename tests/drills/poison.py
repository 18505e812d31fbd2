"""Records that nobody can evaluate: put into the stream past the producer, as a broken client of Kinesis would."""

import json
from collections.abc import Sequence
from random import Random
from uuid import UUID

import boto3

from infra.local.settings import STREAM
from tests.drills.evidence import Position
from tests.drills.payments import Payment, as_wire
from tests.drills.registry import fault
from tests.drills.scene import Scene

MOST_A_CALL = 500
LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


def poison(random: Random) -> bytes:
    """A line of one of many kinds, none of which is a transaction, and no two the same."""
    tag = str(UUID(int=random.getrandbits(128), version=4))
    good = json.loads(as_wire(Payment.of(random)))
    missing = random.choice(list(good))
    kinds = [
        tag.encode() + random.randbytes(random.randint(60, 600)).translate(LINE_ENDS),
        f"these are no transactions at all, and that {random.randint(2, 9)} times over: {tag}".encode(),
        json.dumps(good)[: random.randint(40, 200)].encode() + tag.encode(),
        json.dumps(good | {"amount": random.choice(["1e999999", "-1", "NaN", "", "9" * 60, None])}).encode(),
        json.dumps(good | {"v": random.randint(2, 10**9)}).encode(),
        json.dumps({name: value for name, value in good.items() if name != missing}).encode(),
        json.dumps(good | {"senderId": "NUL \0 " + tag}).encode(),
        json.dumps(good | {"receiverId": "x"}).replace('"x"', f'"{chr(92)}ud800"').encode(),
        b"[" * random.randint(200, 2_000) + tag.encode(),
        json.dumps(good | {"transactionDate": random.choice(["yesterday", "2022-06-30", 0])}).encode(),
        json.dumps([good]).encode(),
    ]
    return random.choice(kinds)


def put(scene: Scene, records: Sequence[list[bytes | Payment]]) -> None:
    """Puts records of these lines; which is poison, and where it lies, is kept for the audit."""
    kinesis = boto3.client("kinesis")
    for begin in range(0, len(records), MOST_A_CALL):
        part = records[begin : begin + MOST_A_CALL]
        entries = [{"Data": _data(record), "PartitionKey": str(scene.random.random())} for record in part]
        answer = kinesis.put_records(StreamName=STREAM, Records=entries)  # type: ignore[arg-type]
        for record, written in zip(part, answer["Records"], strict=True):
            _keep(scene, record, written["ShardId"], int(written["SequenceNumber"]))


def _keep(scene: Scene, record: list[bytes | Payment], shard: str, sequence_number: int) -> None:
    for number, line in enumerate(record, start=1):
        if isinstance(line, Payment):
            scene.load.sent[line.trx_id] = scene.load.accepted[line.trx_id] = line
        else:
            scene.poison[Position(shard, sequence_number, number)] = line


def _data(record: list[bytes | Payment]) -> bytes:
    return b"".join((as_wire(line) if isinstance(line, Payment) else line) + b"\n" for line in record)


@fault("poison, one in ten", kind="poison")
def one_in_ten(scene: Scene) -> None:
    """Alone in its record, and in the midst of good neighbours."""
    for _ in range(int(scene.pick(10, 100))):
        put(scene, [[_line(scene, 0.1) for _ in range(scene.random.randint(1, 30))] for _ in range(20)])
        scene.pause(0.2)


def _line(scene: Scene, share: float) -> bytes | Payment:
    return poison(scene.random) if scene.random.random() < share else Payment.of(scene.random)


@fault("a flood of poison", kind="poison flood")
def flood(scene: Scene) -> None:
    """Nothing but poison, as fast as it can be put: the breaker stops the consumer, and a person lets it go on."""
    put(scene, [[poison(scene.random)] for _ in range(int(scene.pick(3_000, 40_000)))])
    scene.until_told("the breaker is tripped since")
    scene.pause(scene.pick(2, 20))
    scene.rig.driver.run_as("drill", "consumer", "breaker", "reset", "--note", "a flood on purpose").check_returncode()
