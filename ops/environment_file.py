"""The file `env` in the data directory of `aeon-jobs up`: the variables that other programs need to use the running system.

Its lines are shell commands, fit for `eval "$(aeon-jobs env)"`. It holds secrets, so only its owner may read it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from aeon_jobs.ops import private_file
from aeon_jobs.ops.embedded.directory_lock import is_locked
from aeon_jobs.persistence.core.errors import JobsError

FILE = "env"
LOCK = "up.lock"

API, KEY_FILE = "AEON_JOBS_API", "AEON_JOBS_API_KEY_FILE"

POSTGRES = ("DATABASE_URL", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD")
REDIS = ("REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD")
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
    return {name: os.path.abspath(value) if _is_path(name) else value for name, value in found.items()}


def write(data_dir: Path, variables: Mapping[str, str]) -> None:
    private_file.write(data_dir / FILE, as_commands(variables))


def as_commands(variables: Mapping[str, str]) -> str:
    """`export NAME=value` lines, quoted for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def of_running(data_dir: Path) -> dict[str, str]:
    """The variables of the `up` that runs on this directory.

    Raises:
        NotUp
    """
    if not is_running(data_dir):
        raise NotUp(data_dir)
    return _read(data_dir)


def is_running(data_dir: Path) -> bool:
    return (data_dir / FILE).exists() and is_locked(data_dir / LOCK)


def forget(data_dir: Path, environ: dict[str, str] | os._Environ[str]) -> None:
    """Remove what an earlier `up` on this directory provided: the shell that starts this one may still have it."""
    for name, value in _read(data_dir).items():
        if environ.get(name) == value:
            del environ[name]


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


def _is_path(name: str) -> bool:
    return name.endswith("_FILE") or name == "DATA_ROOT"
