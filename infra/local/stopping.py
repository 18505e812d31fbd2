"""Ctrl-C, a `kill` and a closed terminal all end a command the same way: in order."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(BaseException):
    """A signal asked us to stop; not an Exception, so that nothing on the way swallows it."""


def stop_on_signals() -> None:
    """From now on each of the signals raises StoppedError in the main thread."""
    for number in SIGNALS:
        signal.signal(number, _stop)


def ignore_signals() -> None:
    """For the time of an orderly end, which nothing may interrupt."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise StoppedError
