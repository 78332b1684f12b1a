"""All the verbs together."""

from __future__ import annotations

from ops.cli.database.jobs import Jobs
from ops.cli.database.letters import Letters
from ops.cli.database.people import People
from ops.cli.database.queues import Queues
from ops.cli.database.schedules import Schedules
from ops.cli.database.state import State
from persistence.database import Database
from persistence.hints import Hints, redis_client
from persistence.settings import Settings


class DatabaseBackend(Jobs, Letters, Schedules, Queues, People, State):
    """See `ops.cli.backend`. Raises the errors of `persistence`."""

    @classmethod
    def of(cls, settings: Settings) -> DatabaseBackend:
        # One command at a time: two connections are one more than enough.
        database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=2)
        # A Redis that does not answer must not hold the command up.
        redis = redis_client(settings.redis_dsn, socket_timeout=1, socket_connect_timeout=1)
        return cls(settings, database, Hints(redis, settings.redis_queue_prefix), redis.close)
