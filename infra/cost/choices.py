"""What one choice changes in the bill."""

import math
from collections.abc import Callable
from dataclasses import replace

from infra.cost.lines import bill
from infra.cost.sizes import Deployment
from infra.cost.traffic import LINE, SHARD_BYTES, Traffic

Situation = tuple[Deployment, Traffic]


def _variables(**changed: object) -> Callable[[Deployment, Traffic], Situation]:
    return lambda deployment, traffic: (replace(deployment, **changed), traffic)  # type: ignore[arg-type]


def _batched(deployment: Deployment, traffic: Traffic) -> Situation:
    return deployment, replace(traffic, per_request=100)


def _provisioned(deployment: Deployment, traffic: Traffic) -> Situation:
    return replace(deployment, stream_shards=max(2, math.ceil(1.5 * traffic.rate * LINE / SHARD_BYTES))), traffic


def _one_zone(deployment: Deployment, traffic: Traffic) -> Situation:
    return replace(deployment, database=deployment.database._replace(multi_az=False)), traffic


CHOICES: dict[str, Callable[[Deployment, Traffic], Situation]] = {
    "100 transactions a request": _batched,
    "stream_shards = 1.5 times the load": _provisioned,
    'extra_endpoints = ["kinesis-streams"]': _variables(extra_endpoints=("kinesis-streams",)),
    'egress = "endpoints"': _variables(egress="endpoints"),
    "nat_per_zone = false": _variables(nat_per_zone=False),
    "database.multi_az = false": _one_zone,
    "container_insights = false": _variables(container_insights=False),
    "access_logs = true": _variables(access_logs=True),
    "waf = true": _variables(waf=True),
    'cpu_architecture = "X86_64"': _variables(cpu_architecture="X86_64"),
}


def changes(deployment: Deployment, traffic: Traffic) -> dict[str, float]:
    """Dollars a month that each choice adds, or saves if below zero."""
    before = sum(bill(deployment, traffic).values())
    return {name: sum(bill(*choose(deployment, traffic)).values()) - before for name, choose in CHOICES.items()}
