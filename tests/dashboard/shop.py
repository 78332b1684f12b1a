"""A shop, for the pictures of docs/dashboard.md: orders, e-mails, invoices, thumbnails; a bug, and a partner that is away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aeon_jobs.api.contract import JobFilter
from aeon_jobs.api.service import Jobs
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue.states import Failure, Verdict, completed, failed
from tests.dashboard.samples import HISTORY
from tests.rows import add_job, end_all, register, rows, start

SHOP = (
    (
        "order_confirmation",
        "mail",
        "Tells a customer that the order is here.",
        {"order": 1042, "to": "ann@example.com"},
    ),
    (
        "send_invoice",
        "billing",
        "Makes the invoice of an order as PDF, and sends it.",
        {"order": 1042, "language": "en"},
    ),
    (
        "make_thumbnail",
        "images",
        "Makes the small pictures of a product.",
        {"product": "sku-7781", "sizes": [120, 480]},
    ),
    ("sync_stock", "partners", "Gets the stock of a partner's warehouse.", {"warehouse": "hamburg"}),
    ("nightly_report", "default", "Turnover of the day, by country.", {"day": "2026-11-25"}),
)
WORKERS = """
    INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, queues, job_types,
        threads, busy, last_seen_at)
    SELECT id, kind, host, 'b', 'n', 1, 0, '0.1.0',
        CASE kind WHEN 'worker' THEN ARRAY['default', 'mail', 'billing', 'images', 'partners'] ELSE '{}' END,
        CASE kind WHEN 'worker' THEN (SELECT array_agg(name) FROM job_types) ELSE '{}' END,
        threads, busy, now()
    FROM (VALUES ('worker-1', 'worker', 'jobs-1', 8, 3), ('worker-2', 'worker', 'jobs-2', 8, 2),
        ('dispatcher-1', 'dispatcher', 'jobs-1', 0, 0), ('scheduler-1', 'scheduler', 'jobs-1', 0, 0)
    ) AS w (id, kind, host, threads, busy)
"""
AGES = """
    UPDATE jobs SET created_at = created_at - age, updated_at = updated_at - age, completed_at = completed_at - age,
        started_at = started_at - age
    FROM (SELECT id, (row_number() OVER (ORDER BY id DESC) * 47) % 2400 * interval '1 s' AS age FROM jobs) a
    WHERE a.id = jobs.id AND status IN ('completed', 'failed');
    UPDATE dead_letter_jobs SET created_at = created_at - ((SELECT max(id) FROM dead_letter_jobs) - id) * interval '7 h';
    UPDATE job_executions SET started_at = started_at - interval '4 min', finished_at = finished_at - interval '4 min'
        + (id * 37) % 3000 * interval '1 ms'
"""
WAITING = "UPDATE jobs SET created_at = created_at - interval '41 min' WHERE status = 'pending'"
BUG = (
    'Traceback (most recent call last):\n  File "/app/shop/billing.py", line 48, in send_invoice\n'
    "    rate = RATES[order.country]\n"
    "           ~~~~~^^^^^^^^^^^^^^^\nKeyError: 'CH'\n"
)
AWAY = (
    'Traceback (most recent call last):\n  File "/app/shop/stock.py", line 21, in sync_stock\n'
    "    answer = client.get(url, timeout=10)\n"
    "httpx.ConnectTimeout: timed out\n"
)


@dataclass(frozen=True)
class Shown:
    """What the pictures show, beside the lists."""

    job: UUID
    dead_letter: int
    fingerprint: str
    schedule: UUID
    workflow: UUID
    bulk_change: int


def fill(database: Database, jobs: Jobs) -> Shown:
    for name, queue, description, example in SHOP:
        register(database, _type(name, queue, description, example))
    rows(database, WORKERS)
    rows(database, HISTORY)
    _run(database, "order_confirmation", 14, completed({"message_id": "<1042@shop.example>"}))
    _run(database, "make_thumbnail", 9, completed({"pictures": 2}))
    _run(database, "nightly_report", 1, completed({"turnover": 48211.5}))
    _run(database, "send_invoice", 7, _failure("send_invoice", "KeyError", "'CH'", BUG, "exhausted"))
    _run(database, "sync_stock", 4, _failure("sync_stock", "ConnectTimeout", "timed out", AWAY, "exhausted"))
    _run(
        database,
        "order_confirmation",
        2,
        _failure("order_confirmation", "SMTPRecipientsRefused", "550 no such user", BUG, "permanent"),
    )
    rows(database, AGES)
    _start(database)
    for number in range(6):
        jobs.submit("sync_stock", {"warehouse": f"w{number}"}, metadata={"partner": "nordlicht"})
    jobs.submit("send_invoice", {"order": 1051, "language": "de"}, metadata={"customer": "4711"}, priority=80)
    jobs.pause_queue("partners", reason="the partner's API is down until 17:00")
    for number in range(120):
        jobs.submit("make_thumbnail", {"product": f"sku-{number}"}, metadata={"campaign": "winter"})
    changed = jobs.start_bulk_change(
        "change", JobFilter(metadata={"campaign": "winter"}), priority=20, reason="orders first"
    )
    schedule = jobs.create_schedule(
        {"name": "turnover of the day", "job_type": "nightly_report", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    )
    jobs.create_schedule(
        {"name": "stock of Hamburg", "job_type": "sync_stock", "cron": "every 15m", "payload": {"warehouse": "hamburg"}}
    )
    jobs.create_workflow({"name": "newsletter of November", "jobs": [{"job_type": "order_confirmation"}] * 40})
    workflow = jobs.create_workflow({"name": "order 1042", "steps": STEPS})
    rows(database, WAITING)
    waiting = rows(
        database, "SELECT id FROM jobs WHERE job_type = 'sync_stock' AND status = 'pending' ORDER BY id LIMIT 1"
    )[0].id
    (dead,) = rows(
        database, "SELECT id, fingerprint FROM dead_letter_jobs WHERE error_type = 'KeyError' ORDER BY id DESC LIMIT 1"
    )
    return Shown(waiting, dead.id, dead.fingerprint, schedule.id, workflow.id, changed.id)


STEPS: list[dict[str, Any]] = [
    {"name": "reserve the goods", "job_type": "sync_stock"},
    {"name": "check the customer", "job_type": "nightly_report"},
    {"name": "approve", "wait": "signal", "deps": ["check the customer"]},
    {"name": "invoice", "job_type": "send_invoice", "deps": ["reserve the goods", "approve"]},
    {"name": "tell the customer", "job_type": "order_confirmation", "deps": ["invoice"]},
    {"name": "ship", "job_type": "sync_stock", "deps": ["invoice"]},
]


def keep_alive(database: Database) -> None:
    """As the processes themselves would."""
    rows(database, "UPDATE workers SET last_seen_at = now()")


def _type(name: str, queue: str, description: str, example: dict[str, Any]) -> JobType:
    kinds = {int: "integer", str: "string", list: "array"}
    schema = {
        "type": "object",
        "properties": {key: {"type": kinds[type(value)]} for key, value in example.items()},
        "additionalProperties": True,
    }
    return JobType(
        name=name,
        queue_name=queue,
        description=description,
        payload_schema=schema,
        example=example,
        priority=50,
        max_retries=3,
        timeout_ms=60_000,
    )


def _run(database: Database, job_type: str, count: int, verdict: Verdict) -> None:
    _, queue, _, example = next(entry for entry in SHOP if entry[0] == job_type)
    payloads = [{**example, **({"order": 1_020 + n} if "order" in example else {})} for n in range(count)]
    ids = [add_job(database, job_type=job_type, queue_name=queue, payload=json.dumps(payload)) for payload in payloads]
    end_all(database, [(claimed, verdict) for claimed in start(database, *ids, worker_id="worker-1")])


def _start(database: Database) -> None:
    """Jobs that run now, one with progress."""
    for number, name in enumerate(
        ("make_thumbnail", "make_thumbnail", "order_confirmation", "nightly_report", "send_invoice")
    ):
        _, queue, _, example = next(entry for entry in SHOP if entry[0] == name)
        job_id = add_job(database, job_type=name, queue_name=queue, payload=json.dumps(example))
        start(database, job_id, worker_id=f"worker-{1 + number % 2}", lease_ms=3_600_000)
    told = '{"fraction": 0.62, "message": "18 of 29 countries"}'
    rows(database, f"UPDATE jobs SET progress = '{told}' WHERE status = 'running' AND job_type = 'nightly_report'")


def _failure(job_type: str, kind: str, message: str, traceback: str, hopeless: str) -> Verdict:
    failure = Failure.of(kind, message, traceback, job_type=job_type, place=f"shop:{kind}")
    if hopeless == "permanent":
        return failed(failure, retries_left=0, delay_ms=0, hopeless="permanent")
    return failed(failure, retries_left=0, delay_ms=0)
