"""Each checker finds the harm that it is there for: bugs are planted into the services, and what is stored is changed.

Only the harm that was done is told of: a checker that complained of everything would be no better than none.
"""

import contextlib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import boto3
import psycopg2
import pytest

from infra.local.settings import ALERT_RECIPIENTS, ALERT_SENDER
from tests.drills import windows
from tests.drills.audit import Harm, Truth, audit
from tests.drills.drill import perform, settle, truth_of
from tests.drills.evidence import Sql, Witness
from tests.drills.load import Load
from tests.drills.poison import poison, put
from tests.drills.registry import RATE, Drill
from tests.drills.rig import Rig
from tests.drills.scene import Scene

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Told = set[tuple[Harm, str]]
LOST, DOUBLED, ALIEN, WRONG = Harm

BUGS: dict[str, Told] = {
    "accepts_what_it_does_not_publish": {(LOST, "stream"), (LOST, "archive"), (LOST, "anomalies")},
    "checkpoints_past_a_batch": {(LOST, "progress"), (LOST, "anomalies"), (LOST, "dead letters")},
    "forgets_dead_letters": {(LOST, "dead letters")},
    "stores_amounts_as_floats": {(WRONG, "anomalies")},
    "mails_under_another_id": {(LOST, "mailbox"), (ALIEN, "mailbox")},
    "mails_nothing": {(LOST, "mailbox")},
    "mails_twice": {(DOUBLED, "mailbox")},
}
LAST = "(SELECT max(id) FROM anomalies)"
COLUMNS = """
rule_id, rule_version, reason, amount, sender_id, receiver_id, sender_iban, receiver_iban,
sender_bank_id, receiver_bank_id, transaction_date, received_at, stream_incarnation, shard_id, sequence_number, line
"""
COPY = f"INSERT INTO anomalies (transaction_id, {COLUMNS}) SELECT %s, {COLUMNS} FROM anomalies WHERE id = {LAST}"
TAMPERING: dict[str, tuple[str, Told]] = {
    "an anomaly deleted": (f"DELETE FROM anomalies WHERE id = {LAST}", {(LOST, "anomalies"), (WRONG, "e-mail")}),
    "an anomaly past the constraint": (
        f"ALTER TABLE anomalies DROP CONSTRAINT anomalies_transaction_id_rule_id_key; {COPY % 'transaction_id'}",
        {(DOUBLED, "anomalies"), (LOST, "alerts")},
    ),
    "an anomaly of nobody's": (
        COPY % "gen_random_uuid()",
        {(ALIEN, "anomalies"), (LOST, "alerts")},
    ),
    "a cent more": (
        f"UPDATE anomalies SET amount = amount + 0.01 WHERE id = {LAST}",
        {(WRONG, "anomalies"), (WRONG, "e-mail")},
    ),
    "another sender": (f"UPDATE anomalies SET sender_id = 'x' WHERE id = {LAST}", {(WRONG, "anomalies")}),
    "an alert deleted": (f"DELETE FROM alerts WHERE anomaly_id = {LAST}", {(LOST, "alerts"), (WRONG, "e-mail")}),
    "a line counted twice": ("UPDATE shard_progress SET transactions = transactions + 1", {(DOUBLED, "progress")}),
    "a line not counted": ("UPDATE shard_progress SET transactions = transactions - 1", {(LOST, "progress")}),
    "a dead letter deleted": (
        "DELETE FROM dead_letters WHERE first_seen_at = (SELECT max(first_seen_at) FROM dead_letters)",
        {(LOST, "dead letters")},
    ),
    "a dead letter's bytes": ("UPDATE dead_letters SET payload = payload || 'x'", {(WRONG, "dead letters")}),
    "a dead letter of nobody's": (
        """INSERT INTO dead_letters SELECT stream_incarnation, shard_id, 1, 1, payload, reason, 'open', '[]', arrived_at
        FROM dead_letters LIMIT 1""",
        {(ALIEN, "dead letters")},
    ),
    "a conflict": (
        f"""INSERT INTO conflicts SELECT transaction_id, 'x', '[]', '[]', stream_incarnation, shard_id, 1, 1, now()
        FROM anomalies WHERE id = {LAST}""",
        {(ALIEN, "conflicts")},
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(rig: Rig, witness: Witness, bug: str) -> None:
    def strike(scene: Scene) -> None:
        with rig.sabotage.planted(bug):
            put(scene, [[poison(scene.random)] for _ in range(20)])
            scene.pause(3)

    outcome = perform(rig, witness, Drill(bug, "planted bug", strike, RATE, mails=False), seed=1)
    assert not outcome.failure
    assert {(harm, where) for harm, where, _ in outcome.complaints} == BUGS[bug]


def test_windows_that_are_not_locked_are_found(rig: Rig, witness: Witness) -> None:
    drill = Drill("locks_no_window", "planted bug", windows.race, RATE, mails=False)
    with rig.sabotage.planted("locks_no_window"):
        outcome = perform(rig, witness, drill, seed=1)
    assert not outcome.failure
    assert {(harm, where) for harm, where, _ in outcome.complaints} == {(LOST, "anomalies")}


@pytest.fixture(scope="module")
def truth(rig: Rig, witness: Witness) -> Truth:
    """Of a little that went through the stack without any trouble."""
    witness.mark()
    scene = Scene(rig, Load(rig.collector, "checkers", rate=RATE), 1, long=False)
    with scene.load.running():
        put(scene, [[poison(scene.random)] for _ in range(5)])
        scene.load.post(20)
    settle(scene, witness)
    return truth_of(scene)


@contextlib.contextmanager
def scratch(rig: Rig) -> Iterator[Sql]:
    """The database as it would be: what is done to it in here is undone in the end."""
    with contextlib.closing(psycopg2.connect(rig.local.postgres.url)) as connection:
        cursor = connection.cursor()

        def sql(query: str, *parameters: object) -> list[tuple[Any, ...]]:
            cursor.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

        yield sql
        connection.rollback()


def test_without_harm_there_is_no_complaint(witness: Witness, truth: Truth) -> None:
    assert audit(truth, witness.evidence()) == []


@pytest.mark.parametrize("what", TAMPERING)
def test_what_the_database_should_not_hold_is_found(rig: Rig, witness: Witness, truth: Truth, what: str) -> None:
    statements, told = TAMPERING[what]
    with scratch(rig) as sql:
        sql(statements)
        complaints = audit(truth, witness.evidence(sql))
    assert {(harm, where) for harm, where, _ in complaints} == told


def test_an_archive_object_that_is_gone_is_found(rig: Rig, witness: Witness, truth: Truth) -> None:
    s3, bucket = boto3.client("s3"), rig.driver.observer.bucket
    key = max(rig.driver.observer.archive_keys())
    kept = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=key)
    try:
        complaints = audit(truth, witness.evidence())
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=kept)
    assert {(harm, where) for harm, where, _ in complaints} == {(LOST, "archive")}


def test_an_archive_object_of_somebodys_making_is_found(rig: Rig, witness: Witness, truth: Truth) -> None:
    line = next(line for line in witness.archive() if b'"amount":"' in line)
    forged = line.replace(b'"amount":"', b'"amount":"7')
    s3, place = boto3.client("s3"), {"Bucket": rig.driver.observer.bucket, "Key": "transactions/forged"}
    s3.put_object(**place, Body=forged + b"\nnothing\n")  # type: ignore[arg-type]
    try:
        complaints = audit(truth, witness.evidence())
    finally:
        s3.delete_object(**place)  # type: ignore[arg-type]
    assert {(harm, where) for harm, where, _ in complaints} == {(WRONG, "archive"), (ALIEN, "archive")}


def test_a_forged_mail_is_found(witness: Witness, truth: Truth) -> None:
    """It stays in the mailbox, and so this test comes last."""
    message = EmailMessage()
    message["X-Digest-Id"] = "of nobody's"
    message.set_content("Nothing of this is true.")
    raw = {"Data": message.as_bytes()}
    boto3.client("ses").send_raw_email(Source=ALERT_SENDER, Destinations=[ALERT_RECIPIENTS], RawMessage=raw)  # type: ignore[arg-type]
    assert {(harm, where) for harm, where, _ in audit(truth, witness.evidence())} == {(ALIEN, "mailbox")}
