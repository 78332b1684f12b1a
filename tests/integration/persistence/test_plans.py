"""Every index is used by a statement that we run, and every hot statement uses its index: with 40,000 jobs in mixed states,
with fresh statistics, and with those from before a backlog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, make_url

from aeon_jobs.persistence.admin import api_keys, bulk_changes, request_keys, sessions, views
from aeon_jobs.persistence.archive import moving
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database, run
from aeon_jobs.persistence.core.errors import NameTaken
from aeon_jobs.persistence.metrics import history
from aeon_jobs.persistence.queue import (
    dead_letters,
    dispatch,
    due,
    executions,
    graphs,
    job_types,
    jobs,
    limits,
    queues,
    states,
    workers,
    workflows,
)
from aeon_jobs.persistence.queue.dispatch import Lane
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.process import this_host
from aeon_jobs.persistence.queue.states import Failure
from aeon_jobs.persistence.queue.submissions import NewJob
from aeon_jobs.persistence.queue.workers import Host, Registration
from aeon_jobs.persistence.queue.workflows import NewWorkflow
from aeon_jobs.persistence.reads import archived, audit_list, dead_letter_lists, graph, job_logs, listing, overview
from aeon_jobs.persistence.reads.audit_list import EntryFilter
from aeon_jobs.persistence.reads.dead_letter_lists import DeadLetterFilter
from aeon_jobs.persistence.reads.listing import Filter
from aeon_jobs.persistence.schedules import history as schedule_history
from aeon_jobs.persistence.schedules import repository
from aeon_jobs.persistence.schedules.definitions import NewSchedule
from tests.conftest import _administration, _dsn, _of_database
from tests.plans import Plan, counted, plan_of, plan_of_sql
from tests.rows import NOTE, register, rows, value

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUEUED, RUNNING, FAILED, PENDING = (UUID(int=n) for n in (21_000, 26_000, 27_000, 5_000))
"""One job of each state."""
WORKFLOW = UUID(int=5)
STEP = UUID("d0000000-0000-0000-0000-000000000005")
"""It waits for a signal."""
TYPES = ("note", *(f"type{n}" for n in range(20)))

FILL = """
    INSERT INTO jobs (id, job_type, queue_name, status, priority, created_at, updated_at, created_by, metadata, scheduled_at,
        ready, dispatch_seq, attempt, queued_at, started_at, completed_at, worker_id, lease_expires_at, idempotency_key,
        schedule_id, schedule_run_at)
    SELECT (lpad(to_hex(n), 32, '0'))::uuid, 'type' || n % 20, 'default', s::job_status, n % 101, m, m,
        'user' || n % 500, CASE WHEN n % 10 = 0 THEN jsonb_build_object('order', n) ELSE '{}' END,
        CASE WHEN s = 'pending' AND n % 5 = 0 THEN now() + (n - 6000) * interval '1 s' END, true, 1, 1,
        CASE WHEN s = 'queued' THEN m END, CASE WHEN s = 'running' THEN m END,
        CASE WHEN s IN ('completed', 'failed', 'cancelled') THEN m END, 'w' || n % 40,
        CASE WHEN s = 'running' THEN now() + interval '1 min' END,
        CASE WHEN n % 3 = 0 THEN 'key' || n END,
        CASE WHEN n % 7 = 0 THEN (lpad(to_hex(1 + n % 50), 32, '0'))::uuid END, CASE WHEN n % 7 = 0 THEN m END
    FROM (
        SELECT n, now() - n * interval '1 s' AS m, CASE
            WHEN n <= 20000 THEN 'pending' WHEN n <= 25000 THEN 'queued' WHEN n <= 26500 THEN 'running'
            WHEN n <= 28000 THEN 'failed' WHEN n <= 29000 THEN 'cancelled' ELSE 'completed' END AS s
        FROM generate_series(1, 40000) n
    ) AS numbered;

    INSERT INTO job_executions (job_id, attempt, outcome, finished_at)
    SELECT (lpad(to_hex(n), 32, '0'))::uuid, 1, 'completed', now() - n * interval '1 min' FROM generate_series(20001, 40000) n;
    INSERT INTO dead_letter_jobs (job_id, job_type, reason, fingerprint, created_at, resolved_at, resolution)
    SELECT (lpad(to_hex(26501 + n % 1500), 32, '0'))::uuid, 'type1', 'exhausted', md5((n % 300)::text), now(),
        CASE WHEN n > 1500 THEN now() END, CASE WHEN n > 1500 THEN 'discarded' END
    FROM generate_series(1, 6000) n;
    INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, state, last_seen_at)
    SELECT 'w' || n, 'worker', 'h', 'b', 'n', n, 0, '1', 'stopped', now() - n * interval '1 h' FROM generate_series(1, 3000) n;
    INSERT INTO job_api_requests (actor, key, fingerprint, expires_at)
    SELECT 'me', 'key' || n, '', now() + (n - 10) * interval '1 min' FROM generate_series(1, 3000) n;
    INSERT INTO job_audit_log (actor, action, subject_type, subject_id)
    SELECT 'user' || n % 100, 'x', 'job', n::text FROM generate_series(1, 5000) n;
    INSERT INTO job_api_keys (id, name, role, secret_hash)
    SELECT 'key' || n, 'k', 'viewer', '' FROM generate_series(1, 2000) n;
    INSERT INTO job_dashboard_sessions (token_hash, key_id, expires_at)
    SELECT sha256(n::text::bytea), 'key' || 1 + n % 2000, now() + interval '1 h' FROM generate_series(1, 4000) n;
    INSERT INTO job_dashboard_views SELECT 'user' || n % 100, 'view ' || n, 'status=failed' FROM generate_series(1, 3000) n;
    INSERT INTO job_bulk_changes (action, filter, matched, created_by, finished_at)
    SELECT 'cancel', '{}', 1, 'me', CASE WHEN n > 5 THEN now() END FROM generate_series(1, 3000) n;
    INSERT INTO job_types (name) SELECT 'type' || n FROM generate_series(1, 2000) n;
    INSERT INTO job_queues (name) SELECT 'queue' || n FROM generate_series(1, 2000) n;
    INSERT INTO job_counters (metric, job_type, label, shard)
    SELECT 'processed', 'type' || n, 'completed', 1 FROM generate_series(1, 3000) n;
    INSERT INTO job_statistics (span_s, kind, begins_at, name)
    SELECT 60, kind, now() - n * interval '1 min', CASE kind WHEN 'all' THEN '' ELSE kind END
    FROM generate_series(1, 2000) n, unnest(ARRAY['all', 'queue', 'job_type']) AS kind;
    INSERT INTO job_types (name, limits) VALUES
        ('limited', '{"key": "payload.k", "running_per_key": 2, "starts_per_key": {"count": 9, "period_ms": 1000}}');
    INSERT INTO jobs (job_type, queue_name, limit_key, expires_at)
    SELECT 'limited', 'default', 'key' || n % 900, now() + (n - 10) * interval '1 min' FROM generate_series(1, 3000) n;
    INSERT INTO workflows (id, name, unique_key, closed_at, deadline_at, finished_at, state)
    SELECT (lpad(to_hex(n), 32, '0'))::uuid, 'import', 'key' || n, now(),
        CASE WHEN n % 5 = 0 THEN now() + n * interval '1 min' END, CASE WHEN n % 5 > 0 THEN now() - n * interval '1 h' END,
        CASE WHEN n % 5 = 0 THEN 'running' ELSE 'completed' END
    FROM generate_series(1, 3000) n;
    INSERT INTO jobs (id, job_type, queue_name, status, workflow_id, step_name, completed_at, blocked_by, ready)
    SELECT ('d' || lpad(to_hex(n), 31, '0'))::uuid, 'step', 'default', s::job_status, (lpad(to_hex(n), 32, '0'))::uuid,
        'step', CASE WHEN s = 'completed' THEN now() END, (s = 'pending')::integer, s = 'completed'
    FROM (
        SELECT n, CASE WHEN n % 5 = 0 THEN 'pending' ELSE 'completed' END AS s FROM generate_series(1, 3000) n
    ) AS numbered;
    INSERT INTO workflow_holds (job_id, kind, due_at, decided_at)
    SELECT id, 'signal', CASE status WHEN 'pending' THEN now() + row_number() OVER () * interval '1 min' END,
        CASE status WHEN 'completed' THEN now() END
    FROM jobs WHERE job_type = 'step';
    INSERT INTO job_limit_buckets (job_type, limit_key, tokens, refilled_at)
    SELECT 'limited', 'key' || n, 9, now() - n * interval '15 min' FROM generate_series(1, 3000) n;

    INSERT INTO job_archive (id, job_type, queue_name, status, priority, created_at, updated_at, completed_at, metadata,
        payload, rest, executions, dependencies)
    SELECT ('e' || lpad(to_hex(n), 31, '0'))::uuid, 'type' || n % 20, 'default', 'completed', 50, m, m, m,
        CASE WHEN n % 10 = 0 THEN jsonb_build_object('order', n) ELSE '{}' END, '{}', '{}', '[]', '[]'
    FROM (SELECT n, now() - n * interval '1 min' AS m FROM generate_series(1, 10000) n) AS numbered;
    INSERT INTO job_dead_letter_archive (id, job_id, reason, attempts, created_at, updated_at)
    SELECT 1000000 + n, ('e' || lpad(to_hex(n), 31, '0'))::uuid, 'exhausted', 1, now(), now() FROM generate_series(1, 5000) n;
    INSERT INTO job_audit_archive (id, at, actor, action, subject_type, subject_id)
    SELECT n, now(), 'user' || n % 100, 'x', 'job', n::text FROM generate_series(1, 5000) n
"""
DEPENDENCIES = """
    INSERT INTO job_dependencies (job_id, depends_on_job_id)
    SELECT (lpad(to_hex(n), 32, '0'))::uuid, (lpad(to_hex(25001 + n % 1500), 32, '0'))::uuid
    FROM generate_series(10001, 20000) n
"""
LOGS = """
    INSERT INTO job_logs (job_id, attempt, line, logged_at, level, message)
    SELECT (lpad(to_hex(1 + n % 1000), 32, '0'))::uuid, 1, n, now(), 'info', 'said' FROM generate_series(1, 20000) n
"""
SCHEDULES = """
    INSERT INTO job_schedules (id, name, job_type, cron, next_run_at)
    SELECT (lpad(to_hex(n), 32, '0'))::uuid, 's' || n, 'note', '* * * * *', now() + n * interval '1 min'
    FROM generate_series(1, 3000) n;
    INSERT INTO job_schedule_runs (schedule_id, due_at, origin, outcome, job_id, ended_as, created_at)
    SELECT (lpad(to_hex(1 + n % 90), 32, '0'))::uuid, now() - n * interval '1 min', 'due', 'submitted',
        (lpad(to_hex(n), 32, '0'))::uuid, CASE WHEN n > 500 THEN 'completed' END, now() - n * interval '1 min'
    FROM generate_series(1, 20000) n
"""


@contextmanager
def copy_of_template(postgres_url: str, template: str, name: str) -> Iterator[Database]:
    with _administration(postgres_url) as execute:
        execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        database = Database(_dsn(_of_database(postgres_url, name)))
        try:
            yield database
        finally:
            database.dispose()
            execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def fill(database: Database) -> None:
    register(database)
    with database.transaction() as connection:
        rows(connection, SCHEDULES)
        rows(connection, FILL)
        # A thousandth of the work of the triggers, with their result.
        rows(connection, "ALTER TABLE job_dependencies DISABLE TRIGGER USER")
        rows(connection, DEPENDENCIES)
        rows(connection, LOGS)
        rows(connection, "ALTER TABLE job_dependencies ENABLE TRIGGER USER")
        rows(connection, "ALTER TABLE jobs DISABLE TRIGGER USER")
        rows(
            connection,
            "UPDATE jobs SET blocked_by = 1, ready = false WHERE id IN (SELECT job_id FROM job_dependencies)",
        )
        rows(connection, "UPDATE jobs SET has_dependents = true WHERE status = 'running'")
        rows(connection, "ALTER TABLE jobs ENABLE TRIGGER USER")


@pytest.fixture(scope="module")
def filled(postgres_url: str, _template: str) -> Iterator[Database]:
    """40,000 jobs, well known to the planner."""
    with copy_of_template(postgres_url, _template, f"{_template}_filled") as database:
        fill(database)
        with database.connection() as connection:
            rows(connection, "VACUUM ANALYZE")
        yield database


@pytest.fixture(scope="module")
def outdated(postgres_url: str, _template: str) -> Iterator[Database]:
    """The same, while the planner believes what was true before: a handful of jobs, all completed."""
    with copy_of_template(postgres_url, _template, f"{_template}_outdated") as database:
        tables = [
            table
            for (table,) in rows(database, "SELECT relname FROM pg_class WHERE relname ~ '^job' AND relkind = 'r'")
        ]
        with database.connection() as connection:
            for table in tables:
                rows(connection, f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            rows(connection, "INSERT INTO jobs (job_type, status) SELECT 'x', 'completed' FROM generate_series(1, 200)")
            rows(connection, "ANALYZE")
        fill(database)
        assert value(database, "SELECT reltuples FROM pg_class WHERE relname = 'jobs'") == 200
        yield database


Work = Callable[[Connection], object]
TABLES = {"jobs", "job_dependencies", "job_executions", "dead_letter_jobs"}
MANY = [UUID(int=n) for n in range(20_001, 20_065)]
FAILURE = Failure.of("E", "m", "t", job_type="note", place="p")


def schedule_of(connection: Connection) -> object:
    new = NewSchedule(name="s1", job_type="note", cron="* * * * *")
    with pytest.raises(NameTaken):
        repository.create(connection, new, NOW)
    return None


def announce(connection: Connection) -> None:
    host = Host("h", "b", "n")
    entry = Registration(id="w1", kind="worker", host=host, pid=1, process_started_at=0, version="1")
    workers.register(connection, entry)


def record(connection: Connection) -> None:
    ids = [UUID(int=n) for n in range(25_001, 25_033)]
    with connection.connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, started_at FROM jobs WHERE id = ANY(%s::uuid[]) ORDER BY id", ([str(i) for i in ids],)
        )
        ended = [Ended(id_, 1, started, states.completed(1)) for id_, started in cursor.fetchall()]
    assert set(executions.record(connection, ended, worker_id="w", shard=1).values()) == {True}


def submit_again(connection: Connection) -> None:
    new = NewJob(job_type="note", schedule_id=UUID(int=8), schedule_run_at=NOW)
    assert [jobs.submit(connection, new).is_new for _ in range(2)] == [True, False]


def keyed_again(connection: Connection) -> None:
    new = NewJob(job_type="note", idempotency_key="k")
    assert [jobs.submit(connection, new).is_new for _ in range(2)] == [True, False]


def dispatch_limited(connection: Connection) -> None:
    process = Registration(
        id="me", kind="worker", host=Host("h", "b", "n"), pid=1, process_started_at=0, version="1", queues=["default"]
    )
    workers.register(connection, process)
    queues.limit(connection, "default", 3)
    assert dispatch.dispatch(connection, {Lane("lane", ("default",), TYPES): 64}) == []


def look(connection: Connection) -> None:
    due.look(connection, "w1", Host("h", "b", "n"), silence_ms=20_000, age_ms=3_000)


CANCELS = '{"key": "payload.k", "running_per_key": 3, "strategy": "cancel_newest"}'


def admit(connection: Connection) -> None:
    dispatch.dispatch(connection, {Lane("lane", ("default",), ("limited",)): 64})


def cancel_over_limit(connection: Connection) -> None:
    rows(
        connection,
        "UPDATE job_types SET limits_override = CAST(:limits AS jsonb) WHERE name = 'limited'",
        limits=CANCELS,
    )
    admit(connection)


def link(connection: Connection) -> None:
    children, parents = [PENDING, UUID(int=5_001)], [RUNNING, UUID(int=25_001)]
    run(connection, "queue/link_jobs", {"children": children, "parents": parents, "policies": ["cancel", "run"]})


def decide(connection: Connection) -> None:
    rows(connection, "SELECT decide_hold(:id)", id=STEP)


def key_jobs(connection: Connection) -> None:
    rows(connection, """UPDATE job_types SET limits = '{"running": 1}' WHERE name = 'type1'""")
    (keyed,) = rows(connection, "SELECT key_jobs(ARRAY['type1'])")
    assert keyed[0] > 100


UNIQUE = {"job_type": "type1", "key": "unique:key7"}
LATER = {"payload": "{}", "limit_key": None, "debounce_ms": 1_000, "max_wait_ms": None}

HOT: dict[str, tuple[str, Work]] = {
    "dispatch": ("jobs_ready_idx", lambda c: dispatch.dispatch(c, {Lane("lane", ("default", "slow"), TYPES): 64})),
    "promote": ("jobs_due_idx", dispatch.promote),
    "admit": ("jobs_gated_idx", admit),
    "count the admitted": ("jobs_admitted_idx", admit),
    "key_jobs": ("jobs_ready_idx", key_jobs),
    "usage of limits": ("jobs_gated_idx", lambda c: limits.usage(c, "limited", 20)),
    "places of limits": ("jobs_admitted_idx", lambda c: limits.usage(c, "limited", 20)),
    "gated_jobs": ("jobs_gated_idx", lambda c: run(c, "metrics/gated_jobs").all()),
    "find_unique": ("jobs_idempotency_idx", lambda c: run(c, "queue/find_unique", {**UNIQUE, "states": ["pending"]})),
    "debounce": ("jobs_idempotency_idx", lambda c: run(c, "queue/debounce", UNIQUE | LATER)),
    "take_back_type": ("jobs_queued_idx", lambda c: run(c, "queue/take_back_type", {"name": "type1"})),
    "key_in_motion": ("jobs_running_idx", lambda c: run(c, "queue/key_in_motion", {"name": "type1"})),
    "cancel beyond a limit": ("jobs_gated_idx", cancel_over_limit),
    "expire": ("jobs_expiring_idx", dispatch.expire),
    "queued_since": ("jobs_queued_idx", lambda c: dispatch.queued_since(c, 3_000)),
    "claim": (
        "jobs_pkey",
        lambda c: executions.claim(c, [(id_, 1) for id_ in MANY], worker_id="w", lease_ms=1_000),
    ),
    "claim one": ("jobs_pkey", lambda c: executions.claim(c, [(QUEUED, 1)], worker_id="w", lease_ms=1_000)),
    "renew": (
        "jobs_pkey",
        lambda c: executions.renew(c, [(UUID(int=n), 1) for n in range(25_001, 25_033)], lease_ms=1_000),
    ),
    "record": ("jobs_pkey", record),
    "add edges": ("jobs_pkey", link),
    "decide on a held step": ("workflow_holds_pkey", decide),
    "signal a step": ("workflow_holds_pkey", lambda c: graphs.signal(c, WORKFLOW, "step", {"by": "me"}, by="me")),
    "results of parents": ("jobs_pkey", lambda c: graphs.parents_of(c, PENDING, UUID(int=0), with_results=True)),
    "result by name": ("jobs_step_idx", lambda c: graphs.result_for(c, STEP, "step")),
    "retry a workflow": ("workflows_pkey", lambda c: graphs.retry(c, WORKFLOW, by=None)),
    "jobs of a workflow": ("jobs_workflow_idx", lambda c: listing.page(c, Filter(workflow_id=WORKFLOW))),
    "count the jobs of a workflow": ("jobs_workflow_idx", lambda c: listing.total(c, Filter(workflow_id=WORKFLOW))),
    "the graph of a workflow": ("jobs_step_idx", lambda c: graph.steps_of(c, WORKFLOW)),
    "supersede": (
        "job_executions_pkey",
        lambda c: executions.record(c, [Ended(FAILED, 1, NOW, states.completed(1))], worker_id="w", shard=1),
    ),
    "rescue": ("jobs_running_idx", lambda c: executions.rescue(c, dead_workers=["w1"], max_deaths=3)),
    "progress": ("jobs_pkey", lambda c: executions.report_progress(c, RUNNING, 1, {})),
    "take_back": ("jobs_pkey", lambda c: dispatch.take_back(c, [(id_, 1) for id_ in MANY])),
    "take_back one": ("jobs_pkey", lambda c: dispatch.take_back(c, [(QUEUED, 1)])),
    "take_back_queue": ("jobs_queued_idx", lambda c: run(c, "queue/take_back_queue", {"name": "default"})),
    "dispatch limited": ("jobs_queued_idx", dispatch_limited),
    "cancel": ("jobs_pkey", lambda c: jobs.cancel(c, PENDING)),
    "requeue": ("jobs_pkey", lambda c: dead_letters.requeue(c, FAILED)),
    "submit": ("jobs_idempotency_idx", keyed_again),
    "find_by_moment": ("jobs_schedule_idx", submit_again),
    "missing_jobs": ("jobs_pkey", lambda c: run(c, "queue/missing_jobs", {"ids": MANY}).all()),
    "get": ("jobs_pkey", lambda c: jobs.get(c, QUEUED)),
    "history": ("job_executions_pkey", lambda c: executions.of_job(c, FAILED)),
}


@pytest.mark.parametrize("name", HOT)
@pytest.mark.parametrize("statistics", ["filled", "outdated"])
def test_a_hot_statement_uses_its_index_and_reads_no_table_of_jobs_from_end_to_end(
    name, statistics, request, environment
):
    index, work = HOT[name]
    plan = plan_of(request.getfixturevalue(statistics), work)
    assert index in plan.indexes
    assert plan.scanned & TABLES == set()
    assert not any("archive" in name for name in plan.indexes | plan.scanned)
    if index == "jobs_pkey":
        # The trap: a partial index that the planner takes for nearly empty, walked for every job.
        assert (
            plan.indexes & {"jobs_queued_idx", "jobs_running_idx", "jobs_retryable_idx", "jobs_settled_status_idx"}
            == set()
        )


@pytest.mark.parametrize("statistics", ["filled", "outdated"])
def test_the_look_of_a_dispatcher_reads_only_the_small_indexes_of_what_it_looks_for(statistics, request, environment):
    small = {f"jobs_{name}_idx" for name in ("due", "ready", "queued", "running", "gated", "expiring")}
    plan = Plan()
    with request.getfixturevalue(statistics).transaction() as connection:
        # With a job that is ready or due, it would not look for those that wait for limits.
        rows(connection, "UPDATE jobs SET cancel_requested_at = now() WHERE status = 'pending' AND ready")
        rows(connection, "UPDATE jobs SET scheduled_at = now() + interval '1 h' WHERE status = 'pending' AND NOT ready")
        with counted(connection.connection.cursor(), plan):
            look(connection)
        connection.rollback()
    assert {index for index in plan.indexes if index.startswith("jobs_")} == small
    assert "jobs" not in plan.scanned


# --- every index --------------------------------------------------------------------------------

FIRST_OF_THE_ARCHIVE = {"job_type": "type7", "days": 0, "dlq_days": 30, "rows": 100}
FIRST_OF_THE_ARCHIVE |= {"before": datetime(9999, 1, 1, tzinfo=UTC), "before_id": UUID(int=2**128 - 1)}
OTHERS: dict[str, Work] = {
    "dead_letter_jobs_created_idx": lambda c: run(c, "archive/move_dead_letters", {"days": 30, "rows": 100}),
    "jobs_finished_idx": lambda c: run(c, "archive/move_jobs", FIRST_OF_THE_ARCHIVE),
    "jobs_settled_created_idx": lambda c: listing.page(c, Filter()),
    "jobs_settled_updated_idx": lambda c: listing.page(c, Filter(), sort="updated_at"),
    "jobs_settled_priority_idx": lambda c: listing.page(c, Filter(), sort="priority"),
    "jobs_settled_status_idx": lambda c: listing.page(c, Filter(status=("failed",))),
    "jobs_settled_type_idx": lambda c: listing.page(c, Filter(job_type="nobody")),
    "jobs_settled_queue_idx": lambda c: listing.page(c, Filter(queue_name="nobody")),
    "jobs_settled_created_by_idx": lambda c: listing.page(c, Filter(created_by="user7")),
    "jobs_settled_metadata_idx": lambda c: listing.page(c, Filter(metadata={"order": 77})),
    "job_executions_finished_idx": overview.activity,
    "dead_letter_jobs_open_idx": lambda c: dead_letters.discard(c, FAILED),
    "dead_letter_jobs_job_idx": lambda c: dead_letters.of_job(c, FAILED),
    "dead_letter_jobs_fingerprint_idx": lambda c: dead_letter_lists.job_ids(c, DeadLetterFilter(fingerprint="x"), 100),
    "dead_letter_jobs_pkey": lambda c: dead_letter_lists.get(c, 77),
    "job_schedules_due_idx": lambda c: run(c, "schedules/due", {"now": NOW, "failed": []}),
    "job_schedules_name_key": schedule_of,
    "job_schedules_pkey": lambda c: repository.get(c, UUID(int=77)),
    "job_schedule_runs_pkey": lambda c: schedule_history.page(c, UUID(int=77), limit=10),
    "job_schedule_runs_open_idx": lambda c: run(c, "schedules/live", {"id": UUID(int=77)}),
    "job_schedule_runs_created_idx": lambda c: schedule_history.forget(c, 90),
    "job_logs_pkey": lambda c: job_logs.page(c, UUID(int=77)),
    "workers_seen_idx": lambda c: workers.mark_silent(c, 10_000_000_000),
    "workers_pkey": lambda c: workers.beat(c, "w1"),
    "job_types_pkey": lambda c: job_types.get(c, "note"),
    "job_limit_states_pkey": admit,
    "job_limit_buckets_pkey": admit,
    "job_limit_buckets_refilled_idx": limits.forget,
    "jobs_workflow_idx": lambda c: workflows.retry_portion(c, WORKFLOW),
    "workflows_pkey": lambda c: workflows.get(c, WORKFLOW),
    "workflows_unique_idx": lambda c: workflows.create(c, NewWorkflow(name="import", unique_key="key5")),
    "workflows_created_idx": lambda c: workflows.page(c),
    "workflows_unfinished_idx": lambda c: run(c, "queue/overdue_workflows"),
    "workflows_finished_idx": lambda c: workflows.forget(c, 100),
    "workflow_changes_pkey": workflows.settle,
    "jobs_step_idx": lambda c: run(c, "queue/step", {"workflow_id": WORKFLOW, "name": "step"}),
    "workflow_holds_pkey": decide,
    "workflow_holds_due_idx": graphs.release_holds,
    "job_queues_pkey": lambda c: dispatch.dispatch(c, {Lane("lane", ("default",), TYPES): 1}),
    "job_counters_pkey": record,
    "job_counter_marks_pkey": lambda c: history.record(c, 1_000),
    "job_statistics_pkey": lambda c: history.read(c, history.PERIODS["24h"]),
    "job_api_keys_pkey": lambda c: run(c, "admin/find_api_key", {"id": "key7"}),
    "job_bulk_changes_pkey": lambda c: bulk_changes.get(c, 77),
    "job_bulk_changes_open_idx": lambda c: run(c, "admin/take_bulk_change", {"id": None}),
    "job_dashboard_views_pkey": lambda c: views.of(c, "user7"),
    "job_dashboard_sessions_pkey": lambda c: sessions.holder(c, "7"),
    "job_dashboard_sessions_key_idx": lambda c: sessions.end_all(c, "key7"),
    "job_api_requests_pkey": lambda c: run(c, "admin/find_request_key", {"actor": "me", "key": "key7"}),
    "job_api_requests_expires_idx": lambda c: run(c, "admin/forget_request_keys"),
    "job_audit_log_subject_idx": lambda c: audit_list.entries(c, EntryFilter(subject_type="job", subject_id="77")),
    "job_audit_log_actor_idx": lambda c: audit_list.entries(c, EntryFilter(actor="user7")),
    "job_audit_log_pkey": lambda c: audit_list.entries(c, EntryFilter()),
}
OF_THE_ARCHIVE: dict[str, Work] = {
    "job_archive_created_idx": lambda c: archived.page(c, Filter()),
    "job_archive_type_idx": lambda c: archived.page(c, Filter(job_type="type7")),
    "job_archive_metadata_idx": lambda c: archived.page(c, Filter(metadata={"order": 77})),
    "job_archive_pkey": lambda c: archived.of_job(c, UUID(int=77)),
    "job_dead_letter_archive_pkey": lambda c: dead_letter_lists.get(c, 1_000_077),
    "job_dead_letter_archive_job_idx": lambda c: rows(
        c, "DELETE FROM job_dead_letter_archive WHERE job_id = :id", id=FAILED
    ),
    "job_audit_archive_pkey": lambda c: audit_list.entries(c, EntryFilter(archived=True)),
    "job_audit_archive_subject_idx": lambda c: audit_list.entries(
        c, EntryFilter(subject_type="job", subject_id="77", archived=True)
    ),
}
IN_FUNCTIONS = {"jobs_retryable_idx", "job_dependencies_waiting_idx", "job_dependencies_pkey"}
"""Tried by tests of their own, below."""
NOT_READ = {
    "job_background_tasks_pkey": "a primary key: keeps names unique",
    "job_migrations_pkey": "a primary key: keeps versions unique",
}


@pytest.mark.parametrize("index", OTHERS)
def test_an_index_is_used_by_the_statement_it_is_there_for(index, filled, environment):
    assert index in plan_of(filled, OTHERS[index]).indexes


@pytest.mark.parametrize("index", OF_THE_ARCHIVE)
def test_the_months_of_the_archive_are_read_by_their_indexes(index, filled, environment):
    sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:index AS regclass)"
    parts = {name for (name,) in rows(filled, sql, index=index)}
    plan = plan_of(filled, OF_THE_ARCHIVE[index])
    assert parts & plan.indexes
    empty = {name for (name,) in rows(filled, "SELECT relname FROM pg_class WHERE relispartition AND reltuples <= 0")}
    assert not {table for table in plan.scanned if "archive" in table} - empty


@pytest.mark.parametrize("statistics", ["filled", "outdated"])
def test_candidates_of_the_archive_come_from_their_index(statistics, request, environment):
    database = request.getfixturevalue(statistics)
    plan = plan_of(database, lambda c: run(c, "archive/move_jobs", FIRST_OF_THE_ARCHIVE))
    assert {"jobs_finished_idx", "jobs_pkey", "job_executions_pkey"} <= plan.indexes
    assert plan.scanned & {*TABLES, "jobs"} == set()
    assert plan_of(database, moving.ended_types).indexes == {"jobs_finished_idx"}


def test_a_function_has_one_plan_for_all_values_and_sees_its_own_schema_alone(filled):
    """A plan for the first values would be kept, or a new one made at each call."""
    sql = "SELECT proconfig FROM pg_proc WHERE proname = ANY(:names) AND pronamespace = 'public'::regnamespace"
    found = [set(config) for (config,) in rows(filled, sql, names=[function.name for function in migrate.functions()])]
    assert len(found) == len(migrate.functions())
    assert all({"plan_cache_mode=force_generic_plan", "search_path=public, pg_temp"} <= config for config in found)


def test_no_function_that_forbids_a_kind_of_plan_is_compiled(filled):
    """What is forbidden and used all the same looks endlessly expensive: compiling it would take seconds."""
    sql = "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proconfig IS NOT NULL"
    forbidding = {
        name: set(config) for name, config in rows(filled, sql) if any("enable_" in entry for entry in config)
    }
    assert len(forbidding) >= 7
    assert [name for name, config in forbidding.items() if "jit=off" not in config] == []


def test_a_look_at_what_is_due_is_not_compiled(filled):
    with filled.connection() as connection:
        raw = connection.connection.dbapi_connection
        raw.autocommit = False
        due.look(connection, "nobody", this_host(), silence_ms=1, age_ms=1)
        with raw.cursor() as cursor:
            cursor.execute("SHOW jit")
            assert cursor.fetchone() == ("off",)
        raw.rollback()
        raw.autocommit = True


def test_no_index_is_left_out_of_these_tests(filled):
    sql = (
        "SELECT relname FROM pg_class WHERE relkind IN ('i', 'I') AND relnamespace = 'public'::regnamespace"
        " AND NOT relispartition"
    )
    there = {name for (name,) in rows(filled, sql)}
    tried = {index for index, _ in HOT.values()} | set(OTHERS) | set(OF_THE_ARCHIVE) | IN_FUNCTIONS
    assert there == tried | set(NOT_READ)
    assert len(tried) >= 15


def body(database: Database, function: str) -> tuple[str, str]:
    """The settings that a function brings, as statements, and its text."""
    sql = "SELECT coalesce(proconfig, '{}'), prosrc FROM pg_proc WHERE proname = :name"
    ((settings, source),) = rows(database, sql, name=function)
    return "".join(f"SET LOCAL {entry};" for entry in settings), source


@pytest.mark.parametrize("statistics", ["filled", "outdated"])
def test_get_ready_jobs_walks_the_ready_index(statistics, request):
    database = request.getfixturevalue(statistics)
    settings, select = body(database, "get_ready_jobs")
    plan = plan_of_sql(database, settings + select.replace("limit_count", "100"))
    assert {"jobs_ready_idx", "jobs_due_idx"} <= plan.indexes
    assert plan.scanned == set()


def test_get_ready_jobs_touches_no_more_pages_when_the_backlog_is_long(outdated):
    sql = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM get_ready_jobs(50)"
    (plan,) = value(outdated, sql)
    # The first 50 of each of 20 job types are candidates: two pages each at most, the row's and the index's, and as many again
    # for what other tests took and gave back. From end to end the table has 14,000.
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 20 * 50 * 4
    assert plan["Plan"]["Actual Rows"] == 50


def test_retry_failed_jobs_walks_the_failed_jobs_alone(filled):
    settings, source = body(filled, "retry_failed_jobs")
    update = source.split("BEGIN")[1].split(";")[0].replace("retry_delay_ms", "1000")
    plan = plan_of_sql(filled, settings + update)
    assert "jobs_retryable_idx" in plan.indexes
    assert plan.scanned & {"jobs"} == set()


@pytest.mark.parametrize("statistics", ["filled", "outdated"])
def test_releasing_dependents_finds_them_by_index(statistics, request):
    """What triggers do is in no plan: seen by what they scanned."""
    plan = Plan()
    with request.getfixturevalue(statistics).transaction() as connection:
        with counted(connection.connection.cursor(), plan):
            rows(connection, "UPDATE jobs SET status = 'failed' WHERE id = :id", id=RUNNING)
            rows(connection, "UPDATE jobs SET status = 'completed' WHERE id = :id", id=UUID(int=25_500))
        connection.rollback()
    assert {"job_dependencies_waiting_idx", "jobs_pkey"} <= plan.indexes
    assert plan.indexes & {"jobs_settled_status_idx", "jobs_settled_priority_idx", "jobs_settled_updated_idx"} == set()
    assert plan.scanned & TABLES == set()


def test_deleting_a_job_finds_the_rows_that_refer_to_it_by_index(filled):
    plan = Plan()
    with filled.transaction() as connection:
        with counted(connection.connection.cursor(), plan):
            rows(connection, "DELETE FROM jobs WHERE id = :id", id=UUID(int=27_000))
            rows(connection, "DELETE FROM job_schedules WHERE id = :id", id=UUID(int=8))
        connection.rollback()
    assert {"job_dependencies_pkey", "job_dependencies_waiting_idx", "job_executions_pkey"} <= plan.indexes
    assert {"dead_letter_jobs_job_idx", "jobs_schedule_idx"} <= plan.indexes
    assert plan.scanned & TABLES == set()


def test_a_renewal_and_a_progress_report_touch_no_index(filled):
    """HOT updates: a column named in any index, or in the predicate of one, would make them write to all of them."""
    indexed = (
        "SELECT DISTINCT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " WHERE i.indrelid = 'jobs'::regclass AND (a.attnum = ANY(i.indkey) OR"
        " position('\\:varattno ' || a.attnum || ' ' IN i.indpred::text) > 0)"
    )
    names = {name for (name,) in rows(filled, indexed)}
    assert {"status", "ready", "priority", "scheduled_at"} <= names
    assert names & {"lease_expires_at", "progress"} == set()


def test_answers_that_are_kept_are_found_by_index(filled):
    work: Work = lambda c: request_keys.once(  # noqa: E731
        c, actor="me", key="key2000", request=b"x", work=dict
    )
    with pytest.raises(request_keys.RequestKeyReused):
        plan_of(filled, work)


def test_a_key_is_found_by_its_public_half(filled):
    with filled.connection() as connection:
        assert api_keys.ROLES
        assert run(connection, "admin/find_api_key", {"id": str(uuid4())[:16]}).all() == []


def test_the_databases_of_these_tests_have_what_they_say(filled, outdated):
    for database in (filled, outdated):
        assert value(database, "SELECT count(*) FROM jobs") >= 40_000
        assert make_url(str(database.engine.url)).database
        assert value(database, "SELECT max(created_at) - min(created_at) FROM jobs") > timedelta(hours=11)
        states_there = {name for (name,) in rows(database, "SELECT DISTINCT status::text FROM jobs")}
        assert states_there == {"pending", "queued", "running", "failed", "cancelled", "completed"}
    assert NOTE.name == "note"
