import pytest

from consumer.patience import backoff
from consumer.stopping import Stop


def test_a_pause_ends_by_itself_or_at_once_after_the_stop() -> None:
    stop = Stop()
    assert not stop.pause(0.001)
    stop.request()
    assert stop.pause(3600)


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [(1, 0.0, 1.0), (1, 1.0, 2.0), (5, 0.5, 24.0), (9, 1.0, 300.0), (10**9, 1.0, 300.0), (10**9, 0.0, 150.0)],
)
def test_waits_double_up_to_a_limit_and_differ_by_half(attempt: int, jitter: float, seconds: float) -> None:
    assert backoff(attempt, longest=300.0, jitter=lambda: jitter) == seconds
