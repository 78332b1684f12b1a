"""One owner per data directory: a lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from aeon_jobs.persistence.core.errors import JobsError


class DirectoryInUse(JobsError):
    """Another living process holds the directory; `holder` is its process id when known."""

    def __init__(self, directory: Path, holder: int | None) -> None:
        self.directory, self.holder = directory, holder
        by = f"process {holder}" if holder else "another process"
        super().__init__(f"{directory} is in use by {by}")


class DirectoryLock:
    """Lock on `directory`/`name`. The file stays behind: removing it would race with the next holder."""

    def __init__(self, directory: Path, name: str = "lock") -> None:
        self._directory, self._path = directory, directory / name
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises: DirectoryInUse, almost at once."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked_exclusively(descriptor):
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise DirectoryInUse(self._directory, int(holder) if holder.isdigit() else None)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _locked_exclusively(descriptor: int) -> bool:
    for pause_s in (0.01, 0.05, 0):  # `is_locked` of another process may hold it for a moment
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause_s)
        else:
            return True
    return False


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock file. A missing file is not locked."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
