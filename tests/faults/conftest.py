"""A system for faults: servers, an effects log, and process groups."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import text

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.group import Group, ours, workers
from tests.waiting import wait_for

TIMEOUT_S = float(os.environ.get("FAULT_TIMEOUT", "90"))


class System:
    def __init__(self, settings: Settings, database: Database, redis_client: redis.Redis, directory: Path) -> None:
        self.settings = settings
        self.database = database
        self.redis = redis_client
        self.effects_log = directory / "effects"
        self.effects_log.touch()
        self._directory = directory
        self._logs = 0

    def workers(self, settings: Settings | None = None, **options: Any) -> Group:
        """A bare group; `settings`: if it connects to the servers in another way than the test."""
        return workers(settings or self.settings, self._log("workers"), EFFECTS_LOG=str(self.effects_log), **options)

    def ours(self, command: str, settings: Settings | None = None, **environment: str) -> Group:
        """`aeon-jobs COMMAND`."""
        return ours(command, settings or self.settings, self._log(command), **environment)

    def group(self, *command: str, is_fork: bool = True, **environment: str) -> Group:
        """Any Python command."""
        effects = {"EFFECTS_LOG": str(self.effects_log)}
        return Group(command, self.settings, self._log("group"), is_fork=is_fork, **effects, **environment)

    def _log(self, name: str) -> Path:
        self._logs += 1
        return self._directory / f"{name}-{self._logs}.log"

    def wait_for_job_type(self, name: str) -> None:
        wait_for(lambda: self.execute("SELECT 1 FROM job_types WHERE name = :name", name=name), f"{name} is registered")

    def schedule(self, job_type: str, due_times: int) -> None:
        """A schedule for every minute that has missed `due_times` due times, with the policy `all`."""
        self.execute(
            "INSERT INTO job_schedules (name, job_type, cron, catch_up, overlap, next_run_at)"
            " VALUES ('s', :type, '* * * * *', 'all', 'allow_all', "
            " date_trunc('minute', now()) - :missed * interval '1 minute')",
            type=job_type,
            missed=due_times - 1,
        )

    def submit(self, job_type: str, count: int, **payload: Any) -> None:
        """Insert jobs with plain SQL: the job type need not be registered."""
        self.execute(
            "INSERT INTO jobs (job_type, payload) SELECT :type, CAST(:payload AS jsonb) FROM generate_series(1, :count)",
            type=job_type,
            payload=payloads.encode(payload, "payload", limit=10_000),
            count=count,
        )

    def execute(self, sql: str, **parameters: Any) -> list[Any]:
        with self.database.connection() as connection:
            result = connection.execute(text(sql), parameters)
            return list(result.all()) if result.returns_rows else []

    def statuses(self) -> dict[str, int]:
        return {row.status: row.count for row in self.execute("SELECT status::text, count(*) FROM jobs GROUP BY 1")}

    def wait_until(self, timeout_s: float = TIMEOUT_S, **statuses: int) -> None:
        """Until exactly these many jobs are in these states, and none in any other."""
        try:
            wait_for(lambda: self.statuses() == statuses, str(statuses), timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.statuses()}") from None

    def wait_for_running(self, count: int) -> None:
        wait_for(lambda: self.statuses().get("running", 0) >= count, f"{count} jobs run")

    def lanes(self) -> list[str]:
        """The Redis keys of the lanes that were pushed to."""
        prefix = self.settings.redis_queue_prefix
        return [f"{prefix}:{lane.decode()}" for lane in self.redis.smembers(f"{prefix}:lanes")]

    def unacked(self) -> int:
        """Messages of jobs that are not acked."""
        return sum(int(self.redis.hlen(f"{lane}.msgs")) for lane in self.lanes())

    def most_at_once(self) -> int:
        """How many attempts ran at once at most, by the log of executions, which only grows."""
        sql = """
            WITH steps AS (
                SELECT started_at AS at, 1 AS step FROM job_executions WHERE outcome <> 'superseded'
                UNION ALL SELECT finished_at, -1 FROM job_executions WHERE outcome <> 'superseded'
            )
            SELECT max(now_running) FROM (SELECT sum(step) OVER (ORDER BY at, step) AS now_running FROM steps) AS counted"""
        return int(self.execute(sql)[0][0])

    def effects(self, what: str = "ran") -> Counter[str]:
        """How often each job had the effect."""
        lines = (line.split() for line in self.effects_log.read_text().splitlines())
        return Counter(job_id for job_id, _, kind in lines if kind == what)


@pytest.fixture
def pipe(private_dir: Path) -> Path:
    """The pipe of the handler `blocked_until`."""
    path = private_dir / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def system(settings: Settings, database: Database, redis_client: redis.Redis, private_dir: Path) -> System:
    return System(settings, database, redis_client, private_dir)
