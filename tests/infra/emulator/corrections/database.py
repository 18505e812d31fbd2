"""RDS forgets who set a parameter and everything about Performance Insights, and stumbles over a copy of a moment."""

from typing import Any

from moto.rds.models import DBParameterGroup, RDSBackend

from tests.infra.emulator.replacing import after, replace

INSIGHTS = {
    "performance_insights_enabled": "enable_performance_insights",
    "performance_insights_kms_key_id": "performance_insights_kms_key_id",
    "performance_insights_retention_period": "performance_insights_retention_period",
}


def correct() -> None:
    update = DBParameterGroup.update_parameters

    def update_by_user(self: Any, parameters: list[dict[str, Any]]) -> None:
        """The provider reads only the parameters whose source is the user."""
        update(self, [{**parameter, "Source": "user"} for parameter in parameters])

    replace(DBParameterGroup, update_parameters=update_by_user)
    after(RDSBackend, "create_db_instance", _keep_insights)
    after(RDSBackend, "modify_db_instance", _keep_insights)
    replace(RDSBackend, restore_db_instance_to_point_in_time=_restore_to_point_in_time)


def _keep_insights(instance: Any, _: Any, *given: Any) -> None:
    options = given[-1]
    for attribute, option in INSIGHTS.items():
        if option in options:
            setattr(instance, attribute, options[option])


def _restore_to_point_in_time(backend: Any, source: str, target: str, options: dict[str, Any]) -> Any:
    """By way of a snapshot, from which moto can make an instance."""
    snapshot = f"moment-for-{target}"
    backend.create_db_snapshot(source, snapshot)
    chosen = {"db_instance_identifier": target, "db_subnet_group_name": options.get("db_subnet_group_name")}
    restored = backend.restore_db_instance_from_db_snapshot(snapshot, chosen)
    backend.delete_db_snapshot(snapshot)
    return restored
