"""The repair of e-mails that SES refused for good: `python -m consumer emails retry`."""

from consumer.database import engine
from consumer.notify import COMPOSING_MS
from consumer.outbox import Outbox, Released
from consumer.settings import DatabaseSettings


def retry_failed() -> Released:
    """The alerts of failed e-mails wait for the next one. Raises SettingsError or DBAPIError, and may be repeated."""
    target = engine(
        DatabaseSettings.load().database,
        "payment-analytics emails",
        statement_timeout_ms=COMPOSING_MS,
        lock_timeout_ms=COMPOSING_MS,
    )
    try:
        return Outbox(target).release_failed()
    finally:
        target.dispose()
