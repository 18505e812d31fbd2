"""Every policy statement of a plan, whether it stands in a policy document or in a resource's JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.infra.plan import Plan

POLICY_ATTRIBUTES = ("assume_role_policy", "policy")


@dataclass(frozen=True)
class Statement:
    """``where`` is a document's name or a resource's address; principals are ``kind:name``, conditions ``test:key``."""

    where: str
    sid: str
    effect: str
    actions: frozenset[str]
    resources: frozenset[str]
    principals: frozenset[str]
    conditions: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.where}.{self.sid}"

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"


def statements(plan: Plan) -> list[Statement]:
    return [*_documented(plan), *_embedded(plan)]


def allowed(plan: Plan, document: str) -> set[str]:
    """The actions that a document allows."""
    return {
        action for found in _documented(plan) if found.where == document and found.allows for action in found.actions
    }


def trusts(plan: Plan) -> dict[str, list[Statement]]:
    """Role → the statements about who may take it."""
    return {
        role.key: [_from_json(role.address, found) for found in _json_statements(role.values["assume_role_policy"])]
        for role in plan.all("aws_iam_role")
    }


def _documented(plan: Plan) -> Iterator[Statement]:
    for name, document in plan.documents.items():
        for found in document["statement"]:
            unused = found["not_actions"], found["not_resources"], found["not_principals"]
            assert not any(unused), f"{name}: what is left out grows with AWS; name what is meant"
            yield Statement(
                name,
                found["sid"] or "",
                found["effect"] or "Allow",
                frozenset(found["actions"] or ()),
                frozenset(found["resources"] or ()),
                frozenset(f"{one['type']}:{name}" for one in found["principals"] for name in one["identifiers"]),
                frozenset(f"{one['test']}:{one['variable']}" for one in found["condition"]),
            )


def _embedded(plan: Plan) -> Iterator[Statement]:
    for resource in plan.resources:
        for attribute in POLICY_ATTRIBUTES:
            for found in _json_statements(resource.values.get(attribute)):
                yield _from_json(resource.address, found)


def _json_statements(policy: Any) -> list[Mapping[str, Any]]:
    """None of what is no policy: a made-up value, or ECR's rules."""
    if not isinstance(policy, str) or not policy.startswith("{"):
        return []
    return _listed(json.loads(policy).get("Statement", []))


def _from_json(where: str, found: Mapping[str, Any]) -> Statement:
    assert not {"NotAction", "NotResource", "NotPrincipal"} & found.keys(), f"{where}: name what is meant"
    principals = found.get("Principal", {})
    by_kind = {"*": "*"} if principals == "*" else principals
    return Statement(
        where,
        found.get("Sid", ""),
        found["Effect"],
        frozenset(_listed(found["Action"])),
        frozenset(_listed(found.get("Resource", []))),
        frozenset(f"{kind}:{name}" for kind, names in by_kind.items() for name in _listed(names)),
        frozenset(f"{test}:{key}" for test, keys in found.get("Condition", {}).items() for key in keys),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
