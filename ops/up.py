"""`aeon-jobs up`: everything on one machine, with nothing installed but Python.

1. Lock the data directory: one `up` per directory.
2. Start PostgreSQL and Redis of our own, unless the environment names servers.
3. Migrate, and make an API key for whoever runs this.
4. Supervise API, scheduler, dispatcher and workers until Ctrl-C or TERM; then all goes down, servers last.

What the programs need to know goes to them by environment, never by command line, which everybody can read.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from aeon_jobs.ops import owner_key
from aeon_jobs.ops.api_port import ApiPort
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServer
from aeon_jobs.ops.embedded.directory_lock import DirectoryInUse, DirectoryLock
from aeon_jobs.ops.lines import Lines
from aeon_jobs.ops.programs import programs
from aeon_jobs.ops.supervisor import Supervisor
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.settings import Settings, load_settings

# Any of these, or its _FILE form, says that there is a server already.
POSTGRES_VARIABLES = (
    "DATABASE_URL", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"
)  # fmt: skip
REDIS_VARIABLES = ("REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD")

DEFAULTS = {
    "LOG_FORMAT": "console",  # a person reads it
    "WORKER_SHUTDOWN_TIMEOUT": "10000",  # and waits for it to end
    "PYTHONUNBUFFERED": "1",
}


class AlreadyUp(JobsError):
    """Another `up` runs on the same directory."""

    def __init__(self, in_use: DirectoryInUse) -> None:
        by = f" (process {in_use.holder})" if in_use.holder else ""
        super().__init__(
            f"aeon-jobs up is already running{by} on {in_use.directory}. Stop it, or give another --data-dir."
        )


def up(data_dir: Path, console: Console) -> None:
    """Bring everything up in this process's environment; returns after a clean shutdown.

    Raises:
        AlreadyUp: another `up` holds the directory.
        PortTaken: API_PORT was asked for and is in use.
        EmbeddedServerError, MigrationError: what they say.
    """
    with every_stop_signal_is_ctrl_c(), ExitStack() as stack:
        try:
            _lock(data_dir, stack)
            _run(data_dir, console, stack)
        except KeyboardInterrupt:
            console.print("interrupted; nothing is left running")


def _run(data_dir: Path, console: Console, stack: ExitStack) -> None:
    _set_defaults()
    load_settings()  # what is wrong is said before anything is started
    servers = _start_servers(data_dir, stack)
    settings = load_settings()
    key_file = _prepare(settings, data_dir)
    port = ApiPort.choose(settings, asked_for="API_PORT" in os.environ)
    os.environ["API_PORT"] = str(port.number)
    specs = programs(settings)
    lines = stack.enter_context(Lines(console, [spec.name for spec in specs]))
    _greet(lines, data_dir, servers, port)
    if settings.api_auth_enabled:
        lines.say(
            f"your API key: {key_file} · AEON_JOBS_API={port.url} AEON_JOBS_API_KEY_FILE={key_file} aeon-jobs list"
        )
    supervisor = Supervisor(
        specs,
        environ=os.environ,
        lines=lines,
        servers=servers,
        on_tick=lambda: port.announce_once(lines),
    )
    supervisor.run()
    _stop_servers(servers, lines, at_once=supervisor.hurried)
    lines.say("stopped")


def _lock(data_dir: Path, stack: ExitStack) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = DirectoryLock(data_dir, "up.lock")
    try:
        lock.acquire()
    except DirectoryInUse as in_use:
        raise AlreadyUp(in_use) from None
    stack.callback(lock.release)


def _start_servers(data_dir: Path, stack: ExitStack) -> list[EmbeddedServer]:
    """The servers that the environment does not name, started and named there. They stop with the stack."""
    servers: list[EmbeddedServer] = []
    if not _any_named(POSTGRES_VARIABLES):
        servers.append(stack.enter_context(EmbeddedPostgres(data_dir / "postgres")))
        os.environ["DATABASE_URL"] = servers[-1].url
    if not _any_named(REDIS_VARIABLES):
        servers.append(stack.enter_context(EmbeddedRedis(data_dir / "redis")))
        os.environ["REDIS_URL"] = servers[-1].url
    return servers


def _any_named(variables: tuple[str, ...]) -> bool:
    return any(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in variables)


def _set_defaults() -> None:
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def _prepare(settings: Settings, data_dir: Path) -> Path:
    """Migrate; the file of the owner's API key."""
    database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=1)
    try:
        migrate.up(database)
        return owner_key.ensure(data_dir, database)
    finally:
        database.dispose()


def _greet(lines: Lines, data_dir: Path, servers: list[EmbeddedServer], port: ApiPort) -> None:
    own = {server.name for server in servers}
    postgres = "embedded" if "postgres" in own else "yours, from the environment"
    redis = "embedded" if "redis" in own else "yours, from the environment"
    lines.say(f"PostgreSQL {postgres} · Redis {redis} · data in {data_dir}")
    if port.note:
        lines.say(port.note, "bold yellow")
    lines.say(f"starting; the API will be at {port.url} · Ctrl-C stops everything")


def _stop_servers(servers: list[EmbeddedServer], lines: Lines, *, at_once: bool) -> None:
    """In reverse order of start. The stack would do it too; here it is said, and can be hurried."""
    for server in reversed(servers):
        lines.say(f"stopping {server.name}")
        if at_once and server.running:
            server.kill()
        server.stop()


@contextmanager
def every_stop_signal_is_ctrl_c() -> Iterator[None]:
    """While servers start and migrations run, TERM and HUP unwind the stack as Ctrl-C does."""
    # nohup ignores HUP on purpose
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
