"""ECS forgets two of a service's options, and lists clusters that were deleted."""

from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse

from tests.infra.emulator.replacing import after, replace

OPTIONS = {
    "availability_zone_rebalancing": "availabilityZoneRebalancing",
    "health_check_grace_period_seconds": "healthCheckGracePeriodSeconds",
}


def correct() -> None:
    after(EC2ContainerServiceResponse, "create_service", _keep_options)
    after(EC2ContainerServiceResponse, "update_service", _keep_options)
    replace(EC2ContainerServiceBackend, list_clusters=_active_clusters)


def _keep_options(_: Any, request: Any) -> None:
    name = request._get_param("serviceName") or request._get_param("service").split("/")[-1]
    (service,), _failures = request.ecs_backend.describe_services(request._get_param("cluster", "default"), [name])
    for attribute, option in OPTIONS.items():
        if (value := request._get_param(option)) is not None:
            setattr(service, attribute, value)


def _active_clusters(backend: Any) -> list[str]:
    return [cluster.arn for cluster in backend.clusters.values() if cluster.status == "ACTIVE"]
