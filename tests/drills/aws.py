"""AWS on its bad days: Kinesis, SES and Secrets Manager answer as they do then."""

import asyncio
import json
import os
import subprocess
import sys
from random import Random
from typing import Any

import urllib3

from tests.drills.aws_gate import Answer, AwsGate, Call, Forward, Trouble
from tests.drills.registry import fault
from tests.drills.scene import Scene

LONGER_THAN_ANY_TIMEOUT = 30.0
XML = "text/xml"
THROTTLED = "ProvisionedThroughputExceededException"
FAILED = "SELECT count(*) FROM emails WHERE state = 'failed'"
LAST_ERROR = "SELECT count(*) FROM emails WHERE last_error LIKE %s"


def json_error(code: str, status: int = 400) -> Answer:
    return Answer(status, json.dumps({"__type": code, "message": "for the sake of a drill"}).encode())


def xml_error(code: str, message: str, status: int = 400) -> Answer:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, f"<ErrorResponse>{error}<RequestId>drill</RequestId></ErrorResponse>".encode(), XML)


def answering(answer: Answer) -> Trouble:
    """The call never reaches AWS's books."""

    async def trouble(_: Call, __: Forward) -> Answer:
        return answer

    return trouble


def answering_after(answer: Answer) -> Trouble:
    """It was done, and the answer says otherwise."""

    async def trouble(call: Call, forward: Forward) -> Answer:
        await forward(call)
        return answer

    return trouble


async def silent_after(call: Call, forward: Forward) -> Answer:
    """It was done, and the answer does not come in time."""
    answer = await forward(call)
    await asyncio.sleep(LONGER_THAN_ANY_TIMEOUT)
    return answer


def sometimes(trouble: Trouble, share: float, random: Random) -> Trouble:
    async def maybe(call: Call, forward: Forward) -> Answer:
        return await (trouble(call, forward) if random.random() < share else forward(call))

    return maybe


def refusing_a_part(share: float, random: Random) -> Trouble:
    """HTTP 200 with FailedRecordCount: some records are written, the others refused, each in its place."""

    async def trouble(call: Call, forward: Forward) -> Answer:
        request = json.loads(call.body)
        taken = [random.random() >= share for _ in request["Records"]]
        records = [record for record, is_taken in zip(request["Records"], taken, strict=True) if is_taken]
        results = iter(await _written(call, request, records, forward) if records else [])
        merged = [next(results) if is_taken else _refusal(random) for is_taken in taken]
        body = {"FailedRecordCount": taken.count(False), "Records": merged}
        return Answer(200, json.dumps(body).encode())

    return trouble


async def _written(call: Call, request: dict[str, Any], records: list[Any], forward: Forward) -> list[Any]:
    answer = await forward(Call(call.request, json.dumps({**request, "Records": records}).encode()))
    results: list[Any] = json.loads(answer.body)["Records"]
    return results


def _refusal(random: Random) -> dict[str, str]:
    return {"ErrorCode": random.choice([THROTTLED, "InternalFailure"]), "ErrorMessage": "for the sake of a drill"}


def _trouble_kinesis(scene: Scene, trouble: Trouble) -> None:
    gate = scene.rig.gates.producers_aws
    before = gate.troubled
    with gate.trouble("PutRecords", trouble):
        scene.pause(scene.pick(6, 90))
    assert gate.troubled > before, "no call met the trouble"


@fault("Kinesis refuses a part", kind="Kinesis: partial refusals")
def partial_refusals(scene: Scene) -> None:
    _trouble_kinesis(scene, refusing_a_part(scene.random.uniform(0.2, 0.7), scene.random))


@fault("Kinesis throttles", kind="Kinesis: throttling")
def throttling(scene: Scene) -> None:
    _trouble_kinesis(scene, sometimes(answering(json_error(THROTTLED)), 0.8, scene.random))


@fault("Kinesis answers 500", kind="Kinesis: 500s")
def failing(scene: Scene) -> None:
    """Before the write, and after it."""
    before = answering(json_error("InternalFailure", 500))
    after = answering_after(json_error("InternalFailure", 500))
    _trouble_kinesis(scene, sometimes(sometimes(after, 0.5, scene.random), 0.5, scene.random))
    _trouble_kinesis(scene, before)


@fault("Kinesis times out after the write", kind="Kinesis: timeouts after the write")
def timing_out(scene: Scene) -> None:
    _trouble_kinesis(scene, sometimes(silent_after, 0.5, scene.random))


def _trouble_ses(scene: Scene, trouble: Trouble, action: str = "SendRawEmail") -> int:
    """Until mail has met the trouble, and for a while; returns how often it did."""
    gate = scene.rig.gates.notifiers_aws
    before = gate.troubled
    with gate.trouble(action, trouble):
        scene.until(lambda: gate.troubled > before, "mail to meet the trouble")
        scene.pause(scene.pick(4, 60))
    return gate.troubled - before


@fault("SES throttles", kind="SES: throttling", mails=True)
def mail_throttled(scene: Scene) -> None:
    _trouble_ses(scene, answering(xml_error("Throttling", "Maximum sending rate exceeded.")))


@fault("SES refuses", kind="SES: refusing", mails=True)
def mail_refused(scene: Scene) -> None:
    """For good, until an operator mends the reason and says so."""
    words = "Email address is not verified. The following identities failed the check: drill@example.org"
    _trouble_ses(scene, answering(xml_error("MessageRejected", words)))
    assert scene.rig.driver.sql(FAILED) != [(0,)]
    environment = {**os.environ, "DATABASE_URL": scene.rig.local.postgres.url}
    subprocess.run([sys.executable, "-m", "consumer", "emails", "retry"], env=environment, check=True)


@fault("SES times out after sending", kind="SES: timeouts after sending", mails=True)
def mail_silent(scene: Scene) -> None:
    """Each such answer is a copy more, with the same digest id."""
    scene.mail_answers_lost += _trouble_ses(scene, silent_after)


@fault("Secrets Manager down", kind="Secrets Manager down", mails=False)
def secrets_down(scene: Scene) -> None:
    """Later: the keys that were read stay in force. At start: nobody is let in, and readiness says so."""
    gate: AwsGate = scene.rig.gates.producers_aws
    with gate.trouble("GetSecretValue", answering(json_error("InternalServiceError", 500))):
        scene.pause(scene.pick(6, 30))
        served = len(scene.load.accepted)
        scene.until(lambda: len(scene.load.accepted) > served, "keys to stay in force")
        scene.kill("producer", scene.program("producer"))
        scene.until(lambda: readiness(scene) == 503, "the new producer to say that it is not ready")
        scene.pause(scene.pick(3, 30))
        assert readiness(scene) == 503


def readiness(scene: Scene) -> int:
    """What /health/ready answers; 0 where nothing does."""
    try:
        answer = urllib3.request("GET", f"{scene.rig.local.collector_url}/health/ready", timeout=2, retries=False)
    except urllib3.exceptions.HTTPError:
        return 0
    return answer.status
