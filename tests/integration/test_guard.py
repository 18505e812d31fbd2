"""No hot path takes 15 % more instructions than it did. What makes one dearer on purpose writes the baseline anew."""

import os

import pytest

from tests.guard.counting import baseline, can_count, here, instructions
from tests.guard.paths import PATHS

MOST = 1.15
REQUIRED = os.environ.get("GUARD_TESTS") == "required"


def test_the_guard_counts_here_where_it_must() -> None:
    assert not REQUIRED or (can_count() and baseline().is_of_here)


@pytest.mark.skipif(not can_count(), reason="valgrind is not installed")
@pytest.mark.skipif(not baseline().is_of_here, reason=f"there is no baseline for Python and machine {here()}")
@pytest.mark.parametrize("path", PATHS)
def test_a_hot_path_takes_no_more_instructions_than_it_did(path: str, database_url: str) -> None:
    counted, before = instructions(path, database_url), baseline().instructions[path]
    assert counted <= MOST * before, f"{counted:,.0f} a transaction, {before:,.0f} before: python -m tests.guard"
