"""The emulator and the plans for the tests here. They run where terraform and what `make test-infra` installs are."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.aws import CHECKOUT, PYTHON, Aws, serving
from tests.infra.checkout import Checkout
from tests.infra.fixtures import all_plans, plan

__all__ = ["all_plans", "plan"]
OF_TERRAFORM = {"all_plans", "aws", "bare_aws"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = next((why for is_there, why in _needs() if not is_there), None)
    if missing and os.environ.get("INFRA_TESTS") == "required":
        raise pytest.UsageError(f"the deployment cannot be tested: {missing}")
    for item in items:
        if missing and isinstance(item, pytest.Function) and OF_TERRAFORM & {*item.fixturenames}:
            item.add_marker(pytest.mark.skip(reason=f"the deployment is not tested: {missing}"))


def _needs() -> list[tuple[object, str]]:
    return [
        (shutil.which("terraform"), "terraform is not installed"),
        (PYTHON.exists(), ".venv-infra is not set up (make test-infra)"),
        (
            (CHECKOUT / "infra" / ".terraform" / "providers").is_dir(),
            "terraform's AWS provider is not there (make lint)",
        ),
    ]


@pytest.fixture(scope="session")
def bare_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An account in which nothing was ever deployed."""
    with serving(tmp_path_factory.mktemp("bare-aws"), has_engine=False) as aws:
        yield aws


@pytest.fixture
def checkout(bare_aws: Aws, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout", bare_aws)
