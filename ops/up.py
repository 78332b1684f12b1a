"""`aeon-jobs up`: a whole system on one machine, with nothing installed but Python.

1. Lock the data directory: one `up` per directory.
2. Start PostgreSQL and Redis, unless the environment names servers.
3. Migrate; create the owner's API key, and what the built-in job types need: a mail server, a webhook secret, a data folder.
4. Write the variables that other programs need into a private file, for `aeon-jobs env`.
5. Supervise API, scheduler, dispatcher and workers until Ctrl-C or TERM. Then stop everything, the servers last.

The programs get their settings by environment variables, never by command line, which everybody can read.
"""

from __future__ import annotations

import os
import signal
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from aeon_jobs.ops import environment_file, local_monitoring, local_services, owner_key, source_files, up_messages
from aeon_jobs.ops.api_port import ApiPort
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServer
from aeon_jobs.ops.embedded.directory_lock import DirectoryInUse, DirectoryLock
from aeon_jobs.ops.lines import Lines
from aeon_jobs.ops.local_services import LocalServices
from aeon_jobs.ops.programs import WORKER, Program, programs
from aeon_jobs.ops.source_files import SourceFiles
from aeon_jobs.ops.supervisor import Supervisor
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.settings import Settings, load_settings

DATA_DIR = Path(".aeon-jobs")

DEFAULTS = {
    "LOG_FORMAT": "console",  # a person reads it
    "WORKER_SHUTDOWN_TIMEOUT": "10000",  # a person waits for the end
    "PYTHONUNBUFFERED": "1",
}


class AlreadyUp(JobsError):
    """Another `up` runs on the same directory."""

    def __init__(self, in_use: DirectoryInUse) -> None:
        by = f" (process {in_use.holder})" if in_use.holder else ""
        super().__init__(
            f"aeon-jobs up is already running{by} on {in_use.directory}. Stop it, or give another --data-dir."
        )


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line of `up` says.

    modules: modules with job types, which the workers run beside the built-in ones.
    reload: restart the workers when a file of the modules changes.
    open: show the dashboard in a browser once the API answers.
    """

    data_dir: Path
    modules: Sequence[str] = ()
    reload: bool = False
    open: bool = False


def up(options: Options, console: Console) -> None:
    """Start everything in this process's environment; returns after a clean shutdown.

    Raises:
        AlreadyUp: another `up` runs on the directory.
        ModuleMissing: a module cannot be found.
        PortTaken: API_PORT is set, and the port is in use.
        EmbeddedServerError, MigrationError, SettingsError
    """
    with every_stop_signal_is_ctrl_c(), ExitStack() as stack:
        try:
            source_files.verify(options.modules, Path.cwd())
            _lock(options.data_dir, stack)
            _run(options, console, stack)
        except KeyboardInterrupt:
            console.print("Interrupted. Nothing is left running.")


def _run(options: Options, console: Console, stack: ExitStack) -> None:
    environment_file.forget(options.data_dir, os.environ)
    _set_defaults()
    load_settings()  # a wrong setting is reported before anything starts
    console.print(f"Starting … (data in {up_messages.short(options.data_dir)})", highlight=False, soft_wrap=True)
    servers = _start_servers(options.data_dir, stack)
    services = _provide_services(options.data_dir, servers)
    settings = load_settings()
    key_file = _prepare(settings, options.data_dir)
    port = ApiPort.choose(settings, asked_for="API_PORT" in os.environ)
    os.environ["API_PORT"] = str(port.number)
    variables = environment_file.shared(os.environ) | _of_api(port, key_file, settings)
    environment_file.write(options.data_dir, variables)
    monitoring = local_monitoring.provide(options.data_dir, settings, os.environ)
    specs = [*services.programs, *monitoring.programs, *programs(settings, options.modules, reload=options.reload)]
    lines = stack.enter_context(Lines(console, [spec.name for spec in specs]))
    for line in (
        *up_messages.summary(settings, servers, port.url, key_file, options.modules),
        *services.summary,
        *monitoring.summary,
    ):
        lines.say(line, "")
    if port.note:
        lines.say(port.note, "bold yellow")
    _supervise(specs, options, servers, port, lines)


def _supervise(
    specs: Sequence[Program], options: Options, servers: Sequence[EmbeddedServer], port: ApiPort, lines: Lines
) -> None:
    steps: list[Callable[[], None]] = []
    supervisor = Supervisor(
        specs, environ=os.environ, lines=lines, servers=servers, on_tick=lambda: [step() for step in steps].clear()
    )
    steps.append(lambda: _announce(port, options, lines))
    steps.extend(_reloading(options, supervisor))
    supervisor.run()
    _stop_servers(servers, lines, at_once=supervisor.hurried)
    lines.say("stopped")


def _announce(port: ApiPort, options: Options, lines: Lines) -> None:
    """Say, once the API answers, how to go on."""
    if port.has_come_up():
        lines.say(f"ready: {port.url} · Ctrl-C stops everything", "bold green")
        lines.say(f"In another terminal: {up_messages.next_step(options.data_dir, DATA_DIR)}")
        # Without a key: an address is in histories, and in process lists.
        if options.open and not webbrowser.open(f"{port.url}/dashboard"):
            lines.say(f"No browser was found here. Open {port.url}/dashboard yourself.", "bold yellow")


def _reloading(options: Options, supervisor: Supervisor) -> Iterator[Callable[[], None]]:
    """With --reload, a step that restarts the workers when a file has changed."""
    if not options.reload:
        return
    files = SourceFiles(options.modules, Path.cwd())

    def reload() -> None:
        if changed := files.changed():
            supervisor.restart(WORKER, f"{up_messages.short(Path(changed))} changed")

    yield reload


def _lock(data_dir: Path, stack: ExitStack) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = DirectoryLock(data_dir, environment_file.LOCK)
    try:
        lock.acquire()
    except DirectoryInUse as in_use:
        raise AlreadyUp(in_use) from None
    stack.callback(lock.release)


def _start_servers(data_dir: Path, stack: ExitStack) -> list[EmbeddedServer]:
    """Start the servers that the environment does not name, and name them there. They stop with the stack."""
    servers: list[EmbeddedServer] = []
    if not _any_named(environment_file.POSTGRES):
        servers.append(stack.enter_context(EmbeddedPostgres(data_dir / "postgres")))
        os.environ["DATABASE_URL"] = servers[-1].url
    if not _any_named(environment_file.REDIS):
        servers.append(stack.enter_context(EmbeddedRedis(data_dir / "redis")))
        os.environ["REDIS_URL"] = servers[-1].url
    return servers


def _provide_services(data_dir: Path, servers: Sequence[EmbeddedServer]) -> LocalServices:
    if any(server.name == "postgres" for server in servers):
        return local_services.provide(data_dir, os.environ)
    return LocalServices((), ())


def _any_named(variables: Sequence[str]) -> bool:
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


def _of_api(port: ApiPort, key_file: Path, settings: Settings) -> dict[str, str]:
    key = {environment_file.KEY_FILE: str(key_file)} if settings.api_auth_enabled else {}
    return {environment_file.API: port.url, **key}


def _stop_servers(servers: Sequence[EmbeddedServer], lines: Lines, *, at_once: bool) -> None:
    """In reverse order of start. The stack would stop them too; this says so, and can be hurried."""
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
