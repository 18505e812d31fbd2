"""Who calls which of AWS's actions: what the role of that process must be allowed on AWS.

A caller is known by the id of its access key, which is any word here. Kept in memory alone.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from infra.local.emulator.shapes import OK, Answer

CALLS_PATH = "/_ministack/calls"
MOST_CALLS = 10_000
Headers = Mapping[str, str]
Query = Mapping[str, Any]
Dispatch = Callable[[str, str, Headers, bytes, Query, str], Awaitable[Answer]]
Endpoint = Callable[[str, str, Headers, Query, str], Awaitable[Answer | None]]


class Calls:
    """The distinct calls of this process's life; after ``most`` of them no new one is kept.

    ``caller_of`` and ``action_of`` tell a request's access key and IAM action (None where it is no such call).
    """

    def __init__(
        self,
        caller_of: Callable[[Headers, Query], str],
        action_of: Callable[[str, str, Headers, bytes, Query], str | None],
        most: int = MOST_CALLS,
    ) -> None:
        self._caller_of = caller_of
        self._action_of = action_of
        self._most = most
        self._seen: set[tuple[str, str]] = set()
        self._seen_targets: set[tuple[str, str]] = set()

    def noting(self, dispatch: Dispatch) -> Dispatch:
        async def note(method: str, path: str, headers: Headers, body: bytes, query: Query, request_id: str) -> Answer:
            self._note(method, path, headers, body, query)
            return await dispatch(method, path, headers, body, query, request_id)

        return note

    def _note(self, method: str, path: str, headers: Headers, body: bytes, query: Query) -> None:
        caller, target = self._caller_of(headers, query), headers.get("x-amz-target", "")
        if (caller, target) in self._seen_targets:  # PutRecords and GetRecords cost no more than this look
            return
        action = self._action_of(method, path, headers, body, query)
        if action and len(self._seen) < self._most:
            self._seen.add((caller, action))
            if target:
                self._seen_targets.add((caller, target))

    def showing(self, endpoint: Endpoint) -> Endpoint:
        """``GET /_ministack/calls``: caller → its actions, in the order of the alphabet."""

        async def show(method: str, path: str, headers: Headers, query: Query, request_id: str) -> Answer | None:
            if (method, path) == ("GET", CALLS_PATH):
                return OK, {"Content-Type": "application/json"}, json.dumps(self.by_caller()).encode()
            return await endpoint(method, path, headers, query, request_id)

        return show

    def by_caller(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for caller, action in sorted(self._seen):
            found.setdefault(caller, []).append(action)
        return found
