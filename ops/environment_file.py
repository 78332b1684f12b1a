"""The file `env` in the data directory of `aeon-jobs up`: the variables that other programs need to use the running system.

Its lines are shell commands, fit for `eval "$(aeon-jobs env)"`. It holds secrets, so only its owner may read it.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path

from aeon_jobs.ops import private_file
from aeon_jobs.ops.embedded.directory_lock import is_locked
from aeon_jobs.persistence.core.errors import JobsError

FILE = "env"
LOCK = "up.lock"

BEGINS_WITHIN_S = 5.0
"""In a script, `aeon-jobs env` may come before the `aeon-jobs up &` above it has done anything."""

READY_WITHIN_S = 90.0
"""Longer than the start of the servers may take."""

API, KEY_FILE = "AEON_JOBS_API", "AEON_JOBS_API_KEY_FILE"

_POSTGRES_FILES = ("POSTGRES_SSLROOTCERT", "POSTGRES_SSLCERT", "POSTGRES_SSLKEY")
_REDIS_FILES = ("REDIS_TLS_CA", "REDIS_TLS_CERT", "REDIS_TLS_KEY")
_POSTGRES_PARTS = ("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD")
_REDIS_PARTS = ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_USER", "REDIS_PASSWORD", "REDIS_TLS")
_SENTINELS = ("REDIS_SENTINELS", "REDIS_SENTINEL_MASTER", "REDIS_SENTINEL_USER", "REDIS_SENTINEL_PASSWORD")
POSTGRES = ("DATABASE_URL", *_POSTGRES_PARTS, "POSTGRES_SSLMODE", *_POSTGRES_FILES)
REDIS = ("REDIS_URL", *_REDIS_PARTS, *_REDIS_FILES, *_SENTINELS)
SMTP = ("SMTP_HOST", "SMTP_PORT", "SMTP_TLS", "SMTP_USER", "SMTP_PASSWORD", "SMTP_FROM")
WEBHOOK = ("WEBHOOK_SECRET", "WEBHOOK_ALLOW_HOSTS")
_SHARED = (*POSTGRES, "JOB_SCHEMA", *REDIS, "REDIS_QUEUE_PREFIX", *SMTP, *WEBHOOK, "DATA_ROOT", "LOG_FORMAT")


class NotUp(JobsError):
    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            f"no `aeon-jobs up` runs with the data directory {data_dir}; start it, or name another --data-dir"
        )


def shared(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environ` by which every process of a system finds the same servers, files and secrets."""
    names = [form for name in _SHARED for form in (name, f"{name}_FILE")]
    found = {name: environ[name] for name in names if name in environ}
    # Another program has another working directory.
    return {name: os.path.abspath(value) if _is_path(name, value) else value for name, value in found.items()}


def write(data_dir: Path, variables: Mapping[str, str]) -> None:
    private_file.write(data_dir / FILE, as_commands(variables))


def as_commands(variables: Mapping[str, str]) -> str:
    """`export NAME=value` lines, quoted for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def of_running(data_dir: Path, *, begins_within_s: float = BEGINS_WITHIN_S) -> dict[str, str]:
    """The variables of the `up` that runs on this directory. Waits for one that is starting.

    Raises:
        NotUp
    """
    lock, file = data_dir / LOCK, data_dir / FILE
    _wait(lambda: is_locked(lock), begins_within_s)
    _wait(lambda: file.exists() or not is_locked(lock), READY_WITHIN_S)
    if not (file.exists() and is_locked(lock)):
        raise NotUp(data_dir)
    return _read(data_dir)


def forget(data_dir: Path, environ: MutableMapping[str, str]) -> None:
    """Remove an earlier `up`'s file, and its values from `environ`: the shell that starts this one may have them."""
    for name, value in _read(data_dir).items():
        if environ.get(name) == value:
            del environ[name]
    (data_dir / FILE).unlink(missing_ok=True)


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def _read(data_dir: Path) -> dict[str, str]:
    try:
        return dict(_assignments((data_dir / FILE).read_text()))
    except FileNotFoundError:
        return {}


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for word in shlex.split(text):
        name, equals, value = word.partition("=")
        if equals:
            yield name, value


def _is_path(name: str, value: str) -> bool:
    if name in (*_POSTGRES_FILES, *_REDIS_FILES):
        return value != "system"
    return name.endswith("_FILE") or name == "DATA_ROOT"
