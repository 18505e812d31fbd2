"""Says which port is taken by what."""

import socket
from collections.abc import Mapping

import psutil


class PortsTakenError(Exception):
    """Ports are in use by somebody else; the message names each with its holder and the setting that moves it."""


def require_free(ports: Mapping[str, int]) -> None:
    """``ports``: setting's name → port. Raises PortsTakenError with every taken one."""
    faults = [
        f"port {port} {fault}; choose another with {setting}=…"
        for setting, port in ports.items()
        if (fault := _fault(port))
    ]
    if faults:
        raise PortsTakenError("\n".join(faults))


def _fault(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return "may not be used by an ordinary user"
        except OSError:
            return f"is taken by {_holder(port)}"
    return None


def _holder(port: int) -> str:
    try:
        listening = [
            connection
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        ]
        pids = [connection.pid for connection in listening if connection.pid]
        process = psutil.Process(pids[0])
        return f"process {process.pid} ({process.name()})"
    except (IndexError, psutil.Error):
        return "another user's process"
