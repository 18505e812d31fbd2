"""Whatever rests is encrypted with the deployment's own key, and whatever moves goes by TLS."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.infra.plan import Plan
from tests.infra.policies import statements

pytestmark = pytest.mark.timeout(600)

Values = Mapping[str, Any]

# Type that keeps content → the keys that it is encrypted with.
KEEPERS: dict[str, Callable[[Values], list[Any]]] = {
    "aws_kinesis_stream": lambda found: [found["kms_key_id"]],
    "aws_kinesis_firehose_delivery_stream": lambda found: [found["extended_s3_configuration"][0]["kms_key_arn"]],
    "aws_s3_bucket_server_side_encryption_configuration": lambda found: [
        rule["apply_server_side_encryption_by_default"][0]["kms_master_key_id"] for rule in found["rule"]
    ],
    "aws_db_instance": lambda found: [
        found["kms_key_id"],
        found["master_user_secret_kms_key_id"],
        found["performance_insights_kms_key_id"],
    ],
    "aws_secretsmanager_secret": lambda found: [found["kms_key_id"]],
    "aws_cloudwatch_log_group": lambda found: [found["kms_key_id"]],
    "aws_sns_topic": lambda found: [found["kms_master_key_id"]],
    "aws_ecr_repository": lambda found: [found["encryption_configuration"][0]["kms_key"]],
    "aws_athena_workgroup": lambda found: [
        result["encryption_configuration"][0]["kms_key_arn"]
        for result in found["configuration"][0]["result_configuration"]
    ],
}

# Types that keep no content of ours: names, rules, figures, ways.
KEEP_NOTHING = """
    apigatewayv2_api apigatewayv2_integration apigatewayv2_route apigatewayv2_stage apigatewayv2_vpc_link
    appautoscaling_policy appautoscaling_target athena_named_query cloudwatch_dashboard cloudwatch_log_stream
    cloudwatch_metric_alarm db_parameter_group db_subnet_group default_security_group ecr_lifecycle_policy
    ecs_cluster ecs_service ecs_task_definition eip flow_log glue_catalog_database glue_catalog_table iam_role
    iam_role_policy internet_gateway kms_alias kms_key lb lb_listener lb_target_group nat_gateway route
    route_table route_table_association s3_bucket s3_bucket_lifecycle_configuration s3_bucket_ownership_controls
    s3_bucket_policy s3_bucket_public_access_block s3_bucket_versioning security_group ses_configuration_set
    ses_email_identity ses_event_destination sns_topic_policy sns_topic_subscription subnet vpc vpc_endpoint
    vpc_security_group_egress_rule vpc_security_group_ingress_rule wafv2_web_acl wafv2_web_acl_association
    wafv2_web_acl_logging_configuration
"""


def test_somebody_has_judged_whether_a_resource_keeps_content(plan: Plan) -> None:
    kinds = {kind for kind in plan.types if kind.startswith("aws_")}
    assert kinds - KEEPERS.keys() - {f"aws_{kind}" for kind in KEEP_NOTHING.split()} == set()


@pytest.mark.parametrize("kind", KEEPERS)
def test_what_keeps_content_is_encrypted_with_our_key(plan: Plan, kind: str) -> None:
    ours = plan.one("aws_kms_key").values["arn"]
    found = {resource.address: KEEPERS[kind](resource.values) for resource in plan.all(kind)}
    assert found
    assert all(keys and set(keys) == {ours} for keys in found.values()), found


def test_every_bucket_and_the_database_say_that_they_encrypt(plan: Plan) -> None:
    encryptions = plan.all("aws_s3_bucket_server_side_encryption_configuration")
    assert {one.values["bucket"] for one in encryptions} == {one.values["id"] for one in plan.all("aws_s3_bucket")}
    for one in encryptions:
        assert one.values["rule"][0]["apply_server_side_encryption_by_default"][0]["sse_algorithm"] == "aws:kms"
    assert plan.one("aws_db_instance").values["storage_encrypted"] is True
    assert plan.one("aws_kinesis_stream").values["encryption_type"] == "KMS"


def test_the_key_changes_every_year_and_is_not_deleted_at_once(plan: Plan) -> None:
    key = plan.one("aws_kms_key").values
    assert key["enable_key_rotation"] is True
    assert key["deletion_window_in_days"] >= 7


def test_no_bucket_answers_without_tls(plan: Plan) -> None:
    denials = [one for one in statements(plan) if "Bool:aws:SecureTransport" in one.conditions and not one.allows]
    assert {one.where for one in denials} == {one.address for one in plan.all("aws_s3_bucket_policy")}
    assert len(plan.all("aws_s3_bucket_policy")) == len(plan.all("aws_s3_bucket"))
    assert all((*one.actions, *one.principals) == ("s3:*", "*:*") for one in denials)


def test_the_database_speaks_tls_alone_and_so_does_mail(plan: Plan) -> None:
    parameters = {one["name"]: one["value"] for one in plan.one("aws_db_parameter_group").values["parameter"]}
    assert parameters["rds.force_ssl"] == "1"
    assert plan.one("aws_ses_configuration_set").values["delivery_options"][0]["tls_policy"] == "Require"
