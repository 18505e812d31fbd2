"""What the client is told of each record, and the HTTP status that sums it up."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal

import msgspec

from producer.validate import FieldError


class Published(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A valid record: `accepted` is durable in the stream, `unavailable` is not known to be and is to be sent again."""

    trx_id: str
    status: Literal["accepted", "unavailable"]


class Rejected(msgspec.Struct, frozen=True):
    """An invalid record, by its position in the request from 0, with everything that is wrong with it."""

    index: int
    status: Literal["rejected"]
    errors: list[FieldError]


class Receipts(msgspec.Struct, frozen=True):
    """The answer to a request: totals, and one receipt a record in request order."""

    accepted: int
    rejected: int
    unavailable: int
    records: list[Published | Rejected]

    @property
    def http_status(self) -> HTTPStatus:
        if self.accepted == len(self.records):
            return HTTPStatus.ACCEPTED
        if self.rejected == len(self.records):
            return HTTPStatus.UNPROCESSABLE_ENTITY
        if self.unavailable == len(self.records):
            return HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.MULTI_STATUS


def receipts(judged: Sequence[str | list[FieldError]], durable: Sequence[bool]) -> Receipts:
    """`judged` is each record's `trxId`, or what is wrong with it; `durable` holds an outcome for each of the first."""
    outcome = iter(durable)
    records = [
        Published(result, "accepted" if next(outcome) else "unavailable")
        if isinstance(result, str)
        else Rejected(index, "rejected", result)
        for index, result in enumerate(judged)
    ]
    accepted = sum(durable)
    return Receipts(accepted, len(judged) - len(durable), len(durable) - accepted, list(records))
