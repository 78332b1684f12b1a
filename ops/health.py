"""Is this container well? What the health check of the image asks.

1. The role comes from the command line of process 1: `aeon-jobs worker`, `dramatiq their.jobs` …
2. api, exporter: it answers on its own address.
3. worker, dispatcher, scheduler: PostgreSQL has had a heartbeat of a process of this very container.

Another command (`migrate up`) has no role: it is well as long as it runs.

It runs every 30 s in every container, so it imports little.
"""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from aeon_jobs.persistence.core.errors import SettingsError
from aeon_jobs.persistence.core.settings import Settings, load_settings

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
    except Exception as error:  # noqa: BLE001 - whatever it is, it is why the container is not well
        return Finding(role, False, (str(error).strip() or type(error).__name__).splitlines()[0])


def main() -> None:
    """`aeon-jobs health`, without the command line around it."""
    role = role_of_container()
    try:
        finding = check(role, load_settings()) if role else None
    except SettingsError as error:
        sys.exit(str(error))
    print(line(finding))
    sys.exit(0 if finding is None or finding.healthy else 1)


def line(finding: Finding | None) -> str:
    return f"{finding.role}: {finding.detail}" if finding else "process 1 is no process of aeon-jobs: nothing to check"


def _api(role: str, settings: Settings) -> Finding:
    return _answers(role, settings.api_host, settings.api_port)


def _exporter(role: str, settings: Settings) -> Finding:
    return _answers(role, settings.metrics_host, settings.metrics_port)


def _answers(role: str, host: str, port: int) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - any address means this one, too
    host = f"[{host}]" if ":" in host else host
    # No proxy of the environment: it is this container.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{host}:{port}/health/live", timeout=TIMEOUT_S) as answer:
        return Finding(role, answer.status == 200, f"port {port} answers {answer.status}")


def _beats(role: str, settings: Settings) -> Finding:
    from aeon_jobs.persistence.core.database import Database
    from aeon_jobs.persistence.queue import workers
    from aeon_jobs.persistence.queue.process import this_host

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
