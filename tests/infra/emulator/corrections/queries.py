"""Athena cannot delete a named query."""

from typing import Any

from moto.athena.responses import AthenaResponse

from tests.infra.emulator.replacing import replace


def correct() -> None:
    def delete_named_query(self: Any) -> str:
        self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"), None)
        return "{}"

    replace(AthenaResponse, delete_named_query=delete_named_query)
