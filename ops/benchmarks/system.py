"""The system that is measured: durable servers in a temporary directory that is removed at the end.

Sets the environment variables of this process, so that `actor.send` and every program started from here find it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis
import tenacity
from sqlalchemy import text

from aeon_jobs.middleware.execution.logging import configure_logging
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.ops.benchmarks import backlog
from aeon_jobs.ops.benchmarks.program import Program, cpu_s, tree
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database, get_database
from aeon_jobs.persistence.core.settings import get_settings, load_settings, variable_names
from aeon_jobs.persistence.queue import job_types
from aeon_jobs.persistence.queue.jobs import submit_many
from aeon_jobs.persistence.queue.submissions import NewJob
from aeon_jobs.persistence.redis_clients import redis_client

TIMEOUT_S = 120
WARM_UP = 200
"""Jobs after which processes have made their connections and plans."""
PROCESSES = 2
"""Worker processes."""


@dataclass(slots=True)
class System:
    directory: Path
    postgres: EmbeddedPostgres
    redis_server: EmbeddedRedis
    database: Database
    redis: redis.Redis
    _stack: ExitStack
    _large: dict[str, tuple[str, Database]] = field(default_factory=dict)
    _running: ExitStack = field(default_factory=ExitStack)
    _programs: tuple[Program, Program] | None = None

    def clear(self) -> None:
        """Stop the processes, remove everything but the job types."""
        from aeon_jobs.ops.benchmarks.handlers import TYPES

        self.stop_running()
        self.redis.flushall()
        with self.database.transaction() as connection:
            connection.exec_driver_sql("TRUNCATE jobs, job_counters, workers, job_queues, job_types CASCADE")
            job_types.register(connection, [actor.definition for actor in TYPES])
        self.execute("CHECKPOINT")

    def large_database(self, count: int) -> tuple[str, Database]:
        """Url of, and connections to, a database with `count` jobs in it, created at first use."""
        return self._filled(f"jobs_{count}", lambda database: backlog.mixed(database, count))

    def pending_database(self, count: int) -> Database:
        """A database with `count` pending jobs in it, created at first use."""
        return self._filled(f"pending_{count}", lambda database: backlog.pending(database, count))[1]

    def _filled(self, name: str, fill: Callable[[Database], None]) -> tuple[str, Database]:
        if name not in self._large:
            self.execute(f"CREATE DATABASE {name}")
            database = Database(load_settings(database_url=self.postgres.url_of(name)).postgres_dsn, pool_size=20)
            self._stack.callback(database.dispose)
            migrate.up(database)
            _register(database)
            fill(database)
            self._large[name] = self.postgres.url_of(name), database
        return self._large[name]

    def execute(self, sql: str, **parameters: Any) -> list[Any]:
        """Rows of a statement on the empty database; none if it returns none."""
        with self.database.connection() as connection:
            answer = connection.execute(text(sql), parameters)
            return list(answer) if answer.returns_rows else []

    def submit(self, job_type: str, count: int, **payload: Any) -> None:
        """Many jobs, in bulk."""
        self.submit_each(job_type, [payload] * count)

    def submit_each(self, job_type: str, payloads: Sequence[Mapping[str, Any]]) -> None:
        """A job for each payload, in bulk."""
        new = [NewJob(job_type=job_type, payload=payload) for payload in payloads]
        for first in range(0, len(new), 5_000):
            with self.database.transaction() as connection:
                submit_many(connection, new[first : first + 5_000])

    def finished(self) -> int:
        """How many attempts ended, from the counters, which is a cheap query."""
        rows = self.execute("SELECT coalesce(sum(value), 0) FROM job_counters WHERE metric = 'processed'")
        return int(rows[0][0])

    def unacked(self) -> int:
        """Messages of jobs that are not acked."""
        lanes = RedisTransport(self.redis, "aeon-jobs")
        return sum(lanes.depths(lanes.lanes())[0].values())

    def until_finished(self, count: int) -> None:
        wait_until(lambda: self.finished() >= count, f"{count} finished jobs", pause_s=0.05)

    def running(self) -> tuple[Program, Program]:
        """A dispatcher and workers on the defaults, warmed up, for all measurements that do not start their own."""
        if self._programs is None:
            programs = self._running.enter_context(self.dispatcher()), self._running.enter_context(self.workers())
            self.submit("bench_nothing", WARM_UP, n=1)
            self.until_finished(WARM_UP)
            self._programs = programs
        return self._programs

    def stop_running(self) -> None:
        """Before a measurement that needs processes of its own, or none."""
        self._running.close()
        self._programs = None

    @contextmanager
    def dispatcher(self, **environment: str) -> Iterator[Program]:
        with Program(["dispatcher"], self.directory / "dispatcher.log", **environment) as program:
            wait_until(lambda: self._alive("dispatcher", program) == 1, "the dispatcher")
            yield program

    @contextmanager
    def workers(self, **environment: str) -> Iterator[Program]:
        processes = int(environment.get("WORKER_PROCESSES", PROCESSES))
        with self.workers_starting(**environment) as program:
            wait_until(lambda: self._alive("worker", program) == processes, "the workers")
            yield program

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Without the transactions of autovacuum."""
        try:
            self.execute("ALTER SYSTEM SET autovacuum = off")
            self.execute("SELECT pg_reload_conf()")
            yield
        finally:
            self.execute("ALTER SYSTEM RESET autovacuum")
            self.execute("SELECT pg_reload_conf()")

    def workers_starting(self, **environment: str) -> Program:
        """2 processes of 8 threads, on the defaults."""
        return Program(["worker", "aeon_jobs.ops.benchmarks.handlers"], self.directory / "worker.log", **environment)

    def server_cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, of Redis and of PostgreSQL with all its processes."""
        servers = {"redis": self.redis_server.pid, "postgres": self.postgres.pid}
        return {name: sum(map(cpu_s, tree(pid))) for name, pid in servers.items()}

    def requests(self) -> dict[str, int]:
        """Redis commands, those inside of scripts included, and PostgreSQL transactions so far."""
        stats = self.redis.info("commandstats")
        commands = sum(int(of["calls"]) for name, of in stats.items() if name != "cmdstat_info")
        # A backend publishes its counts when it next rests: up to a second late.
        sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        return {"Redis commands": commands, "PostgreSQL transactions": int(self.execute(sql)[0][0])}

    def _alive(self, kind: str, program: Program) -> int:
        program.verify()
        sql = "SELECT count(*) FROM workers WHERE kind = :kind AND state = 'running' AND last_seen_at > now() - interval '5 s'"
        return int(self.execute(sql, kind=kind)[0][0])


@contextmanager
def built() -> Iterator[System]:
    """A system with its servers running and its environment in place."""
    before = dict(os.environ)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="aeon-bench-")))
        # Embedded PostgreSQL may run under another account, which needs access.
        directory.chmod(0o711)
        postgres = stack.enter_context(EmbeddedPostgres(directory / "pg", durable=True))
        server = stack.enter_context(EmbeddedRedis(directory / "redis", durable=True))
        _forget_settings()
        stack.callback(_restore, before)
        os.environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": server.url, "LOG_LEVEL": "WARNING"}
        configure_logging(get_settings(), "benchmarks")
        database = get_database()
        stack.callback(_close_connections)
        migrate.up(database)
        client = stack.enter_context(redis_client(server.url))
        system = System(directory, postgres, server, database, client, stack)
        stack.callback(system.stop_running)
        yield system


def wait_until(look: Callable[[], bool], what: str, pause_s: float = 0.02) -> None:
    """
    Raises:
        TimeoutError: not within TIMEOUT_S.
    """
    poll = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda answer: not answer),
        stop=tenacity.stop_after_delay(TIMEOUT_S),
        wait=tenacity.wait_fixed(pause_s),
    )
    try:
        poll(look)
    except tenacity.RetryError:
        raise TimeoutError(f"{what} not there after {TIMEOUT_S} s") from None


def _register(database: Database) -> None:
    # Imported late: the handlers are declared for a broker, which reads the settings.
    from aeon_jobs.ops.benchmarks.handlers import TYPES

    with database.transaction() as connection:
        job_types.register(connection, [actor.definition for actor in TYPES])


def _forget_settings() -> None:
    """Variables such as DATABASE_URL name real servers, which must not be measured."""
    for name in variable_names():
        os.environ.pop(name, None)
    get_settings.cache_clear()
    get_database.cache_clear()


def _restore(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _close_connections() -> None:
    from aeon_jobs.middleware.job import broker

    broker().database.dispose()
    broker().close()
    get_database().dispose()
