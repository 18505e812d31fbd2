"""What can go wrong, sorted by what the caller does about it: reject, retry or crash.

A message never holds payload, keys or account data: it may be logged.
"""


class ConsumerError(Exception):
    """Base of the consumer's own errors."""


class RejectedError(ConsumerError):
    """Reject: one input is wrong and stays wrong. The message is the reason, fit for a dead letter."""


class RetryError(ConsumerError):
    """Retry: the world is down (database, network) and the input is good. Nothing was stored that was not complete."""


class CrashError(ConsumerError):
    """Crash: going on would lose or repeat work. A person reads the message, so it says what to do."""


class SettingsError(CrashError):
    """The settings are unusable. The message names every one that is, and echoes no value."""
