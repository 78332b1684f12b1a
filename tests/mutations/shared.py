"""Names of test files, and changes that several mutations share."""

from __future__ import annotations

from tests.mutate import Change

SQL = "persistence/queue/sql"
FUNCTIONS = "persistence/core/functions"
FIRST_MIGRATION = "persistence/core/migrations/0001_foundation.up.sql"
KILLED = "faults/test_killed_workers.py"
CRASHES = "faults/test_crash_points.py"
REDIS = "faults/test_disposable_redis.py"
POSTGRES = "faults/test_postgres_restarts.py"
ISOLATED = "faults/test_isolated_processes.py"
CLAIM = "integration/persistence/test_claim.py"
RECORD = "integration/persistence/test_record.py"
DISPATCH = "integration/persistence/test_dispatch_sql.py"
UPKEEP = "integration/workers/test_upkeep.py"
CLAIMS = "integration/workers/test_claims.py"
MIGRATIONS = "integration/persistence/test_migrations.py"
CONSUMER = "integration/workers/test_consumer.py"
LIFE = "integration/workers/test_life_of_a_job.py"
TRANSACTION = "integration/workers/test_transactional_completion.py"

NO_RESCUE = Change(f"{SQL}/rescue.sql", "WHERE status = 'running' AND ((:expired", "WHERE false AND ((:expired")
NO_REAPING = Change("middleware/dispatch/upkeep.py", "    if not dead:\n        return []", "    return []")
NO_SKIP_LOCKED_IN_RESCUE = Change(f"{SQL}/rescue.sql", "FOR UPDATE SKIP LOCKED", "FOR UPDATE")
NO_ATTEMPT = Change(f"{FUNCTIONS}/record_jobs.sql", " AND jobs.attempt = v.attempt")
NO_CLAIM_TIME = Change(f"{FUNCTIONS}/record_jobs.sql", "AND jobs.started_at = v.started_at")
NO_STATUS_AT_CLAIM = Change(f"{FUNCTIONS}/claim_jobs.sql", " AND jobs.status::text = 'queued'")
NO_STATUS = Change(f"{FUNCTIONS}/record_jobs.sql", " AND jobs.status::text = 'running'")
NO_SUPERSEDED = Change(f"{SQL}/supersede.sql", "WHERE NOT is_known", "WHERE false")
NO_RECONCILE = Change("middleware/dispatch/upkeep.py", "        if not waiting:\n            return", "        return")
NO_FILLING = Change(
    "middleware/dispatch/dispatcher.py",
    "            dispatch.take_back(connection, [(entry.id, entry.seq) for entry in queued])",
    "            pass",
)
NO_RELEASE_OF_FETCHED = Change(
    "middleware/dispatch/upkeep.py", "        take_back_fetched(self._database, self._transport, self._silent)\n"
)
NO_RELEASE_BY_PEERS = Change(
    "middleware/dispatch/upkeep.py", "if peer.broker_id is None or peer.lane is None:", "if True:"
)
DISPATCHER_WITHOUT_REDIS = Change(
    "middleware/dispatch/dispatcher.py",
    "except Exception as error:",
    "except SQLAlchemyError as error:",
)
DISPATCHER_WITHOUT_POSTGRES = Change(
    "middleware/dispatch/dispatcher.py",
    "except Exception as error:",
    "except redis.RedisError as error:",
)
UNIQUE_DUE_TIME = Change(FIRST_MIGRATION, "CREATE UNIQUE INDEX jobs_schedule_idx", "CREATE INDEX jobs_schedule_idx")
UNIQUE_KEY = Change(FIRST_MIGRATION, "CREATE UNIQUE INDEX jobs_idempotency_idx", "CREATE INDEX jobs_idempotency_idx")
SEPARATE_RECORD = Change(
    "middleware/execution/running.py",
    "self._recorder.record_in(connection, Ended.of(self.claimed, verdict))",
    "self._recorder.record(Ended.of(self.claimed, verdict))",
)
ANY_JOB_TYPE = [
    Change(
        f"{FUNCTIONS}/dispatch_jobs.sql",
        " AND EXISTS (SELECT FROM lanes l WHERE l.queues ? p.queue_name AND l.job_types ? p.job_type)",
    ),
    Change(f"{FUNCTIONS}/dispatch_jobs.sql", " AND l.job_types ? p.job_type LEFT JOIN", " LEFT JOIN"),
    Change("persistence/queue/dispatch.py", " and pair[1] in lane.job_types]", "]"),
]
"""Every lane gets every job type."""
