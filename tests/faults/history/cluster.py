"""The servers, the processes and their network, and every fault that a run injects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import resources
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import psutil
import psycopg2
import redis
from sqlalchemy import text

from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import load_settings
from tests.faults.history import skew
from tests.faults.history.faults import Fault
from tests.faults.proxy import Proxy
from tests.group import Group, ours
from tests.waiting import wait_for

TEMPLATE = "history"
SHORT_TIMES = {
    "WORKER_LOCK_DURATION": "1500",
    "WORKER_HEARTBEAT_INTERVAL": "300",
    "WORKER_POLL_INTERVAL": "100",
    "JOB_INTERRUPT_GRACE": "300",
}
SLOW_S = 0.05
MODULES = ("aeon_jobs.actors", "tests.faults.history.other_handlers")
"""What each group of workers knows beside the job types of `handlers`: so each has a lane of its own."""


class Servers:
    """PostgreSQL and Redis, for several runs, one after the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Redis stores nothing on disk: after a restart it is empty.
        self.redis = EmbeddedRedis(directory / "redis", durable=False)
        self.postgres = EmbeddedPostgres(directory / "pg", database=TEMPLATE, durable=False)

    def __enter__(self) -> Servers:
        self.postgres.start()
        self.redis.start()
        template = Database(_dsn(self.postgres.url), pool_size=1)
        migrate.up(template)
        with template.transaction() as connection:
            connection.execute(text(resources.files(__package__).joinpath("audit.sql").read_text()))
        template.dispose()
        return self

    def __exit__(self, *_: object) -> None:
        self.redis.stop()
        self.postgres.stop()

    def new_database(self, name: str) -> str:
        """The url of a migrated, empty database."""
        connection = psycopg2.connect(self.postgres.url_of("postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
        connection.close()
        return self.postgres.url_of(name)


class Cluster:
    """One run's processes: two worker groups behind proxies, a dispatcher behind proxies, a scheduler."""

    def __init__(self, servers: Servers, name: str, skew_s: int) -> None:
        self._servers = servers
        self._directory = servers.directory / name
        self._directory.mkdir()
        self.effects_log = self._directory / "effects"
        self.effects_log.touch()
        self.database_url = servers.new_database(name)
        self.database = Database(_dsn(self.database_url), pool_size=4)
        self.crashes = 0
        self._proxies: list[tuple[Proxy, Proxy]] = []
        self._skew = ({}, skew.environment(skew_s))
        self.workers: list[Group] = []
        self._stack = ExitStack()

    def __enter__(self) -> Cluster:
        with redis.Redis.from_url(self._servers.redis.url) as client:
            client.flushall()
        for index in range(2):
            self.workers.append(self._worker(index))
        self.dispatcher = self._ours("dispatcher")
        self.scheduler = self._ours("scheduler")
        for group in (*self.workers, self.dispatcher):
            group.start()
        wait_for(self._are_workers_up, "the workers are up", 60)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for group in self._groups:
            group.kill()
        self._stack.close()
        self.database.dispose()

    @property
    def _groups(self) -> list[Group]:
        return [*self.workers, self.dispatcher, self.scheduler]

    def restart_dead(self) -> None:
        """Start groups again that have died, as a supervisor does."""
        for group in self._groups:
            if not group.is_alive:
                group.restart()

    def inject(self, fault: Fault) -> Callable[[], None]:
        """Inject a fault. The function that is returned repairs it."""
        group, (postgres, redis_) = self.workers[fault.worker], self._proxies[fault.worker]
        match fault.kind:
            case "kill_group":
                return _done(group.kill)
            case "kill_process":
                return _done(lambda: _send(SIGKILL, group.processes()[-1:]))
            case "roll":
                return _done(lambda: _send(SIGTERM, group.processes()[:1]))
            case "freeze":
                return _until(lambda: group.signal(SIGSTOP), lambda: group.signal(SIGCONT))
            case "kill_dispatcher":
                return _done(self.dispatcher.kill)
            case "freeze_dispatcher":
                return _until(lambda: self.dispatcher.signal(SIGSTOP), lambda: self.dispatcher.signal(SIGCONT))
            case "kill_scheduler":
                return _done(self.scheduler.kill)
            case "flush_redis":
                return _done(self._flush)
            case "restart_redis":
                return _until(self._stop_redis, self._start_redis)
            case "restart_postgres":
                return _done(self._crash_postgres)
            case "cut_redis" | "cut_postgres" | "hold_redis" | "hold_postgres" | "slow_redis" | "slow_postgres":
                how, _, what = fault.kind.partition("_")
                proxy = postgres if what == "postgres" else redis_
                break_it = {"cut": proxy.cut, "hold": proxy.hold, "slow": lambda: proxy.slow(SLOW_S)}[how]
                return _until(break_it, proxy.restore)

    def repair(self) -> None:
        """End every fault."""
        for group in self._groups:
            group.signal(SIGCONT)
        for proxies in self._proxies:
            for proxy in proxies:
                proxy.restore()
        self._start_redis()

    def stop(self) -> None:
        """TERM to every group, as an operator does. Every handler ends."""
        for group in self._groups:
            _send(SIGTERM, group.processes()[:1])
        for group in self._groups:
            wait_for(lambda group=group: not group.is_alive, "the processes end", 40)  # type: ignore[misc]

    # Faults may overlap: a stopped server cannot be stopped again.

    def _stop_redis(self) -> None:
        if self._servers.redis.running:
            self._servers.redis.kill()

    def _start_redis(self) -> None:
        if not self._servers.redis.running:
            self._servers.redis.restart()

    def _crash_postgres(self) -> None:
        self.crashes += 1
        self._servers.postgres.restart(immediate=True)

    def _flush(self) -> None:
        if not self._servers.redis.running:
            return
        with redis.Redis.from_url(self._servers.redis.url) as client:
            client.flushall()
            client.script_flush()

    def _worker(self, index: int) -> Group:
        settings = load_settings(**self._addresses())
        command = ["-m", "dramatiq", "tests.faults.history.handlers", MODULES[index], "-p", "1", "-t", "6"]
        log = self._directory / f"worker-{index}.log"
        environment = {
            **SHORT_TIMES,
            "EFFECTS_LOG": str(self.effects_log),
            "WORKER_ID": f"w{index}",
            **self._skew[index],
        }
        return Group([*command, "--worker-shutdown-timeout", "5000"], settings, log, **environment)

    def _ours(self, command: str) -> Group:
        settings = load_settings(**self._addresses())
        return ours(command, settings, self._directory / f"{command}.log", WORKER_ID=command, **SHORT_TIMES)

    def _addresses(self) -> dict[str, str]:
        """Addresses of proxies: each process group has its own connections to the servers."""
        postgres = self._stack.enter_context(Proxy(self.database_url))
        redis_ = self._stack.enter_context(Proxy(self._servers.redis.url))
        self._proxies.append((postgres, redis_))
        return {"database_url": postgres.url, "redis_url": redis_.url}

    def _are_workers_up(self) -> bool:
        with self.database.connection() as connection:
            up = connection.execute(text("SELECT count(*) FROM workers WHERE kind = 'worker' AND state = 'running'"))
            return bool(up.scalar_one() == len(self.workers))


@contextmanager
def started(servers: Servers, name: str, skew_s: int) -> Iterator[Cluster]:
    with Cluster(servers, name, skew_s) as cluster:
        yield cluster


def _send(number: int, processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _done(break_it: Callable[[], object]) -> Callable[[], None]:
    break_it()
    return lambda: None


def _until(break_it: Callable[[], object], repair: Callable[[], object]) -> Callable[[], None]:
    break_it()
    return lambda: (repair(), None)[1]


def _dsn(url: str) -> str:
    return load_settings(database_url=url).postgres_dsn
