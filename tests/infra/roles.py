"""Who takes which role, and what no recorded run can show that they call."""

import re

from tests.infra.plan import INFRA
from tests.infra.recorded import OCCASIONAL, recorded_calls

ECS, FIREHOSE, FLOW_LOGS = "ecs-tasks.amazonaws.com", "firehose.amazonaws.com", "vpc-flow-logs.amazonaws.com"

# By what a service proves that it acts for this account.
PROOFS = {
    ECS: {"StringEquals:aws:SourceAccount", "ArnLike:aws:SourceArn"},
    FIREHOSE: {"StringEquals:sts:ExternalId"},
    FLOW_LOGS: {"StringEquals:aws:SourceAccount", "ArnLike:aws:SourceArn"},
}

# Role → the one service that may take it.
TAKEN_BY = {
    "execution": ECS,
    "migrate-execution": ECS,
    "producer": ECS,
    "consumer": ECS,
    "consumer-tool": ECS,
    "console": ECS,
    "console-tool": ECS,
    "keys": ECS,
    "firehose": FIREHOSE,
    "flow": FLOW_LOGS,
}

# Task → its role, and the recorded callers that run as that task on AWS.
TASKS: dict[str, tuple[str | None, set[str]]] = {
    "producer": ("producer", {"producer"}),
    "consumer": ("consumer", {"consumer", "notifier"}),
    "consumer-tool": ("consumer-tool", {"tool"}),
    "console": ("console", {"console"}),
    "console-tool": ("console-tool", {"console-tool"}),
    "keys": ("keys", {"keys"}),
    "migrate": (None, set()),
}

LOGIN = "no call: the token that stands for a password is signed here, and RDS looks at the role that signed it"

# Role → actions that AWS asks for and no emulator does, with what they are for.
UNSEEN = {
    "producer": {
        "kms:GenerateDataKey": "PutRecords into an encrypted stream",
        "kms:Decrypt": "GetSecretValue of an encrypted secret",
    },
    "consumer": {
        "kms:Decrypt": "GetRecords of an encrypted stream, GetObject of encrypted rules",
        "s3:ListBucket": "GetObject of rules that are not there yet: without it they are forbidden",
        "rds-db:connect": LOGIN,
    },
    "consumer-tool": {
        "kms:Decrypt": "GetObject of an encrypted archive, GetRecords of an encrypted stream",
        "kms:GenerateDataKey": "PutObject of the rules, encrypted",
        "rds-db:connect": LOGIN,
    },
    "console": {
        "kms:Decrypt": "GetRecords of an encrypted stream, GetObject of rules and an archive, GetSecretValue",
        "kms:GenerateDataKey": "PutSecretValue of an encrypted secret",
        "rds-db:connect": LOGIN,
    },
    "console-tool": {
        "kms:Decrypt": "PutSecretValue and CreateSecret of an encrypted secret",
        "kms:GenerateDataKey": "the same",
        "rds-db:connect": LOGIN,
    },
    "keys": {
        "kms:Decrypt": "GetSecretValue of an encrypted secret",
        "kms:GenerateDataKey": "PutSecretValue and CreateSecret of an encrypted secret",
    },
}

# Called, and asked for by no policy.
FREE = {"sts:GetCallerIdentity": "AWS tells everybody who they are"}

# Role that no code of ours takes → what its service's documentation asks for.
SERVICES_OWN = {
    "execution": {
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    },
    "migrate-execution": {"secretsmanager:GetSecretValue", "kms:Decrypt"},
    "firehose": {
        "kinesis:DescribeStream",
        "kinesis:GetShardIterator",
        "kinesis:GetRecords",
        "kinesis:ListShards",
        "s3:AbortMultipartUpload",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:PutObject",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:PutLogEvents",
    },
    "flow": {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
}


def documents() -> dict[str, str]:
    """Role → its policy document.

    A plan can't tell: Terraform reads a document only once the things that it names are made.
    """
    line = re.compile(
        r'^ +([\w-]+) += \{ service = "\w+", policy = data\.aws_iam_policy_document\.(\w+)\.json \}$', re.MULTILINE
    )
    return dict(line.findall((INFRA / "roles.tf").read_text()))


def task_roles() -> set[str]:
    return {role for role, _ in TASKS.values() if role}


def called_by(role: str) -> set[str]:
    """All that the tasks of a role call and need a policy for: recorded, on some days alone, or unseen by emulators."""
    recorded = recorded_calls()
    callers = {caller for taken, callers in TASKS.values() if taken == role for caller in callers}
    called = {action for caller in callers for action in (*recorded[caller], *OCCASIONAL.get(caller, ()))}
    return (called | UNSEEN[role].keys()) - FREE.keys()
