"""What KCL's daemon delivers, read at once: kclpy reads each record into objects of its own, one after the other."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from amazon_kclpy.kcl import KCLProcess
from amazon_kclpy.messages import ProcessRecordsInput


class DeliveredRecord(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """By kclpy's names. ``timestamp_millis`` is Kinesis's clock, since 1970."""

    sequence_number: str
    sub_sequence_number: int
    binary_data: bytes = msgspec.field(name="data")
    timestamp_millis: int = msgspec.field(name="approximateArrivalTimestamp")


class _Delivery(msgspec.Struct, frozen=True, rename="camel"):
    action: Literal["processRecords"]
    records: list[DeliveredRecord]
    millis_behind_latest: int | None


_decode = msgspec.json.Decoder(_Delivery).decode


class ChildProcess(KCLProcess):  # type: ignore[misc]
    """kclpy's loop. A call that is not read at once is left to kclpy, as all other words are."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.io_handler.load_action = _reading(self.io_handler.load_action)


def _reading(load_action: Callable[[str], Any]) -> Callable[[str], Any]:
    def load(line: str) -> Any:
        try:
            delivery = _decode(line)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return load_action(line)
        found = {"action": delivery.action, "records": delivery.records}
        return ProcessRecordsInput({**found, "millisBehindLatest": delivery.millis_behind_latest})

    return load
