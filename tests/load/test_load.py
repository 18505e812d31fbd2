"""The measurements work, and nothing accepted is missing; how fast it all is, they tell by themselves, by hand."""

from tests.load import connections, overload


def test_above_capacity_the_rest_is_shed_and_what_was_accepted_is_there() -> None:
    measured = overload.measure(capacity=4000, records=100, seconds=1, manner="throttling", loads=(1, 10))
    for step in measured.steps:
        assert step.outcome.accepted
        assert step.missing == 0
        assert set(step.outcome.statuses) <= {202, 207, 503}
        assert step.outcome.lost == 0


def test_beside_connections_that_do_not_get_on_others_are_served() -> None:
    measured = connections.measure(company=60, seconds=2)
    for outcome in (measured.alone, measured.beside):
        assert set(outcome.statuses) == {202}
        assert (outcome.lost, outcome.unsent) == (0, 0)
