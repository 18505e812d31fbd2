"""A process that is asked to stop finishes what it is at."""

import signal
import time

STOP_WITHIN = 0.2


class Stop:
    """Whether the process is to stop. A mere flag: a handler interrupts its own thread, which may hold any lock."""

    def __init__(self) -> None:
        self.requested = False

    @classmethod
    def on_signals(cls) -> "Stop":
        """One that SIGTERM and SIGINT request from now on."""
        made = cls()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, made.request)
        return made

    def request(self, *_: object) -> None:
        self.requested = True

    def pause(self, seconds: float) -> bool:
        """Waits so long or until the stop; True if the process is to stop."""
        end = time.monotonic() + seconds
        while not self.requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, STOP_WITHIN))
        return self.requested
