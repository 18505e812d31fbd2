"""Nothing but the API's two routes can be reached from outside."""

import json
import re
from typing import Any

import pytest

from tests.infra.plan import Plan

pytestmark = pytest.mark.timeout(600)
WITH_PASSWORD = re.compile(r"\w+://[^@/]*:[^@/]*@")
ANYWHERE = {"0.0.0.0/0", "::/0"}
PUBLIC_ACCESS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
# They would let in, or hand out, what this configuration says elsewhere or not at all.
UNUSED = {
    "aws_security_group_rule",
    "aws_instance",
    "aws_s3_bucket_acl",
    "aws_lambda_function_url",
    "aws_db_snapshot_copy",
    "aws_kinesis_resource_policy",
    "aws_ecr_repository_policy",
    "aws_secretsmanager_secret_policy",
}


def test_the_api_has_two_routes_and_every_one_is_throttled(plan: Plan) -> None:
    routes = {route.values["route_key"] for route in plan.all("aws_apigatewayv2_route")}
    assert routes == {"POST /collector/transactions", "GET /openapi.json"}
    settings = plan.one("aws_apigatewayv2_stage").values["route_settings"]
    assert {found["route_key"] for found in settings if found["throttling_rate_limit"] > 0} == routes


def test_what_the_api_leads_to_is_inside_the_vpc(plan: Plan) -> None:
    assert plan.one("aws_apigatewayv2_integration").values["connection_type"] == "VPC_LINK"
    assert plan.one("aws_lb").values["internal"] is True


def test_a_connection_comes_from_a_security_group_and_from_no_address(plan: Plan) -> None:
    for rule in plan.all("aws_vpc_security_group_ingress_rule"):
        assert rule.values["referenced_security_group_id"], rule.address
        assert not any(rule.values[source] for source in ("cidr_ipv4", "cidr_ipv6", "prefix_list_id")), rule.address
    for group in (*plan.all("aws_security_group"), *plan.all("aws_default_security_group")):
        assert not group.values["ingress"], group.address
        assert not group.values["egress"], group.address


def test_only_https_leaves_and_nothing_does_without_a_gateway(plan: Plan) -> None:
    open_rules = [
        rule for rule in plan.all("aws_vpc_security_group_egress_rule") if rule.values["cidr_ipv4"] in ANYWHERE
    ]
    assert all(rule.values["from_port"] == rule.values["to_port"] == 443 for rule in open_rules)
    assert not [rule for rule in plan.all("aws_vpc_security_group_egress_rule") if rule.values["cidr_ipv6"]]
    assert bool(open_rules) == bool(plan.all("aws_nat_gateway")) == bool(plan.all("aws_internet_gateway"))


def test_public_addresses_are_the_nat_gateways_alone(plan: Plan) -> None:
    assert {address.values["id"] for address in plan.all("aws_eip")} == {
        gateway.values["allocation_id"] for gateway in plan.all("aws_nat_gateway")
    }
    assert not any(subnet.values["map_public_ip_on_launch"] for subnet in plan.all("aws_subnet"))
    for service in plan.all("aws_ecs_service"):
        assert not service.values["network_configuration"][0]["assign_public_ip"], service.address


def test_tasks_and_load_balancer_stand_where_the_internet_has_no_way_in(plan: Plan) -> None:
    inside = [*plan.all("aws_lb"), *plan.all("aws_apigatewayv2_vpc_link"), *plan.all("aws_vpc_endpoint")]
    subnets = {subnet for found in inside for subnet in found.values.get("subnets") or found.values["subnet_ids"] or ()}
    for service in plan.all("aws_ecs_service"):
        subnets.update(service.values["network_configuration"][0]["subnets"])
    assert subnets
    assert not subnets & subnets_with_a_route_to(plan, "gateway_id")


def test_the_database_has_no_way_out_either(plan: Plan) -> None:
    assert plan.one("aws_db_instance").values["publicly_accessible"] is False
    subnets = set(plan.one("aws_db_subnet_group").values["subnet_ids"])
    assert len(subnets) == 2
    assert not subnets & (subnets_with_a_route_to(plan, "gateway_id") | subnets_with_a_route_to(plan, "nat_gateway_id"))


def subnets_with_a_route_to(plan: Plan, target: str) -> set[str]:
    tables = {route.values["route_table_id"] for route in plan.all("aws_route") if route.values[target]}
    return {
        found.values["subnet_id"]
        for found in plan.all("aws_route_table_association")
        if found.values["route_table_id"] in tables
    }


def test_no_bucket_can_be_made_public(plan: Plan) -> None:
    buckets = {bucket.values["id"] for bucket in plan.all("aws_s3_bucket")}
    blocks = plan.all("aws_s3_bucket_public_access_block")
    assert {block.values["bucket"] for block in blocks} == buckets
    assert all(block.values[name] is True for block in blocks for name in PUBLIC_ACCESS)
    owners = plan.all("aws_s3_bucket_ownership_controls")
    assert {owner.values["bucket"] for owner in owners} == buckets
    assert all(owner.values["rule"][0]["object_ownership"] == "BucketOwnerEnforced" for owner in owners)


def test_a_container_is_nobody_and_writes_nowhere_but_to_its_tmp(plan: Plan) -> None:
    for container in containers(plan):
        assert container["user"] == "10001:10001"
        assert container["readonlyRootFilesystem"] is True
        assert container["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
        assert not container.get("privileged")


def test_no_setting_holds_a_password_and_the_migrations_alone_are_given_one(plan: Plan) -> None:
    given = {one["name"]: [secret["name"] for secret in one.get("secrets", [])] for one in containers(plan)}
    assert {name: secrets for name, secrets in given.items() if secrets} == {"migrate": ["PGPASSWORD"]}
    settings = [setting for one in containers(plan) for setting in one["environment"]]
    assert not [setting["name"] for setting in settings if WITH_PASSWORD.match(setting["value"])]
    assert not [setting["name"] for setting in settings if setting["name"].endswith(("PASSWORD", "TOKEN", "_KEY"))]


def containers(plan: Plan) -> list[dict[str, Any]]:
    tasks = plan.all("aws_ecs_task_definition")
    return [container for task in tasks for container in json.loads(task.values["container_definitions"])]


def test_nobody_gets_a_shell_in_a_running_task(plan: Plan) -> None:
    assert not any(service.values["enable_execute_command"] for service in plan.all("aws_ecs_service"))


def test_access_is_given_in_no_other_place(plan: Plan) -> None:
    assert not UNUSED & plan.types
