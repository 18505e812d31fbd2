"""What each role may do is what its code was seen to call: no more, no less, and on things that are named."""

import pytest

from tests.infra.plan import ACCOUNT, Plan
from tests.infra.policies import Statement, allowed, statements, trusts
from tests.infra.roles import PROOFS, SERVICES_OWN, TAKEN_BY, TASKS, called_by, documents, task_roles

pytestmark = pytest.mark.timeout(600)

# Statement → why its resource can be no other than "*".
ANY_RESOURCE = {
    "execution.RegistryLogin": "ecr:GetAuthorizationToken knows no resource",
    "consumer.MailQuota": "ses:GetSendQuota knows no resource",
    "aws_kms_key.this.IamPoliciesOfThisAccount": "a key's policy is of that key alone",
    "aws_kms_key.this.LogGroups": "a key's policy is of that key alone",
    "aws_kms_key.this.PublishersToTheTopic": "a key's policy is of that key alone",
}


@pytest.mark.parametrize("role", sorted(task_roles()))
def test_a_task_may_do_what_it_was_seen_to_call_and_nothing_else(plan: Plan, role: str) -> None:
    found, called = allowed(plan, documents()[role]), called_by(role)
    assert found - called == set(), "allowed, and nobody calls it"
    assert called - found == set(), "called, and no policy allows it"


@pytest.mark.parametrize("role", SERVICES_OWN)
def test_a_role_of_aws_services_may_do_what_they_ask_for_and_nothing_else(plan: Plan, role: str) -> None:
    assert allowed(plan, documents()[role]) == SERVICES_OWN[role]


def test_every_task_has_the_role_of_its_code(plan: Plan) -> None:
    roles = {role.values["arn"]: role.key for role in plan.all("aws_iam_role")}
    found = {task.key: roles.get(task.values["task_role_arn"]) for task in plan.all("aws_ecs_task_definition")}
    assert found == {task: role for task, (role, _) in TASKS.items()}


def test_every_role_has_one_policy_and_no_ready_made_one(plan: Plan) -> None:
    roles = {role.values["name"]: role.key for role in plan.all("aws_iam_role")}
    policies = {policy.key: roles[policy.values["role"]] for policy in plan.all("aws_iam_role_policy")}
    assert policies == {role: role for role in TAKEN_BY}
    assert documents().keys() == TAKEN_BY.keys()
    assert not {"aws_iam_policy", "aws_iam_role_policy_attachment", "aws_iam_user", "aws_iam_access_key"} & plan.types


def test_a_role_is_for_one_service_that_works_for_this_account(plan: Plan) -> None:
    found = trusts(plan)
    assert found.keys() == TAKEN_BY.keys()
    for role, service in TAKEN_BY.items():
        (statement,) = found[role]
        assert statement.principals == {f"Service:{service}"}, role
        assert statement.conditions == PROOFS[service], role


def test_no_action_is_a_pattern(plan: Plan) -> None:
    assert [one.name for one in granting(plan) if any("*" in action for action in one.actions)] == []


def test_whatever_is_allowed_on_everything_has_a_reason(plan: Plan) -> None:
    assert {one.name for one in granting(plan) if "*" in one.resources} == ANY_RESOURCE.keys()


def test_a_statement_names_things_of_the_service_that_it_allows(plan: Plan) -> None:
    for one in granting(plan):
        services = {resource.split(":")[2] for resource in one.resources - {"*"}}
        assert services <= {action.split(":")[0] for action in one.actions}, one.name


def test_a_role_uses_the_key_only_through_the_service_whose_data_it_protects(plan: Plan) -> None:
    using = [one for one in granting(plan) if one.where in plan.documents and any(map(of_kms, one.actions))]
    assert using
    assert [one.name for one in using if "StringEquals:kms:ViaService" not in one.conditions] == []


def of_kms(action: str) -> bool:
    return action.startswith("kms:")


def test_nobody_outside_this_account_is_let_in(plan: Plan) -> None:
    principals = {principal for one in granting(plan) for principal in one.principals}
    foreign = {one for one in principals if not one.startswith("Service:")} - {f"AWS:arn:aws:iam::{ACCOUNT}:root"}
    assert foreign == set()


def granting(plan: Plan) -> list[Statement]:
    """What denies may name everything: it lets nobody do anything."""
    return [one for one in statements(plan) if one.allows]
