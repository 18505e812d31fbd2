"""One rig for all drills that pytest holds."""

from collections.abc import Iterator

import pytest

from tests.drills.evidence import Witness, witness_of
from tests.drills.rig import Rig, running_rig


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("drills") / "stack", seed=1) as running:
        yield running


@pytest.fixture(scope="session")
def witness(rig: Rig) -> Witness:
    return witness_of(rig.driver)
