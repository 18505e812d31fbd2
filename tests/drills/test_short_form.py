"""The short form of the drills: 20 rounds, each with a seed of its own. `make drills` holds more of them."""

import pytest

from tests.drills.drill import perform
from tests.drills.evidence import Witness
from tests.drills.plan import Round, short
from tests.drills.report import line
from tests.drills.rig import Rig

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
FIRST_SEED = 1


@pytest.mark.parametrize("planned", short(FIRST_SEED), ids=lambda planned: f"{planned.drill.name}, seed {planned.seed}")
def test_nothing_is_lost_or_doubled_and_it_goes_on(rig: Rig, witness: Witness, planned: Round) -> None:
    outcome = perform(rig, witness, *planned)
    print(line(outcome))  # noqa: T201 - pytest shows it where the drill fails
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.passed, "\n".join([outcome.explanation, *outcome.notes])
