"""What a scrape reads. A server that is down leaves its part out: nothing that is shown is of before.

| part      | of                                        | kept for                             |
|-----------|-------------------------------------------|--------------------------------------|
| redis     | its memory                                | not at all                           |
| situation | names, processes, ages, background tasks  | not at all: it tells who is down     |
| counters  | attempts, waits, dead letters             | 20 times as long as the reading took |
| depths    | how many jobs are where                   | 20 times as long as the reading took |
| storage   | sizes, connections, the log, snapshots    | 15 s, or as above                    |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import redis
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from aeon_jobs.api.metrics.remembered import Remembered
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.metrics import counters, depths, situation, storage
from aeon_jobs.persistence.metrics.counters import Counters
from aeon_jobs.persistence.metrics.depths import Depths
from aeon_jobs.persistence.metrics.situation import Situation
from aeon_jobs.persistence.metrics.storage import Storage

T = TypeVar("T")

STORAGE_LIFE_S = 15.0
_log = structlog.get_logger(__name__)


@dataclass
class Reading:
    """None: not read, because the server is down or the statement took too long."""

    postgres_is_up: bool = True
    situation: Situation | None = None
    counters: Counters | None = None
    depths: Depths | None = None
    storage: Storage | None = None
    redis: RedisMemory | None = None
    failed: dict[str, bool] = field(default_factory=dict)
    """By part: whether PostgreSQL answered, but not with what was asked for."""


@dataclass(frozen=True, slots=True)
class RedisMemory:
    used_bytes: int
    max_bytes: int
    """0: no limit."""


class Reader:
    """For one thread at a time. Nothing is connected before the first reading."""

    def __init__(self, settings: Settings, database: Database, client: redis.Redis, clock: Callable[[], float]) -> None:
        self._settings, self._database, self._client = settings, database, client
        silence_ms = 3 * settings.worker_heartbeat_interval
        self._situation = self._connected(lambda connection: situation.read(connection, silence_ms))
        self._counters = Remembered(self._connected(counters.read), clock=clock)
        self._depths = Remembered(self._connected(depths.read), clock=clock)
        self._storage = Remembered(self._connected(storage.read), STORAGE_LIFE_S, clock)

    def read(self) -> Reading:
        reading = Reading(redis=self.redis())
        reading.situation = self._part("situation", self._situation, reading)
        reading.counters = self._part("counters", self._counters.get, reading)
        reading.depths = self._part("depths", self._depths.get, reading)
        reading.storage = self._part("storage", self._storage.get, reading)
        return reading if reading.postgres_is_up else Reading(postgres_is_up=False, redis=reading.redis)

    def redis(self) -> RedisMemory | None:
        """None: it does not answer. Any thread may ask."""
        try:
            memory = self._client.info("memory")
        except redis.RedisError as error:
            _log.warning("metrics not read", part="redis", error=str(error).partition("\n")[0])
            return None
        return RedisMemory(int(memory["used_memory"]), int(memory["maxmemory"]))

    def _connected(self, read: Callable[[Connection], T]) -> Callable[[], T]:
        def connected() -> T:
            with self._database.connection() as connection:
                limit_ms = self._settings.metrics_statement_timeout
                return read(connection.execution_options(job_limit_ms=limit_ms, job_lock_ms=limit_ms))

        return connected

    def _part(self, name: str, read: Callable[[], T], reading: Reading) -> T | None:
        if not reading.postgres_is_up:
            return None
        try:
            value = read()
        except SQLAlchemyError as error:
            reading.postgres_is_up = _is_an_answer(error)
            reading.failed[name] = True
            _log.warning("metrics not read", part=name, error=str(error).partition("\n")[0])
            return None
        reading.failed[name] = False
        return value


def _is_an_answer(error: SQLAlchemyError) -> bool:
    """Whether PostgreSQL itself refused the statement. Not when it cannot be reached, or is starting or stopping (57P…)."""
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    code = getattr(error.orig, "pgcode", None)
    return code is not None and not code.startswith(("08", "57P"))
