"""What is examined: the settings, a connection to each server, and from where on something is an illness."""

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
    """Pairs are (warning, error)."""

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
class Patient:
    settings: Settings
    database: Database
    redis: redis.Redis
    limits: Limits = field(default_factory=Limits)

    @property
    def silence_ms(self) -> int:
        """Who was not heard of for so long is not counted as alive."""
        return 3 * self.settings.worker_heartbeat_interval

    def ask(self, question: str, **parameters: Any) -> list[Row[Any]]:
        """The rows of sql/<question>.sql."""
        sql = resources.files("aeon_jobs.ops.doctor").joinpath("sql", f"{question}.sql").read_text()
        with self.database.transaction() as connection:
            connection.exec_driver_sql(search_path(self.database.schema))
            # A look must not become an illness itself.
            connection.exec_driver_sql("SET LOCAL statement_timeout = '5s'")
            return list(connection.execute(text(sql), parameters).all())

    def ask_one(self, question: str, **parameters: Any) -> Row[Any]:
        (row,) = self.ask(question, **parameters)
        return row
