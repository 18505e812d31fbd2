"""The stack's processes under supervisord: started again when they die, stopped in reverse order.

supervisord is ours alone: its socket lies in the state folder, nothing else of the machine is touched.
"""

import contextlib
import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from infra.local.supervisor_config import Place, Program, write_config

LONGEST_SOCKET_PATH = 90  # of the 103 bytes that macOS allows; supervisord adds its process id for a moment
PR_SET_PDEATHSIG = 1
# In the environment of every process of the stack, and of theirs: how orphans are told.
TAG = "EMBEDDED_STACK"
ORPHANS_GRACE_SECONDS = 15


class NotRunningError(Exception):
    """No supervisor answers in this folder."""


class Supervisor:
    """One supervisord and its programs, found again by the state folder."""

    def __init__(self, folder: Path, log_folder: Path) -> None:
        self._folder = folder
        self._logs = log_folder
        self._config = folder / "supervisord.conf"
        self._socket = _socket_path(folder)
        self._pid_file = folder / "supervisord.pid"
        self._place = Place(log_folder, self._pid_file, self._socket)
        self._launched: subprocess.Popen[bytes] | None = None

    def launch(self, programs: Sequence[Program], *, tied_to_us: bool) -> None:
        """Starts supervisord with ``programs`` defined, none started. ``tied_to_us``: it stops when we die."""
        self._logs.mkdir(parents=True, exist_ok=True)
        write_config(self._config, programs, self._place, {TAG: str(self._folder)})
        for program in programs:
            self._put_log_aside(program.name)
        with (self._logs / "supervisord.out").open("ab") as output:
            self._launched = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_stop_with_parent if tied_to_us and sys.platform == "linux" else None,
            )
        while not self.is_running():
            if self._launched.poll() is not None:
                raise NotRunningError(f"supervisord ended at once; see {self._logs / 'supervisord.out'}")
            time.sleep(0.05)

    def is_running(self) -> bool:
        try:
            self._call("getState")
        except NotRunningError:
            return False
        return True

    def start(self, name: str) -> None:
        """Starts a program and returns at once; `has_died` tells whether that failed."""
        with contextlib.suppress(Fault):  # already started
            self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        with contextlib.suppress(Fault):  # not running
            self._call("stopProcess", name)

    def processes(self) -> list[dict[str, Any]]:
        """supervisord's own records: name, statename, pid, start (epoch seconds), spawnerr, description."""
        found: list[dict[str, Any]] = self._call("getAllProcessInfo")
        return found

    def is_up(self, name: str) -> bool:
        """Whether the program has been running for a second."""
        return bool(self._info(name)["statename"] == "RUNNING")

    def has_died(self, name: str) -> bool:
        """Whether the program ended by itself and is not yet started again."""
        return self._info(name)["statename"] in ("BACKOFF", "EXITED", "FATAL")

    def started_at(self, name: str) -> int:
        """Epoch seconds, rounded down."""
        return int(self._info(name)["start"])

    def pid(self, name: str) -> int:
        """The program's process id; 0 while it is not running."""
        return int(self._info(name)["pid"])

    def shutdown(self, wait: Callable[[], None] = lambda: time.sleep(0.1)) -> None:
        """Stops every program, last started first, then supervisord; returns when all are gone."""
        if process := self._process():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
                while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    wait()
        if self._launched:
            self._launched.wait()
        self._pid_file.unlink(missing_ok=True)
        self.end_orphans()

    def end_orphans(self) -> None:
        """Ends what a supervisord that was killed has left running."""
        orphans = [process for process in psutil.process_iter() if self._is_ours(process)]
        for process in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(orphans, timeout=ORPHANS_GRACE_SECONDS)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=ORPHANS_GRACE_SECONDS)

    def _is_ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return process.environ().get(TAG) == str(self._folder)
        return False

    def log(self, name: str) -> Path:
        """What the program has said since the stack was started."""
        return self._place.log(name)

    def _put_log_aside(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.log(name).replace(self._logs / f"{name}.log.previous")

    def _info(self, name: str) -> dict[str, Any]:
        return next(process for process in self.processes() if process["name"] == name)

    def _process(self) -> psutil.Process | None:
        """The supervisord of this folder, told from a stranger with a recycled id by its command line."""
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            return process if str(self._config) in process.cmdline() else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _call(self, method: str, *arguments: object) -> Any:
        if self._socket.exists() and self._socket.stat().st_uid != os.geteuid():
            raise NotRunningError(f"{self._socket} is another user's")
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with contextlib.closing(transport):
                return getattr(ServerProxy("http://localhost", transport=transport).supervisor, method)(*arguments)
        except (OSError, HTTPException, ProtocolError) as error:
            raise NotRunningError("the stack is not running") from error


def _socket_path(folder: Path) -> Path:
    path = folder / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"payment-analytics-{os.geteuid()}-{digest}.sock"


def _stop_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
