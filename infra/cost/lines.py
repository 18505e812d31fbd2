"""The bill: one function a line, dollars a month. What stands in no line costs nothing, or less than a dollar."""

import math
from collections.abc import Callable

from infra.cost import prices
from infra.cost.sizes import Deployment, Tasks
from infra.cost.traffic import (
    ACCESS_LOG_LINE,
    ANSWER_HEAD,
    GB,
    GZIP,
    HOURS,
    LINE,
    POLL,
    PUT,
    PUT_ANSWER,
    READ_FRAME,
    RECEIPT,
    REQUEST_HEAD,
    SECONDS,
    Traffic,
)

# As infra/*.tf and the services' settings have them; tests/infra/test_cost.py compares.
ZONES = 2
KEPT_DAYS = 6  # of the seven, the first is free
READERS = 2  # the consumer, and Firehose
REQUESTS_A_TASK_AND_MINUTE = 36_000
BUSY = 0.5  # of its CPU: then another producer is started
POLL_SECONDS = 0.3
KEYS_REFRESH_SECONDS = 30
BUFFER_SECONDS = 300
DIGEST_SECONDS = 300
STORAGE_GB = 20
CALLED_SERVICES = 6
ALARMS = 21 + 4  # ours, and two that AWS makes for each of the two target trackings
METRICS = 3 + 3  # producer's and notifier's
SECRETS = 3  # hashes, first key, the database owner's password
WAF_RULES = 2

# Measured, seconds of a core: docs/benchmarks.md. A Fargate vCPU, a thread of a core, is taken for 0.7 of the core that
# they were measured on, and KCL's daemon for as much as its children.
VCPU = 0.7
REQUEST_CPU, TRANSACTION_CPU = 125e-6 / VCPU, 7.1e-6 / VCPU
READ_CPU = 2 * 8e-6 / VCPU

# That a consumer's task of 2 GB has memory for, when they have fallen behind (infra/containers.tf).
SHARDS_A_CONSUMER = 10

# Assumptions.
IMAGES_GB = 2
QUIET_LOGS_GB = 0.5
INSIGHTS_METRICS = 63  # eight to ten of cluster, services and task families each, and a few counts
INSIGHTS_LOGS_GB_A_TASK = 0.15
LEASE_RENEWAL_SECONDS = 3.3  # a third of FAILOVER_MS

FIRST_REQUESTS = 300e6  # which cost a little more than those that follow
DAYS = HOURS / 24


def _shards(deployment: Deployment, traffic: Traffic) -> int:
    return deployment.stream_shards or traffic.shards


def _producers(deployment: Deployment, traffic: Traffic) -> int:
    """As many as the autoscaling makes of requests and CPU."""
    requests = traffic.requests / SECONDS
    by_requests = math.ceil(requests * 60 / REQUESTS_A_TASK_AND_MINUTE)
    by_cpu = _tasks(deployment.producer, requests * REQUEST_CPU + traffic.rate * TRANSACTION_CPU)
    return _within(deployment.producer, max(by_requests, by_cpu))


def _consumers(deployment: Deployment, traffic: Traffic) -> int:
    """They are added when they fall behind; that many do not."""
    by_memory = math.ceil(_shards(deployment, traffic) / SHARDS_A_CONSUMER)
    return _within(deployment.consumer, max(by_memory, _tasks(deployment.consumer, traffic.rate * READ_CPU)))


def _tasks(tasks: Tasks, cores: float) -> int:
    return math.ceil(cores / BUSY * 1024 / tasks.cpu)


def _within(tasks: Tasks, wanted: int) -> int:
    return min(max(wanted, tasks.min), tasks.max)


def fargate(deployment: Deployment, traffic: Traffic) -> float:
    vcpu, gb = prices.FARGATE_VCPU[deployment.cpu_architecture], prices.FARGATE_GB[deployment.cpu_architecture]

    def hour(tasks: Tasks) -> float:
        return tasks.cpu / 1024 * vcpu.usd + tasks.memory / 1024 * gb.usd

    producers = _producers(deployment, traffic) * hour(deployment.producer)
    consumers = _consumers(deployment, traffic) * hour(deployment.consumer)
    return HOURS * (producers + consumers + deployment.console.min * hour(deployment.console))


def database(deployment: Deployment, _: Traffic) -> float:
    one = HOURS * prices.DATABASE[deployment.database.instance_class].usd + STORAGE_GB * prices.DATABASE_STORAGE.usd
    return one * (2 if deployment.database.multi_az else 1)


def stream(deployment: Deployment, traffic: Traffic) -> float:
    if shards := deployment.stream_shards:
        return shards * HOURS * (prices.SHARD_HOUR.usd + prices.SHARD_KEPT.usd) + traffic.records * prices.SHARD_PUT.usd
    billed = traffic.billed_gb(step_kb=1)
    kept = billed * KEPT_DAYS / DAYS
    read = READERS * traffic.line_gb
    return (
        HOURS * prices.STREAM_HOUR.usd
        + billed * prices.STREAM_IN.usd
        + read * prices.STREAM_OUT.usd
        + kept * prices.STREAM_KEPT.usd
    )


def firehose(_: Deployment, traffic: Traffic) -> float:
    return traffic.billed_gb(step_kb=5) * prices.FIREHOSE_IN.usd


def archive(_: Deployment, traffic: Traffic) -> float:
    """The first month's end; it grows by as much each month, and a sixth of it after 90 days."""
    objects = SECONDS / BUFFER_SECONDS * min(1, traffic.rate)
    return traffic.line_gb * GZIP * prices.ARCHIVE_GB.usd + objects * prices.ARCHIVE_PUT.usd


def api(_: Deployment, traffic: Traffic) -> float:
    """AWS lists no price for the VPC link of an HTTP API; two guides name 7.20 dollars a month."""
    beyond = max(0, traffic.requests - FIRST_REQUESTS)
    calls = (traffic.requests - beyond) * prices.API_REQUEST.usd + beyond * prices.API_REQUEST_BEYOND.usd
    answers = (traffic.requests * ANSWER_HEAD + traffic.transactions * RECEIPT) / GB
    return calls + answers * prices.INTERNET_OUT.usd


def balancer(_: Deployment, traffic: Traffic) -> float:
    """Capacity by bytes, which is what fills first as long as the API keeps its connections."""
    through = traffic.requests * (REQUEST_HEAD + ANSWER_HEAD) + traffic.transactions * (LINE + RECEIPT)
    return HOURS * prices.BALANCER_HOUR.usd + through / GB * prices.BALANCER_UNIT.usd


def network(deployment: Deployment, traffic: Traffic) -> float:
    zones = ZONES if deployment.nat_per_zone else 1
    polls = SECONDS / POLL_SECONDS * _shards(deployment, traffic) * POLL
    kinesis = (traffic.transactions * (PUT + PUT_ANSWER + LINE) + traffic.records * READ_FRAME + polls) / GB
    by_endpoint = deployment.egress == "endpoints" or "kinesis-streams" in deployment.extra_endpoints
    gateways = zones * HOURS * (prices.NAT_HOUR.usd + prices.ADDRESS_HOUR.usd) if deployment.egress == "nat" else 0
    endpoints = CALLED_SERVICES if deployment.egress == "endpoints" else len(deployment.extra_endpoints)
    carried = kinesis * (prices.ENDPOINT_GB if by_endpoint else prices.NAT_GB).usd
    return gateways + endpoints * zones * HOURS * prices.ENDPOINT_HOUR.usd + carried


def cloudwatch(deployment: Deployment, traffic: Traffic) -> float:
    tasks = _producers(deployment, traffic) + _consumers(deployment, traffic)
    logs = QUIET_LOGS_GB + deployment.access_logs * traffic.requests * ACCESS_LOG_LINE / GB
    metrics = METRICS
    if deployment.container_insights:
        logs += INSIGHTS_LOGS_GB_A_TASK * tasks
        metrics += INSIGHTS_METRICS
    fixed = ALARMS * prices.ALARM.usd + prices.DASHBOARD.usd
    return fixed + metrics * prices.METRIC.usd + logs * prices.LOG_GB.usd


def leases(deployment: Deployment, traffic: Traffic) -> float:
    """KCL's table: each lease is renewed, and written again for each batch that was stored."""
    shards = _shards(deployment, traffic)
    full_polls = 1 - math.exp(-traffic.records / SECONDS / shards * POLL_SECONDS)
    writes = shards * SECONDS * (1 / LEASE_RENEWAL_SECONDS + full_polls / POLL_SECONDS)
    return writes * prices.LEASE_WRITE.usd


def keys_and_images(deployment: Deployment, traffic: Traffic) -> float:
    reads = _producers(deployment, traffic) * SECONDS / KEYS_REFRESH_SECONDS
    held = prices.KEY_MONTH.usd + SECRETS * prices.SECRET_MONTH.usd + IMAGES_GB * prices.IMAGE_GB.usd
    return held + reads * (prices.SECRET_READ.usd + prices.KEY_CALL.usd)


def mail(_: Deployment, traffic: Traffic) -> float:
    """To one recipient, at the most that the digests allow."""
    return (SECONDS / DIGEST_SECONDS) * min(1, traffic.rate) * prices.MAIL.usd


def waf(deployment: Deployment, traffic: Traffic) -> float:
    if not deployment.waf:
        return 0
    return prices.WAF_MONTH.usd + WAF_RULES * prices.WAF_RULE.usd + traffic.requests * prices.WAF_REQUEST.usd


LINES: dict[str, Callable[[Deployment, Traffic], float]] = {
    "API and its answers": api,
    "WAF": waf,
    "load balancer": balancer,
    "Fargate": fargate,
    "Kinesis stream": stream,
    "Firehose": firehose,
    "S3 archive, first month": archive,
    "RDS PostgreSQL": database,
    "NAT, endpoints": network,
    "CloudWatch": cloudwatch,
    "DynamoDB leases": leases,
    "keys, secrets, images": keys_and_images,
    "SES": mail,
}


def bill(deployment: Deployment, traffic: Traffic) -> dict[str, float]:
    """Dollars a month by line."""
    return {line: cost(deployment, traffic) for line, cost in LINES.items()}
