"""The backend that is PostgreSQL itself: the verbs of `persistence`, each change in one transaction with its line in the
audit log, as the API does it.

    office      the database, who acts, what is told to Redis afterwards
    jobs, letters, schedules, queues, people    the verbs, by noun
    likeness    rows of tables as the client's views
"""

from aeon_jobs.ops.cli.database.backend import DatabaseBackend

__all__ = ["DatabaseBackend"]
