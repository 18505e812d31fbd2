"""SES v1 knows no delivery options, and describes a configuration set by its name alone."""

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ses.responses import EmailResponse

from tests.infra.emulator.replacing import replace

kept: dict[str, dict[str, Any]] = {}


def correct() -> None:
    replace(
        EmailResponse,
        describe_configuration_set=_describe,
        put_configuration_set_delivery_options=_keeping("delivery", "DeliveryOptions"),
        update_configuration_set_sending_enabled=_keeping("sends", "Enabled"),
        update_configuration_set_reputation_metrics_enabled=_keeping("measures", "Enabled"),
        create_configuration_set_event_destination=_add_destination,
        update_configuration_set_event_destination=_add_destination,
        delete_configuration_set_event_destination=_remove_destination,
    )


def _of(request: Any) -> dict[str, Any]:
    return kept.setdefault(request._get_param("ConfigurationSetName"), {"destinations": {}})


def _keeping(option: str, parameter: str) -> Callable[[Any], Any]:
    def keep(self: Any) -> Any:
        value = self._get_param(parameter)
        _of(self)[option] = value == "true" if isinstance(value, str) else value
        return EmptyResult()

    return keep


def _describe(self: Any) -> Any:
    self.backend.describe_configuration_set(self._get_param("ConfigurationSetName"))  # raises where there is none
    return ActionResult(_description(self._get_param("ConfigurationSetName"), _of(self)))


def _add_destination(self: Any) -> Any:
    destination = self._get_param("EventDestination")
    _of(self)["destinations"][destination["Name"]] = destination
    return EmptyResult()


def _remove_destination(self: Any) -> Any:
    _of(self)["destinations"].pop(self._get_param("EventDestinationName"), None)
    return EmptyResult()


def _description(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ConfigurationSet": {"Name": name},
        "EventDestinations": list(options["destinations"].values()),
        "DeliveryOptions": options.get("delivery") or {},
        "ReputationOptions": {
            "SendingEnabled": options.get("sends", True),
            "ReputationMetricsEnabled": options.get("measures", False),
        },
    }
