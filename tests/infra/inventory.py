"""What is in the account that costs money, or stands in the way of the next deployment."""

from tests.infra.aws import Aws

# Kind → service, paginated call, path to the names.
QUESTIONS = {
    "addresses": ("ec2", "describe_addresses", "Addresses[].PublicIp"),
    "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    "apis": ("apigatewayv2", "get_apis", "Items[].Name"),
    "buckets": ("s3", "list_buckets", "Buckets[].Name"),
    "clusters": ("ecs", "list_clusters", "clusterArns"),
    "dashboards": ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    "databases": ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    "delivery streams": ("firehose", "list_delivery_streams", "DeliveryStreamNames"),
    "key aliases": ("kms", "list_aliases", "Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName"),
    "load balancers": ("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerName"),
    "log groups": ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    "NAT gateways": ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    "repositories": ("ecr", "describe_repositories", "repositories[].repositoryName"),
    "secrets": ("secretsmanager", "list_secrets", "SecretList[].Name"),
    "snapshots": ("rds", "describe_db_snapshots", "DBSnapshots[].DBSnapshotIdentifier"),
    "streams": ("kinesis", "list_streams", "StreamNames"),
    "tables": ("dynamodb", "list_tables", "TableNames"),
    "task definitions": ("ecs", "list_task_definitions", "taskDefinitionArns"),
    "topics": ("sns", "list_topics", "Topics[].TopicArn"),
    "VPCs": ("ec2", "describe_vpcs", "Vpcs[?!IsDefault].VpcId"),
}


def inventory(aws: Aws) -> dict[str, list[str]]:
    """Kind → names, of those kinds of which there are some."""
    found = {kind: sorted(_ask(aws, *question)) for kind, question in QUESTIONS.items()}
    return {kind: names for kind, names in found.items() if names}


def _ask(aws: Aws, service: str, call: str, path: str) -> list[str]:
    import jmespath

    return jmespath.search(path, getattr(aws.client(service), call)()) or []
