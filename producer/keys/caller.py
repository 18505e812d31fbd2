"""Who makes a change, for the log."""

import contextlib
import getpass
import os
import socket
from collections.abc import Mapping
from typing import Protocol

from botocore.config import Config

from api_keys.store import VENDOR_ERRORS


class Identities(Protocol):
    """STS, as far as it is asked."""

    def get_caller_identity(self) -> Mapping[str, str]: ...


def client_config(region: str) -> Config:
    """One short attempt: a network without a way to STS must not hold up a change."""
    return Config(region_name=region, connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})


def caller(identities: Identities) -> str:
    """The ARN that AWS knows the credentials by, which every identity may ask for; else this machine's user."""
    with contextlib.suppress(*VENDOR_ERRORS):
        return str(identities.get_caller_identity()["Arn"])
    return f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
