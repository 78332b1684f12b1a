"""Files of data jobs, confined to the folder DATA_ROOT.

A payload names files by relative paths. Whatever leads outside the folder (an absolute path, `..`, a symbolic
link) or is not a plain file (a folder, a device, a pipe) is refused for good. A result appears whole or not
at all: it is written beside its place, flushed to the disk, and renamed.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from aeon_jobs.middleware.execution.outcomes import PermanentError

# No segment starts with a full stop, so `.`, `..` and unfinished results can not be named; none holds a
# wildcard.
_SEGMENT = r"[^./\\*?\[\]{}\x00-\x1f\x7f][^/\\*?\[\]{}\x00-\x1f\x7f]*"
_PATH_PATTERN = rf"^{_SEGMENT}(?:/{_SEGMENT})*\.(?:csv|parquet|jsonl|ndjson)$"

# What a path brings upon itself.
_HOPELESS = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EISDIR, errno.ELOOP})

RelativePath = Annotated[
    str,
    Field(
        description="inside DATA_ROOT; the extension (csv, parquet, jsonl, ndjson) says the format",
        max_length=1_024,
        pattern=_PATH_PATTERN,
        # Python's `$` would let a final newline pass.
        json_schema_extra={"not": {"pattern": r"[\r\n]"}},
    ),
]


class DataRoot:
    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.realpath(folder))

    def existing(self, relative: str) -> Path:
        """The plain file that `relative` names.

        Raises:
            PermanentError: it is missing, lies outside, or is no plain file.
        """
        path = self._inside(relative, self._folder / _relative(relative))
        if not stat.S_ISREG(_mode(relative, path)):
            raise PermanentError(f"{relative}: not a plain file")
        return path

    def place(self, relative: str) -> Path:
        """Where the result `relative` goes; its folder is made, a plain file there may be replaced.

        Raises:
            PermanentError: it lies outside, or something is there that is no plain file.
        """
        asked = self._folder / _relative(relative)
        folder = self._inside(relative, asked.parent)
        path = folder / asked.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # lstat: a link is not followed, not even inside.
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return path
        except OSError as error:
            # The rest (a full disk, a mount that is away) may pass, and is retried as an unknown error.
            if error.errno in _HOPELESS:
                raise PermanentError(f"{relative}: {error.strerror}") from None
            raise
        if not stat.S_ISREG(mode):
            raise PermanentError(f"{relative}: something is there that is not a plain file")
        return path

    def _inside(self, relative: str, path: Path) -> Path:
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):
            raise PermanentError(f"{relative}: not a usable path") from None
        if not real.is_relative_to(self._folder):
            raise PermanentError(f"{relative}: leads outside DATA_ROOT")
        return real


@contextmanager
def replacing(target: Path, job: str, attempt: int) -> Iterator[Path]:
    """A path to write to, which becomes `target` when the block ends well and vanishes when it does not.

    Each attempt has its own, so that a late one can not write into the file of its successor; and removes what
    killed ones of its job have left behind.
    """
    # Bytes, not characters, are what a file system counts.
    start = target.name.encode()[:100].decode(errors="ignore")
    prefix = f".{start}.{job}-"
    partial = target.with_name(f"{prefix}{attempt}.partial")
    for left in target.parent.glob(f"{glob.escape(prefix)}*.partial"):
        left.unlink(missing_ok=True)
    try:
        yield partial
        _flush(partial)
        partial.replace(target)
        _flush(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _relative(relative: str) -> PurePosixPath:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or "\0" in relative or not path.name:
        raise PermanentError("a path must be relative, without `..`, and name a file")
    return path


def _mode(relative: str, path: Path) -> int:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        raise PermanentError(f"{relative}: no such file in DATA_ROOT") from None
    except OSError as error:
        if error.errno in _HOPELESS:
            raise PermanentError(f"{relative}: {error.strerror}") from None
        raise


def _flush(path: Path) -> None:
    """The job will be recorded as completed: its result must survive a power failure as that record does."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
