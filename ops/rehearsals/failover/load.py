"""Producers and workers on a system whose servers fail, and what became of their jobs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID

from sqlalchemy import text

from aeon_jobs.api.service import Jobs
from aeon_jobs.ops.benchmarks.program import Program
from aeon_jobs.ops.benchmarks.system import wait_until
from aeon_jobs.ops.rehearsals.failover.handlers import EFFECTS
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, load_settings

HANDLERS = "aeon_jobs.ops.rehearsals.failover.handlers"
PRODUCERS = 2
PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a failover did to the jobs. Times in seconds."""

    accepted: int
    refused: int
    """Submissions that raised an error: their callers know."""
    lost: int
    """Accepted, and not in the database afterwards."""
    unfinished: int
    ran_again: int
    """Jobs whose handler ran more than once."""
    longest_pause_submitting: float
    longest_pause_running: float
    """While there were new jobs. What was running at the failover may have to wait for the end of its lease."""


class Load:
    def __init__(self, settings: Settings, effects: Path) -> None:
        self._settings, self._effects = settings, effects
        self._database = Database(settings.postgres_dsn, pool_size=2)
        self._stop, self._lock = Event(), Lock()
        self._accepted: list[tuple[float, UUID]] = []
        self._refused = 0
        self._stopped_at = 0.0
        self._producers = [Thread(target=self._produce, daemon=True) for _ in range(PRODUCERS)]

    def migrate(self) -> None:
        migrate.up(self._database)

    def start(self) -> None:
        query = "SELECT 1 FROM job_types WHERE name = 'rehearse'"
        wait_until(lambda: bool(self._rows(query)), "the workers")
        for producer in self._producers:
            producer.start()

    def until_ran(self, count: int) -> None:
        """Until so many more handlers have run."""
        wanted = len(self._runs()) + count
        wait_until(lambda: len(self._runs()) >= wanted, f"{count} more jobs")

    def until_accepted(self, count: int) -> None:
        """Until so many more jobs were accepted."""
        wanted = len(self._accepted) + count
        wait_until(lambda: len(self._accepted) >= wanted, f"{count} more submissions")

    def stop(self) -> None:
        """No new jobs; waits for the end of those that there are."""
        self._stopped_at = time.time()
        self._stop.set()
        for producer in self._producers:
            producer.join()
        # Its connections may be to the server that died.
        self._database.dispose()
        wait_until(lambda: not self._unfinished(), "the end of all jobs", pause_s=0.2)

    def outcome(self) -> Outcome:
        stored = {row[0] for row in self._rows("SELECT id FROM jobs")}
        runs = self._runs()
        return Outcome(
            accepted=len(self._accepted),
            refused=self._refused,
            lost=sum(id_ not in stored for _, id_ in self._accepted),
            unfinished=self._unfinished(),
            ran_again=sum(count > 1 for count in Counter(id_ for _, id_ in runs).values()),
            longest_pause_submitting=_longest_pause([at for at, _ in self._accepted]),
            longest_pause_running=_longest_pause([at for at, _ in runs if at < self._stopped_at]),
        )

    def close(self) -> None:
        self._stop.set()
        self._database.dispose()

    def _produce(self) -> None:
        with Jobs.from_settings(self._settings, name="rehearsal", pool_size=1) as jobs:
            while not self._stop.wait(PAUSE_S):
                try:
                    id_ = jobs.submit("rehearse", {}).job_id
                except Exception:  # noqa: BLE001 (whatever it is: it was not accepted)
                    self._refused += 1
                else:
                    with self._lock:
                        self._accepted.append((time.time(), id_))

    def _unfinished(self) -> int:
        query = "SELECT count(*) FROM jobs WHERE status <> 'completed'"
        return int(self._rows(query)[0][0])

    def _runs(self) -> list[tuple[float, UUID]]:
        if not self._effects.exists():
            return []
        lines = (line.split() for line in self._effects.read_text().splitlines())
        return [(float(at), UUID(id_)) for id_, at in lines]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._database.connection() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]


def _longest_pause(times: list[float]) -> float:
    return max((after - before for before, after in pairwise(sorted(times))), default=0.0)


@contextmanager
def under_load(directory: Path, database_url: str, redis_url: str) -> Iterator[Load]:
    """A dispatcher, two worker processes and producers on these servers."""
    settings = load_settings(database_url=database_url, redis_url=redis_url)
    effects = directory / "effects"
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, EFFECTS: str(effects), "LOG_LEVEL": "WARNING"}
    with ExitStack() as stack:
        load = Load(settings, effects)
        stack.callback(load.close)
        load.migrate()
        stack.enter_context(Program(["dispatcher"], directory / "dispatcher.log", **environment))
        stack.enter_context(Program(["worker", HANDLERS], directory / "worker.log", **environment))
        load.start()
        load.until_ran(300)
        yield load
