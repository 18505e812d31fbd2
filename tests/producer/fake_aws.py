"""AWS's wire protocol on a loopback port: as much of Kinesis, Secrets Manager and STS as the real process asks for."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.producer.fake_secrets_manager import FakeSecretsManager
from tests.producer.loopback import Answer, loopback

ARN = "arn:aws:sts::111122223333:assumed-role/operator/ann"
IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{ARN}</Arn><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass
class FakeAws:
    """Secrets and one stream. A closed `gate` holds PutRecords; `put` is set once a call has come."""

    url: str = ""
    secrets: FakeSecretsManager = field(default_factory=FakeSecretsManager)
    lines: list[bytes] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    put: threading.Event = field(default_factory=threading.Event)

    def answer(self, _: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if b"Action=GetCallerIdentity" in body:
            return 200, {"content-type": "text/xml"}, IDENTITY.encode()
        operations = {
            "CreateSecret": self.secrets.create_secret,
            "DescribeSecret": self.secrets.describe_secret,
            "GetSecretValue": self.secrets.get_secret_value,
            "PutRecords": self.put_records,
            "PutSecretValue": self.secrets.put_secret_value,
            "UpdateSecretVersionStage": self.secrets.update_secret_version_stage,
        }
        operation = operations[headers["x-amz-target"].rpartition(".")[2]]
        try:
            status, content = 200, operation(**json.loads(body))
        except ClientError as error:
            status, content = 400, {"__type": error.response["Error"]["Code"]}
        return status, {"content-type": "application/x-amz-json-1.1"}, json.dumps(content).encode()

    def put_records(self, **call: Any) -> dict[str, Any]:
        self.put.set()
        assert self.gate.wait(timeout=60)
        self.lines += [base64.b64decode(record["Data"]) for record in call["Records"]]
        return {
            "FailedRecordCount": 0,
            "Records": [{"SequenceNumber": "1", "ShardId": "0"} for _ in call["Records"]],
        }


@contextmanager
def serving() -> Iterator[FakeAws]:
    aws = FakeAws()
    aws.gate.set()
    with loopback(aws.answer) as aws.url:
        yield aws
        aws.gate.set()
