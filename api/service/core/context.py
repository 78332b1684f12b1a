"""What the use cases work with, built once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aeon_jobs.api.service.core.known import KnownQueues, KnownTypes
from aeon_jobs.api.service.core.notifier import LateHints, Notifier
from aeon_jobs.api.service.core.remembered import RememberedActivity, RememberedDepths
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    database: Database
    notifier: Notifier
    activity: RememberedActivity
    depths: RememberedDepths
    known_queues: KnownQueues
    known_types: KnownTypes = field(default_factory=KnownTypes)
    tracer: Any = None
    """A Tracer, or None. Litestar evaluates this type, and to import the class is to import OpenTelemetry."""
    on_close: Callable[[], None] = lambda: None

    @classmethod
    def build(cls, settings: Settings, *, pool_size: int | None = None) -> Context:
        """Of the database and the Redis that the settings name. Nothing is connected yet: a process may fork after this."""
        pool_size = pool_size or settings.database_pool_size
        database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=pool_size)
        hints = LateHints(settings)
        return cls.of(settings, database, hints, hints.close)

    @classmethod
    def of(
        cls, settings: Settings, database: Database, notifier: Notifier, on_close: Callable[[], None] = lambda: None
    ) -> Context:
        return cls(
            settings=settings,
            database=database,
            notifier=notifier,
            activity=RememberedActivity(database),
            depths=RememberedDepths(database),
            known_queues=KnownQueues(worker_silence_ms(settings)),
            tracer=tracing.tracer(settings),
            on_close=on_close,
        )

    @property
    def worker_silence_ms(self) -> int:
        """Who was not heard of for so long is not counted as alive."""
        return worker_silence_ms(self.settings)

    def close(self) -> None:
        self.database.dispose()
        self.on_close()


def worker_silence_ms(settings: Settings) -> int:
    """Three heartbeats."""
    return 3 * settings.worker_heartbeat_interval
