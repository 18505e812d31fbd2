"""`python -m infra.local.emulator`: the AWS of `make run`, on loopback. See settings.py for its environment."""

import asyncio
import os
import sys
import time
from importlib.metadata import version

from infra.local.emulator.settings import EmulatorSettings, EmulatorSettingsError, adopt

MINISTACK = "1.5.33"


def main() -> int:
    """0 after an orderly stop, 1 where it can't start, 2 for an unusable setting."""
    if (found := version("ministack")) != MINISTACK:
        return _failed(f"the corrections fit ministack {MINISTACK} alone, and {found} is installed", 1)
    try:
        settings = EmulatorSettings.from_environment(os.environ)
    except EmulatorSettingsError as error:
        return _failed(str(error), 2)
    adopt(settings.for_ministack(os.environ))
    # ministack reads its environment when it is imported.
    from infra.local.emulator.server import serve
    from infra.local.emulator.state import StateUnreadableError

    try:
        asyncio.run(serve(settings, time.time))
    except (OSError, StateUnreadableError) as error:
        return _failed(str(error), 1)
    return 0


def _failed(message: str, code: int) -> int:
    sys.stderr.write(f"emulator: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
