"""What a check works with: the settings, a connection to each server, and the limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import redis
from sqlalchemy import Row, text

from aeon_jobs.persistence.core.database import Database, search_path
from aeon_jobs.persistence.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """From these values on, a check reports a problem. Pairs are (warning, error)."""

    long_transaction_s: float = 300
    idle_in_transaction_s: float = 60
    connections: tuple[float, float] = (0.8, 0.95)
    """Share of max_connections."""
    redis_latency_ms: tuple[float, float] = (10, 100)
    redis_memory: tuple[float, float] = (0.75, 0.95)
    """Share of maxmemory."""
    clock_skew_s: tuple[float, float] = (1, 10)
    oldest_job_s: tuple[float, float] = (300, 3_600)
    dead_letters: tuple[float, float] = (50, float("inf"))
    disk_free_bytes: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    database: Database
    redis: redis.Redis
    limits: Limits = field(default_factory=Limits)

    @property
    def silence_ms(self) -> int:
        """A process whose last heartbeat is older than this does not count as alive."""
        return 3 * self.settings.worker_heartbeat_interval

    def query(self, name: str, **parameters: Any) -> list[Row[Any]]:
        """The rows of sql/<name>.sql."""
        sql = resources.files("aeon_jobs.ops.doctor").joinpath("sql", f"{name}.sql").read_text()
        with self.database.transaction() as connection:
            connection.exec_driver_sql(search_path(self.database.schema))
            # The check must not become a problem itself.
            connection.exec_driver_sql("SET LOCAL statement_timeout = '5s'")
            return list(connection.execute(text(sql), parameters).all())

    def query_one(self, name: str, **parameters: Any) -> Row[Any]:
        (row,) = self.query(name, **parameters)
        return row
