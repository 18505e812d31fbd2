"""How fast and how much SES lets us send, by its own account."""

from collections.abc import Callable

from consumer.ses import MailPassingError, Quota

FRESH_SECONDS = 60.0


class Pace:
    """Keeps one process within SES's quota, which counts recipients and is read again once it is a minute old.

    ``read`` asks SES; ``now`` is a monotonic clock in seconds.
    """

    def __init__(self, read: Callable[[], Quota], now: Callable[[], float]) -> None:
        self._read = read
        self._now = now
        self._fresh_until = float("-inf")
        self._next_send = float("-inf")

    def refresh(self) -> Quota:
        """Raises what ``read`` raises, and will then ask again."""
        self._quota = self._read()
        self._taken = 0
        self._fresh_until = self._now() + FRESH_SECONDS
        return self._quota

    def take(self, recipients: int) -> None:
        """Books so many recipients, or books nothing and raises `MailPassingError` with the seconds to wait."""
        if self._now() >= self._fresh_until:
            self.refresh()
        if recipients > self._quota.left - self._taken or self._quota.per_second <= 0:
            raise MailPassingError("SendQuotaSpent", f"SES allows no more for now: {self._quota}", FRESH_SECONDS)
        wait = self._next_send - self._now()
        if wait > 0:
            raise MailPassingError("SendRateSpent", f"SES allows {self._quota.per_second} recipients a second", wait)
        self._taken += recipients
        self._next_send = self._now() + recipients / self._quota.per_second
