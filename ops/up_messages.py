"""What `aeon-jobs up` tells the person who started it. No message holds a secret."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from aeon_jobs.ops.embedded import EmbeddedServer
from aeon_jobs.persistence.core.settings import Settings


def summary(
    settings: Settings, servers: Sequence[EmbeddedServer], api: str, key_file: Path, modules: Sequence[str]
) -> Iterator[str]:
    """What runs, and where."""
    own = {server.name for server in servers}
    database = settings.postgres_dsn.replace("+psycopg2", "", 1)
    yield f"PostgreSQL  {'' if 'postgres' in own else 'yours, '}{without_password(database)}"
    yield f"Redis       {'' if 'redis' in own else 'yours, '}{without_password(settings.redis_dsn)}"
    yield f"API         {api}" + (f", key in {short(key_file)}" if settings.api_auth_enabled else ", without keys")
    if settings.dashboard_enabled:
        yield f"Dashboard   {api}/dashboard" + (", sign in with that key" if settings.api_auth_enabled else "")
    yield f"Workers     {', '.join(['the built-in job types', *modules])}"


def without_password(url: str) -> str:
    """An address that may be shown."""
    return re.sub(r"password=[^&]*", "password=***", re.sub(r"(://[^:/?@]*):[^@]*@", r"\1:***@", url))


def next_step(data_dir: Path, default: Path) -> str:
    """The command that makes another terminal use this system."""
    # An environment that is not activated is not on the path.
    program = "aeon-jobs" if shutil.which("aeon-jobs") else short(Path(sys.executable).with_name("aeon-jobs"))
    option = "" if data_dir == default.absolute() else f" --data-dir {short(data_dir)}"
    return f'eval "$({program} env{option})"'


def short(path: Path) -> str:
    """Relative to the current directory, if it lies there."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
