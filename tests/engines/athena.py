"""Athena as its client sees it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


class FakeAthena:
    """``answer`` makes the result of a query, a file of CSV; what it raises, and says, is why the query failed. What is
    ``raised`` is raised by every call but a stop.
    """

    class exceptions:  # noqa: N801 - as in boto3
        class InvalidRequestException(Exception):  # noqa: N818
            response = {"Error": {"Message": "WorkGroup is not found"}}  # noqa: RUF012

    def __init__(self, answer: Callable[[str], Path]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.raised: BaseException | None = None
        self.scanned = 0
        self._answer = answer

    @property
    def queries(self) -> list[str]:
        return [asked["QueryString"] for asked in self.asked]

    def start_query_execution(self, **asked: Any) -> dict[str, str]:
        if isinstance(self.raised, Exception):
            raise self.raised
        self.asked.append(asked)
        return {"QueryExecutionId": str(len(self.asked) - 1)}

    def get_query_execution(self, **asked: str) -> dict[str, Any]:
        if self.raised:
            raise self.raised
        found: dict[str, Any] = {"Statistics": {"DataScannedInBytes": self.scanned}}
        try:
            result = self._answer(self.queries[int(asked["QueryExecutionId"])])
        except ValueError as error:
            return {"QueryExecution": {**found, "Status": {"State": "FAILED", "StateChangeReason": str(error)}}}
        place = {"OutputLocation": str(result)}
        return {"QueryExecution": {**found, "Status": {"State": "SUCCEEDED"}, "ResultConfiguration": place}}

    def stop_query_execution(self, **asked: str) -> None:
        self.stopped.append(asked["QueryExecutionId"])
