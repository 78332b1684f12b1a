"""`make rehearse-restore`: back up under load, destroy PostgreSQL and Redis, restore, and account for every accepted job.

1. Servers, a dispatcher and two worker processes run. Clients submit jobs without a pause; each accepted id is noted.
2. `aeon-jobs backup` runs meanwhile. The clients go on for a while: those jobs are not in the backup.
3. Everything is killed with -9, and the data of PostgreSQL and Redis are deleted. In a second round Redis keeps its
   data: with messages from after the backup.
4. New, empty servers; `aeon-jobs restore`; dispatcher and workers start again.
5. Every job that was accepted before the backup began is there and ends. No job that is there is lost.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from sqlalchemy import text

from aeon_jobs.ops.benchmarks.program import Program
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database, get_database
from aeon_jobs.persistence.core.settings import get_settings, load_settings
from aeon_jobs.persistence.queue import job_types, jobs
from aeon_jobs.persistence.queue.submissions import NewJob

CLIENTS = 2
BEFORE_S, AFTER_S = 5.0, 3.0
TIMEOUT_S = 120
HANDLERS = "aeon_jobs.ops.benchmarks.handlers"
JOB_S = 0.3
"""What a job takes: longer than jobs are submitted, so that some wait and some run at any time."""
LEFT = "SELECT count(*) FROM jobs WHERE status NOT IN ('completed', 'failed', 'cancelled')"
UNPROVEN = """SELECT count(*) FROM jobs j WHERE NOT EXISTS (
    SELECT FROM job_executions e WHERE e.job_id = j.id AND e.outcome = 'completed')"""


class Rehearsal:
    """One round: what was accepted, and what was found."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.accepted: list[tuple[float, UUID]] = []
        """When a client had the answer, and the id."""
        self.failed = 0

    def check(self, what: str, *, holds: bool) -> None:
        print(f"  {'ok    ' if holds else 'FAILED'} {what}", flush=True)
        self.failed += not holds

    @contextmanager
    def servers(self, number: int, redis_of: int) -> Iterator[None]:
        """PostgreSQL and Redis in directories of these numbers, in the environment of the programs."""
        with ExitStack() as stack:
            postgres = stack.enter_context(EmbeddedPostgres(self.directory / f"pg{number}", durable=True))
            server = stack.enter_context(EmbeddedRedis(self.directory / f"redis{redis_of}", durable=True))
            os.environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": server.url, "LOG_LEVEL": "WARNING"}
            get_settings.cache_clear()
            get_database.cache_clear()
            yield

    @contextmanager
    def system(self) -> Iterator[list[Program]]:
        """A dispatcher and workers; killed at the end, if they still run."""
        programs = [
            Program(["dispatcher"], self.directory / "dispatcher.log").start(),
            Program(["worker", HANDLERS], self.directory / "worker.log").start(),
        ]
        try:
            yield programs
        finally:
            for program in programs:
                program.kill()

    @contextmanager
    def clients(self) -> Iterator[None]:
        """Submit until the end: jobs of JOB_S, and some that wait for another one."""
        stopped = threading.Event()
        threads = [threading.Thread(target=self._submit, args=(stopped,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopped.set()
            for thread in threads:
                thread.join()

    def _submit(self, stopped: threading.Event) -> None:
        database = Database(load_settings().postgres_dsn, pool_size=1)
        last: UUID | None = None
        number = 0
        while not stopped.wait(0.002):
            number += 1
            parents = (last,) if last and number % 10 == 0 else ()
            new = NewJob(job_type="bench_sleep", payload={"seconds": JOB_S}, depends_on=parents)
            with database.transaction() as connection:
                last = jobs.submit(connection, new).id
            self.accepted.append((time.monotonic(), last))
        database.dispose()


def main() -> int:
    """
    Returns:
        The exit code: 1 when a check failed.
    """
    failed = 0
    for title, keeps_redis in (("PostgreSQL and Redis destroyed", False), ("PostgreSQL destroyed, Redis kept", True)):
        print(f"{title}:", flush=True)
        with TemporaryDirectory(prefix="aj-") as name:
            directory = Path(name)
            directory.chmod(0o711)
            rehearsal = Rehearsal(directory)
            _round(rehearsal, keeps_redis=keeps_redis)
            failed += rehearsal.failed
    print("every check holds" if not failed else f"{failed} check(s) failed", flush=True)
    return 1 if failed else 0


def _round(rehearsal: Rehearsal, *, keeps_redis: bool) -> None:
    file = rehearsal.directory / "jobs.backup"
    with rehearsal.servers(1, 1):
        migrate.up(get_database())
        _register()
        with rehearsal.system() as programs, rehearsal.clients():
            time.sleep(BEFORE_S)
            began = time.monotonic()
            print(f"  {_command('backup', str(file))}", flush=True)
            ended = time.monotonic()
            time.sleep(AFTER_S)
            for program in programs:
                program.kill()
        in_motion = _count("SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')")
        get_database().dispose()
    shutil.rmtree(rehearsal.directory / "pg1")
    if not keeps_redis:
        shutil.rmtree(rehearsal.directory / "redis1")
    before = {job_id for at, job_id in rehearsal.accepted if at < began}
    after = {job_id for at, job_id in rehearsal.accepted if at > ended}
    print(
        f"  {len(rehearsal.accepted)} jobs accepted: {len(before)} before the backup, {len(after)} after it;"
        f" {in_motion} queued or running at the end",
        flush=True,
    )
    with rehearsal.servers(2, 1 if keeps_redis else 2):
        print(f"  {_command('restore', str(file))}", flush=True)
        _account(rehearsal, before, after)
        get_database().dispose()


def _account(rehearsal: Rehearsal, before: set[UUID], after: set[UUID]) -> None:
    there = _ids("SELECT id FROM jobs UNION ALL SELECT id FROM job_archive")
    executions = _count("SELECT count(*) FROM job_executions")
    rehearsal.check("the restored database has jobs that ended and jobs that wait", holds=_has_both())
    rehearsal.check(f"all {len(before)} jobs accepted before the backup are there", holds=before <= there)
    rehearsal.check("no job accepted after the backup is there", holds=not after & there)
    rehearsal.check("no job is queued or running", holds=not _unheld())
    rehearsal.check("no process is registered", holds=not _count("SELECT count(*) FROM workers"))
    with rehearsal.system():
        began = time.monotonic()
        while _count(LEFT) and time.monotonic() < began + TIMEOUT_S:
            time.sleep(0.2)
        took = time.monotonic() - began
    left = _count(LEFT)
    rehearsal.check(f"every job ended, {took:.0f} s after the start ({left} left)", holds=not left)
    rehearsal.check("all of them completed", holds=not _count("SELECT count(*) FROM jobs WHERE status <> 'completed'"))
    rehearsal.check("no dead letter was made", holds=not _count("SELECT count(*) FROM dead_letter_jobs"))
    rehearsal.check("no history was lost", holds=_count("SELECT count(*) FROM job_executions") > executions)
    rehearsal.check("every completed job has the attempt that completed it", holds=not _count(UNPROVEN))


def _register() -> None:
    from aeon_jobs.ops.benchmarks.handlers import TYPES

    with get_database().transaction() as connection:
        job_types.register(connection, [actor.definition for actor in TYPES])


def _command(*arguments: str) -> str:
    """Its output.

    Raises:
        SystemExit: it failed.
    """
    argv = [sys.executable, "-P", "-m", "aeon_jobs", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"aeon-jobs {arguments[0]} failed: {done.stderr}")
    return done.stdout.strip().replace(str(Path(arguments[1]).parent), "…").replace("\n", " ")


def _ids(sql: str) -> set[UUID]:
    with get_database().connection() as connection:
        return set(connection.execute(text(sql)).scalars())


def _count(sql: str) -> int:
    with get_database().connection() as connection:
        return int(connection.execute(text(sql)).scalar_one())


def _unheld() -> int:
    return _count("SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')")


def _has_both() -> bool:
    return 0 < _count(LEFT) < _count("SELECT count(*) FROM jobs")


if __name__ == "__main__":
    sys.exit(main())
