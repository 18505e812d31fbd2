"""What every test starts from."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_at_start() -> Iterator[None]:
    """A test may configure the logs, for a stream that ends with it."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
