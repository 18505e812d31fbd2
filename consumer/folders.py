"""Folders in the temporary folder, which is everybody's: what stands there may be another user's, or a link."""

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from consumer.errors import CrashError
from consumer.shard_state import SUFFIX


def own_folder(application: str, stream: str, worker: str) -> Path:
    """One for each user and worker, so that starts leave no more than one behind. Raises CrashError."""
    digest = hashlib.sha256(f"{application}/{stream}/{worker}".encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"consumer-{os.geteuid()}-{digest}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CrashError(f"{folder} is not a folder of this user alone: remove it, or set TMPDIR to another place")
    return folder


def shards_folder(application: str, stream: str, worker: str) -> Path:
    """Where the worker's children say how far they are, without what those of former lives said. Raises CrashError."""
    folder = own_folder(application, stream, worker)
    for old in folder.glob(f"*{SUFFIX}"):
        old.unlink(missing_ok=True)
    return folder
