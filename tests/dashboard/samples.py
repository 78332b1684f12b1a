"""What the dashboard shows in the tests: jobs in every state, dead letters of two causes, a schedule, a batch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aeon_jobs.api.contract import JobFilter, NewJob
from aeon_jobs.api.service import Jobs
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue.states import Failure, Verdict, completed, failed
from tests.rows import add_job, end, end_all, register, rows, start

INVOICE = JobType(
    name="send_invoice",
    queue_name="billing",
    description="Makes an invoice, and sends it.",
    payload_schema={
        "type": "object",
        "properties": {
            "order": {"type": "integer", "minimum": 1, "description": "Number of the order."},
            "to": {"type": "string", "description": "Address of the customer."},
            "language": {"enum": ["en", "de"]},
            "copy": {"type": "boolean"},
            "lines": {"type": "array"},
        },
        "required": ["order", "to"],
        "additionalProperties": False,
    },
    example={"order": 1042, "to": "ann@example.com", "language": "en"},
    priority=50,
    max_retries=3,
    timeout_ms=60_000,
)
IMPORT = JobType(
    name="import_file",
    queue_name="default",
    description="Reads a file of a partner.",
    payload_schema={"type": "object"},
    example={"file": "orders.csv"},
    priority=50,
    max_retries=3,
    timeout_ms=600_000,
)
HOSTILE = '</pre></script><script>document.title="owned"</script><img src=x onerror=alert(1)>\u202egnp.exe 🦊 & "\''
LARGE = 12345678901234567890123
PAUSED_NOTE = "the mail provider is down"


@dataclass(frozen=True)
class Samples:
    waiting: UUID
    running: UUID
    completed: UUID
    failed: UUID
    dependent: UUID
    dead_letter: int
    fingerprint: str
    schedule: UUID
    workflow: UUID
    bulk_change: int


STEPS = [
    {"name": "reserve", "job_type": "import_file"},
    {"name": "check the customer", "job_type": "import_file"},
    {"name": "approve", "wait": "signal", "deps": ["check the customer"]},
    {"name": "invoice", "job_type": "import_file", "deps": ["reserve", "approve"]},
    {"name": "tell the customer", "job_type": "import_file", "deps": ["invoice"]},
    {"name": "ship", "job_type": "import_file", "deps": ["invoice"]},
]
HISTORY = """
    INSERT INTO job_statistics (span_s, kind, begins_at, name, submitted, completed, retried, failed, runs, waits, ready,
        slots, busy)
    SELECT 60, 'all', at, '', 260 + 60 * sin(n / 7.0), 250 + 60 * sin((n + 2) / 7.0), 3 + 2 * sin(n / 3.0),
        CASE WHEN n BETWEEN 20 AND 26 THEN 14 ELSE 0.4 END, ARRAY[40, 120, 60, 20, 5, 2, 0, 0, 0],
        ARRAY[180, 40, 12, 6, 2, 0, 0, 0],
        40 + 30 * sin(n / 7.0), 16, 9 + 5 * sin(n / 7.0)
    FROM (SELECT n, date_trunc('minute', now()) - n * interval '1 min' AS at FROM generate_series(1, 70) n) AS minutes;
    INSERT INTO job_statistics (span_s, kind, begins_at, name, ready)
    SELECT 60, 'queue', date_trunc('minute', now()) - n * interval '1 min', name, most * (1 + sin(n / shift))
    FROM generate_series(1, 70) n, (VALUES ('default', 30, 7.0), ('billing', 12, 11.0)) AS queue (name, most, shift)
"""
"""An hour, with a few minutes in which much failed."""


def fill(database: Database, jobs: Jobs) -> Samples:
    register(database, INVOICE, IMPORT)
    _worker(database)
    rows(database, HISTORY)
    done = _run(
        database, completed({"invoice": "2026-1042", "amount": LARGE}), "send_invoice", {"order": 1, "to": "a@b.c"}
    )
    for number in range(12):
        _run(database, completed({"rows": number}), "import_file", {"file": f"orders-{number}.csv"})
    broken = _run(
        database, _failure("ConnectionError", "the mail provider answers 503"), "send_invoice", {"order": 2, "to": "x"}
    )
    running = start(database, add_job(database, job_type="import_file", payload="{}"))[0].id
    rows(
        database,
        'UPDATE jobs SET progress = \'{"fraction": 0.4, "message": "400 of 1,000 rows"}\' WHERE id = :id',
        id=running,
    )
    waiting = jobs.submit("send_invoice", {"order": 3, "to": "ann@example.com"}, metadata={"customer": "ann"}).job_id
    jobs.pause_queue("billing", reason=PAUSED_NOTE)
    dependent = jobs.submit("import_file", {}, depends_on=[waiting]).job_id
    schedule = jobs.create_schedule({"name": "nightly import", "job_type": "import_file", "cron": "0 3 * * *"})
    jobs.create_workflow({"name": "orders of today", "jobs": [{"job_type": "import_file"}] * 3})
    workflow = jobs.create_workflow({"name": "order 1042", "steps": STEPS})
    submit_some(jobs, 40, metadata={"campaign": "spring"})
    bulk_change = jobs.start_bulk_change(
        "change", JobFilter(metadata={"campaign": "spring"}), priority=20, reason="not urgent"
    )
    (found,) = rows(database, "SELECT id, fingerprint FROM dead_letter_jobs WHERE job_id = :id", id=broken)
    return Samples(
        waiting, running, done, broken, dependent, found.id, found.fingerprint, schedule.id, workflow.id, bulk_change.id
    )


def add_hostile(database: Database) -> UUID:
    """A dead letter full of what would hurt a page that is not careful, with lines of a megabyte."""
    hostile = _run(
        database,
        _failure("Ünïcode", HOSTILE),
        HOSTILE[:100],
        {"text": HOSTILE, HOSTILE: LARGE, "line": "x" * 1_000_000},
    )
    rows(
        database,
        "INSERT INTO job_logs VALUES (:id, 1, 1, now(), 'info', :text), (:id, 1, 2, now(), 'error', :long)",
        id=hostile,
        text=HOSTILE,
        long="y" * 1_000_000,
    )
    return hostile


def fail_many(database: Database, count: int, message: str) -> list[UUID]:
    """Dead letters of one cause."""
    ids = [
        found.id
        for found in rows(
            database,
            "INSERT INTO jobs (job_type, queue_name, payload) SELECT 'import_file', 'default', jsonb_build_object('n', n)"
            " FROM generate_series(1, :count) n RETURNING id",
            count=count,
        )
    ]
    claimed = start(database, *ids)
    end_all(database, [(one, _failure("KeyError", message)) for one in claimed])
    return ids


def submit_some(jobs: Jobs, count: int, **fields: object) -> list[UUID]:
    later = datetime.now(UTC) + timedelta(days=1)
    new = [NewJob(job_type="import_file", scheduled_at=later, **fields) for _ in range(count)]  # type: ignore[arg-type]
    return [answer.job_id for answer in jobs.submit_many(new)]


def _run(database: Database, verdict: Verdict, job_type: str, payload: dict[str, object]) -> UUID:
    queue = "billing" if job_type == "send_invoice" else "default"
    job_id = add_job(database, job_type=job_type, queue_name=queue, payload=json.dumps(payload))
    (claimed,) = start(database, job_id)
    end(database, claimed, verdict)
    return claimed.id


def _failure(kind: str, message: str) -> Verdict:
    traceback = (
        f'Traceback (most recent call last):\n  File "shop.py", line 7, in run\n    send()\n{kind}: {message[:500]}'
    )
    failure = Failure.of(kind, message, traceback, job_type="import_file", place=f"shop:{message[:20]}")
    return failed(failure, retries_left=0, delay_ms=0, hopeless="permanent")


def _worker(database: Database) -> None:
    rows(
        database,
        "INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, queues, job_types,"
        " threads, busy, last_seen_at) VALUES ('worker-1', 'worker', 'host-1', 'b', 'n', 1, 0, '0.1.0',"
        " ARRAY['default', 'billing'], ARRAY['send_invoice', 'import_file'], 8, 1, now() + interval '1 day')",
    )
