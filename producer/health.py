"""Whether the service of this machine is well: what a container engine's health check asks, every few seconds.

So it loads next to nothing, and never asks a proxy that the environment names.
"""

import http.client
import sys
from collections.abc import Mapping

from producer.errors import NotWellError, SettingsError

PORT = 8080
LIVE = "/health/live"
READY = "/health/ready"
# Less than a health check of a container engine waits at least, so that the reason is told.
ANSWER_SECONDS = 4.0


def main(environment: Mapping[str, str], *, ready: bool) -> int:
    """Says how the service is; returns the exit code."""
    try:
        require_well(port(environment), READY if ready else LIVE)
    except (NotWellError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write("ready\n" if ready else "live\n")
    return 0


def port(environment: Mapping[str, str]) -> int:
    """PRODUCER_PORT, as the service reads it. Raises SettingsError."""
    text = environment.get("PRODUCER_PORT", str(PORT)).strip()
    if not text.isdecimal() or not 0 < int(text[:9]) < 65536:
        raise SettingsError("PRODUCER_PORT must be the number of the port that the service listens on")
    return int(text)


def require_well(port: int, path: str) -> None:
    """Raises NotWellError with the reason, unless `path` is answered with 200 at 127.0.0.1."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotWellError(f"no answer on port {port}: {str(error) or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise NotWellError(f"{path} answers {answer.status}: {_detail(content)}")


def _detail(content: bytes) -> str:
    import json

    try:
        return str(json.loads(content)["detail"])
    except (ValueError, LookupError, TypeError):
        return "and gives no reason"
