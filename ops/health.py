"""Is this container well? What the health check of the image asks.

1. The role comes from the command line of process 1: `aeon-jobs worker`, `dramatiq their.jobs` …
2. api, exporter: it answers on its own address.
3. worker, dispatcher, scheduler: PostgreSQL has had a heartbeat of a process of this very container.

Another command (`migrate up`) has no role: it is well as long as it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import httpx
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import workers
from aeon_jobs.persistence.queue.process import this_host

PROCESS_1 = Path("/proc/1/cmdline")
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    role: str
    healthy: bool
    detail: str


def role_of(command_line: Sequence[str]) -> str | None:
    """The role that a command line starts; None if it starts none."""
    for name, argument in zip(command_line, [*command_line[1:], ""], strict=True):
        program = PurePath(name).name
        if program == "dramatiq":
            return "worker"
        if program in ("aeon-jobs", "aeon_jobs") and argument in ROLES:
            return argument
    return None


def role_of_container() -> str | None:
    return role_of(PROCESS_1.read_text().split("\0"))


def check(role: str, settings: Settings) -> Finding:
    """Whether the process of that role, in this container, is well."""
    try:
        return ROLES[role](role, settings)
    except (SQLAlchemyError, httpx.HTTPError) as error:
        return Finding(role, False, (str(error) or type(error).__name__).splitlines()[0])


def _api(role: str, settings: Settings) -> Finding:
    return _answers(role, settings.api_host, settings.api_port)


def _exporter(role: str, settings: Settings) -> Finding:
    return _answers(role, settings.metrics_host, settings.metrics_port)


def _answers(role: str, host: str, port: int) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - any address means this one, too
    host = f"[{host}]" if ":" in host else host
    # No proxy of the environment: it is this container.
    status = httpx.get(f"http://{host}:{port}/health/live", timeout=TIMEOUT_S, trust_env=False).status_code
    return Finding(role, status == 200, f"port {port} answers {status}")


def _beats(role: str, settings: Settings) -> Finding:
    database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=1)
    try:
        with database.connection() as connection:
            alive = workers.alive_on(connection, this_host(), role, 3 * settings.worker_heartbeat_interval)
    finally:
        database.dispose()
    silence = f"no heartbeat within {3 * settings.worker_heartbeat_interval / 1_000:.0f} s"
    return Finding(role, alive > 0, f"{alive} process(es) alive" if alive else silence)


ROLES: Mapping[str, Callable[[str, Settings], Finding]] = {
    "api": _api,
    "exporter": _exporter,
    "worker": _beats,
    "dispatcher": _beats,
    "scheduler": _beats,
}
