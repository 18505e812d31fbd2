"""What `make run` shows, on a terminal of any width."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from rich.console import Console

from infra.local import show


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_amounts_are_whole_however_narrow_the_terminal_is(width: int) -> None:
    reason = "amount 24509.40 is greater than 1000"
    row = Decimal("24509.40"), UUID(int=1), "s", "r", datetime(2022, 6, 30, 17, 52, tzinfo=UTC), reason
    console = Console(file=io.StringIO(), width=width)
    console.print(show.anomalies([row], 1, 1))
    assert "24,509.40 " in console.file.getvalue()  # type: ignore[attr-defined]
