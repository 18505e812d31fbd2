from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.pace import FRESH_SECONDS, Pace
from consumer.ses import MailPassingError, Ses
from tests.consumer.fake_ses import FakeSes, ses_error


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pace_over(client: FakeSes) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(Ses(client, "alerts@example.com").quota, clock), clock


def refusal(pace: Pace, recipients: int) -> MailPassingError:
    with pytest.raises(MailPassingError) as raised:
        pace.take(recipients)
    return raised.value


@given(
    rate=st.integers(1, 20),
    steps=st.lists(st.tuples(st.integers(1, 50), st.floats(0, 5, allow_nan=False)), min_size=1, max_size=60),
)
def test_recipients_a_second_stay_below_the_rate(rate: int, steps: list[tuple[int, float]]) -> None:
    pace, clock = pace_over(FakeSes(quota=(-1, rate, 0)))
    taken: list[tuple[float, int]] = []
    for recipients, wait in steps:
        with suppress(MailPassingError):
            pace.take(recipients)
            taken.append((clock.now, recipients))
        clock.now += wait
    assert taken[0][0] == 1000
    for i, (start, _) in enumerate(taken):
        for j in range(i + 1, len(taken)):
            assert sum(n for _, n in taken[i:j]) <= rate * (taken[j][0] - start) + 1e-6


def test_a_wait_for_the_rate_is_as_long_as_it_says() -> None:
    pace, clock = pace_over(FakeSes(quota=(-1, 2, 0)))
    pace.take(5)
    error = refusal(pace, 1)
    assert (error.code, error.delay) == ("SendRateSpent", 2.5)
    clock.now += 2.5
    pace.take(1)


def test_recipients_of_a_day_stay_below_the_quota_until_ses_has_more() -> None:
    client = FakeSes(quota=(200, 1000, 190))
    pace, clock = pace_over(client)
    pace.take(6)
    clock.now += 1
    error = refusal(pace, 5)
    assert (error.code, error.delay) == ("SendQuotaSpent", FRESH_SECONDS)
    pace.take(4)
    client.spent = 195
    clock.now += FRESH_SECONDS
    pace.take(5)


@pytest.mark.parametrize("quota", [(0, 1, 0), (200, 0, 0), (200, 1, 250)])
def test_nothing_is_sent_where_ses_allows_nothing(quota: tuple[float, float, float]) -> None:
    pace, _ = pace_over(FakeSes(quota=quota))
    assert refusal(pace, 1).code == "SendQuotaSpent"


def test_the_quota_is_read_again_once_it_is_a_minute_old() -> None:
    client = FakeSes()
    pace, clock = pace_over(client)
    for second in range(0, 130, 10):
        clock.now = 1000.0 + second
        pace.take(1)
    assert client.quota_reads == 3


def test_a_quota_that_can_not_be_read_lets_nothing_through_and_is_asked_for_again() -> None:
    client = FakeSes()
    pace, _ = pace_over(client)
    client.quota_error = ses_error("AccessDenied", 403)
    assert refusal(pace, 1).code == "AccessDenied"
    client.quota_error = None
    pace.take(1)
