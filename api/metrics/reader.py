"""What a scrape reads. A server that is down leaves its part out: nothing that is shown is of before.

| part      | of                                            | kept for                              |
|-----------|-----------------------------------------------|---------------------------------------|
| situation | names, processes, ages, background tasks      | 20 times as long as the reading took  |
| counters  | attempts, waits, dead letters                 | 20 times as long as the reading took  |
| depths    | how many jobs are where                       | 20 times as long as the counting took |
| storage   | sizes, connections, the log, snapshots        | 15 s                                  |
| redis     | its memory                                    | not at all                            |
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

    def __init__(self, settings: Settings, database: Database, client: redis.Redis) -> None:
        self._settings, self._database, self._client = settings, database, client
        silence_ms = 3 * settings.worker_heartbeat_interval
        self._situation = self._remembered(lambda connection: situation.read(connection, silence_ms))
        self._counters = self._remembered(counters.read)
        self._depths = self._remembered(depths.read)
        self._storage = self._remembered(storage.read, STORAGE_LIFE_S)

    def read(self) -> Reading:
        reading = Reading(redis=self._redis())
        reading.situation = self._part("situation", self._situation, reading)
        reading.counters = self._part("counters", self._counters, reading)
        reading.depths = self._part("depths", self._depths, reading)
        reading.storage = self._part("storage", self._storage, reading)
        return reading if reading.postgres_is_up else Reading(postgres_is_up=False, redis=reading.redis)

    def _remembered(self, read: Callable[[Connection], T], life_s: float = 0.0) -> Remembered[T]:
        def connected() -> T:
            with self._database.connection() as connection:
                limit_ms = self._settings.metrics_statement_timeout
                return read(connection.execution_options(job_limit_ms=limit_ms, job_lock_ms=limit_ms))

        return Remembered(connected, life_s)

    def _part(self, name: str, part: Remembered[T], reading: Reading) -> T | None:
        if not reading.postgres_is_up:
            return None
        try:
            value = part.get()
        except SQLAlchemyError as error:
            reading.postgres_is_up = _is_an_answer(error)
            reading.failed[name] = True
            _log.warning("metrics not read", part=name, error=str(error).partition("\n")[0])
            return None
        reading.failed[name] = False
        return value

    def _redis(self) -> RedisMemory | None:
        try:
            memory = self._client.info("memory")
        except redis.RedisError as error:
            _log.warning("metrics not read", part="redis", error=str(error).partition("\n")[0])
            return None
        return RedisMemory(int(memory["used_memory"]), int(memory["maxmemory"]))


def _is_an_answer(error: SQLAlchemyError) -> bool:
    """Whether PostgreSQL itself refused the statement. Not when it cannot be reached, or is starting or stopping (57P…)."""
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    code = getattr(error.orig, "pgcode", None)
    return code is not None and not code.startswith(("08", "57P"))
