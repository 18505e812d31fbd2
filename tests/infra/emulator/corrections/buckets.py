"""A bucket's policy is taken without its conditions' statements: moto takes what is denied without TLS for denied."""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from tests.infra.emulator.replacing import replace


def correct() -> None:
    replace(FakeBucket, get_permission=_permission)


def _permission(bucket: Any, action: str, resource: str) -> PermissionResult:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    unconditional = [statement for statement in statements if "Condition" not in statement]
    if not unconditional:
        return PermissionResult.NEUTRAL
    return IAMPolicy(policy | {"Statement": unconditional}).is_action_permitted(action, resource)
