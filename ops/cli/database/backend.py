"""All the verbs together."""

from __future__ import annotations

from aeon_jobs.ops.cli.database.jobs import Jobs
from aeon_jobs.ops.cli.database.letters import Letters
from aeon_jobs.ops.cli.database.people import People
from aeon_jobs.ops.cli.database.queues import Queues
from aeon_jobs.ops.cli.database.schedules import Schedules
from aeon_jobs.ops.cli.database.state import State
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.hints import Hints, redis_client


class DatabaseBackend(Jobs, Letters, Schedules, Queues, People, State):
    """See `ops.cli.backend`. Raises the errors of `persistence`."""

    @classmethod
    def of(cls, settings: Settings) -> DatabaseBackend:
        # One command at a time: two connections are one more than enough.
        database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=2)
        # A Redis that does not answer must not hold the command up.
        redis = redis_client(settings.redis_dsn, socket_timeout=1, socket_connect_timeout=1)
        return cls(settings, database, Hints(redis, settings.redis_queue_prefix), redis.close)
