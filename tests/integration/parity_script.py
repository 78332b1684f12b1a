"""The steps of test_parity: each verb of the API as a call and, where there is one, as a command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aeon_jobs.api.contract import (
    AuditFilter,
    DeadLetterFilter,
    JobFilter,
    JobsApi,
    JobTypeLimits,
    NewJob,
    Starts,
)

Memo = dict[str, Any]
MOMENT = datetime(2040, 1, 1, tzinfo=UTC)
PAST = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = {"text": "hi"}
FLOW = {
    "name": "import",
    "steps": [
        {"name": "ok", "wait": "signal", "wait_ms": 60_000},
        {"name": "a", "job_type": "echo", "payload": TEXT, "deps": ["ok"], "on_failure_of": {"ok": "run"}},
        {
            "name": "b",
            "job_type": "echo",
            "payload": TEXT,
            "deps": ["a"],
            "skip_if": [{"step": "a", "operator": "missing"}],
        },
    ],
}
OPEN = {"name": "import", "jobs": [{"job_type": "echo"}] * 2, "is_open": True}
CIRCLE = {"name": "import", "steps": [{"name": "a", "job_type": "echo", "payload": TEXT, "deps": ["a"]}]}
LIMITS = JobTypeLimits(
    running=3,
    running_per_key=2,
    starts=Starts(count=100, period_ms=60_000),
    starts_per_key=Starts(count=9, period_ms=1_000),
    key="payload.text",
    strategy="round_robin",
)


@dataclass(frozen=True)
class Step:
    verb: str
    call: Callable[[JobsApi, Memo], Any]
    command: Callable[[Memo], Sequence[object]] | None = None
    """Arguments of `aeon-jobs`; None while it has no such command."""
    note: str | None = None
    """Under which name the id in the answer is kept for later steps."""


def _first(events: Iterator[Any]) -> Any:
    return next(iter(events)).job


STEPS = [
    Step(
        "submit",
        lambda j, m: j.submit("echo", TEXT, priority=70, metadata={"tenant": "t1"}),
        lambda m: ["submit", "echo", '{"text": "hi"}', "--priority", 70, "--metadata", "tenant=t1"],
        "job",
    ),
    Step(
        "submit_new",
        lambda j, m: j.submit_new(NewJob(job_type="echo", scheduled_at=MOMENT)),
        lambda m: ["submit", "echo", "--at", MOMENT.isoformat()],
        "later",
    ),
    Step("submit_many", lambda j, m: j.submit_many([NewJob(job_type="echo", metadata={"n": n}) for n in (1, 2)])),
    Step("get", lambda j, m: j.get(m["job"]), lambda m: ["show", m["job"]]),
    Step("find", lambda j, m: j.find(str(m["job"])[:30])),
    Step(
        "page",
        lambda j, m: j.page(JobFilter(id_prefix=str(m["job"])[:30]), limit=50),
        lambda m: ["list", "--id", str(m["job"])[:30]],
    ),
    Step("page", lambda j, m: j.page(JobFilter(id_prefix="not hexadecimal"), limit=50)),  # refused
    Step(
        "page",
        lambda j, m: j.page(JobFilter(metadata={"tenant": "t1"}), limit=50),
        lambda m: ["list", "--metadata", "tenant=t1"],
    ),
    Step(
        "page",
        lambda j, m: j.page(JobFilter(payload={"text": "hi"}), limit=50),
        lambda m: ["list", "--payload", "text=hi"],
    ),
    Step(
        "page", lambda j, m: j.page(JobFilter(payload={"text": 7}), limit=50), lambda m: ["list", "--payload", "text=7"]
    ),
    Step("cancel_many", lambda j, m: j.cancel_many(JobFilter(payload={"text": "hi"}))),  # refused
    Step("list", lambda j, m: list(j.list(JobFilter(metadata={"tenant": "t1"})))),
    Step("log_page", lambda j, m: j.log_page(m["job"])),
    Step("logs", lambda j, m: list(j.logs(m["job"])), lambda m: ["logs", m["job"]]),
    Step("explain", lambda j, m: j.explain(m["job"]), lambda m: ["explain", m["job"]]),
    Step("change", lambda j, m: j.change(m["job"], priority=90), lambda m: ["change", m["job"], "--priority", 90]),
    Step(
        "change_many",
        lambda j, m: j.change_many([m["job"], m["later"]], priority=80, reason="first"),
        lambda m: ["change", m["job"], m["later"], "--priority", 80, "--reason", "first"],
    ),
    Step(
        "cancel", lambda j, m: j.cancel(m["job"], reason="wrong"), lambda m: ["cancel", m["job"], "--reason", "wrong"]
    ),
    Step("cancel", lambda j, m: j.cancel(m["job"]), lambda m: ["cancel", m["job"]]),  # refused: it is over
    Step("retry", lambda j, m: j.retry(m["job"]), lambda m: ["retry", m["job"]]),
    Step(
        "cancel_many",
        lambda j, m: j.cancel_many([m["job"], m["later"]], dry_run=True),
        lambda m: ["cancel", m["job"], m["later"], "--dry-run"],
    ),
    Step(
        "cancel_many",
        lambda j, m: j.cancel_many([m["job"], m["later"]]),
        lambda m: ["cancel", m["job"], m["later"], "--yes"],
    ),
    Step("requeue", lambda j, m: j.requeue(m["job"])),
    Step(
        "retry_many",
        lambda j, m: j.retry_many([m["job"], m["later"]]),
        lambda m: ["retry", m["job"], m["later"], "--yes"],
    ),
    Step(
        "cancel_many",
        lambda j, m: j.cancel_many(JobFilter(job_type="echo", status=("pending",))),
        lambda m: ["cancel", "--type", "echo", "--status", "pending", "--yes"],
    ),
    Step("wait", lambda j, m: j.wait(m["job"], timeout_s=5)),
    Step("events", lambda j, m: _first(j.events(m["job"]))),
    Step(
        "all_events",
        lambda j, m: _first(j.all_events(JobFilter(metadata={"tenant": "t1"}), last_event_id=f"0-{UUID(int=0)}")),
    ),
    Step("get", lambda j, m: j.get(UUID(int=7)), lambda m: ["show", UUID(int=7)]),  # refused
    Step(
        "submit",
        lambda j, m: j.submit("echo", {"text": 5}, priority=101),
        lambda m: ["submit", "echo", '{"text": 5}', "--priority", 101],
    ),  # refused
    Step(
        "submit",
        lambda j, m: j.submit("echo", queue_name="defualt"),
        lambda m: ["submit", "echo", "--queue", "defualt"],
    ),  # refused
    Step(
        "dead_letter_page",
        lambda j, m: j.dead_letter_page(DeadLetterFilter(job_type="echo"), limit=50),
        lambda m: ["dlq", "list", "--type", "echo"],
        "dead_letters",
    ),
    Step("dead_letters", lambda j, m: list(j.dead_letters(DeadLetterFilter(job_type="echo")))),
    Step("failure_groups", lambda j, m: j.failure_groups("24h"), lambda m: ["dlq", "groups", "--period", "24h"]),
    Step(
        "dead_letter", lambda j, m: j.dead_letter(m["dead_letters"][0]), lambda m: ["dlq", "show", m["dead_letters"][0]]
    ),
    Step(
        "requeue_dead_letter",
        lambda j, m: j.requeue_dead_letter(m["dead_letters"][0], payload={"text": "better"}, reason="mended"),
        lambda m: ["dlq", "edit", m["dead_letters"][0], "--payload", '{"text": "better"}', "--reason", "mended"],
    ),
    Step("discard_dead_letter", lambda j, m: j.discard_dead_letter(m["dead_letters"][1])),
    Step(
        "discard_dead_letters",
        lambda j, m: j.discard_dead_letters(DeadLetterFilter(), dry_run=True),
        lambda m: ["dlq", "discard", "--all", "--dry-run"],
    ),
    Step(
        "requeue_dead_letters",
        lambda j, m: j.requeue_dead_letters(DeadLetterFilter()),
        lambda m: ["dlq", "requeue", "--all", "--yes"],
    ),
    Step(
        "discard_dead_letters",
        lambda j, m: j.discard_dead_letters(DeadLetterFilter()),
        lambda m: ["dlq", "discard", "--all", "--yes"],
    ),
    Step(
        "preview_schedule",
        lambda j, m: j.preview_schedule(
            {"name": "new", "job_type": "echo", "cron": "0 2,3 * * *\nevery 1h", "timezone": "Europe/Berlin"}, 3
        ),
        lambda m: [
            *("schedules", "preview", "echo", "0 2,3 * * *", "every 1h", "--timezone", "Europe/Berlin", "--count", 3)
        ],
    ),
    Step(
        "preview_schedule",
        lambda j, m: j.preview_schedule({"name": "new", "job_type": "echo", "cron": "*/90 * * * *"}),
        lambda m: ["schedules", "preview", "echo", "*/90 * * * *"],
    ),  # refused: it would run once an hour
    Step(
        "count_bulk_change",
        lambda j, m: j.count_bulk_change("cancel", JobFilter(job_type="echo", status=("pending",))),
        lambda m: ["cancel", "--type", "echo", "--status", "pending", "--background", "--dry-run"],
    ),
    Step(
        "start_bulk_change",
        lambda j, m: j.start_bulk_change("cancel", JobFilter(job_type="echo", status=("pending",)), reason="wrong"),
        lambda m: ["cancel", "--type", "echo", "--status", "pending", "--background", "--yes", "--reason", "wrong"],
        "bulk_change",
    ),
    Step(
        "start_bulk_change",
        lambda j, m: j.start_bulk_change("requeue", DeadLetterFilter(), per_second=5),
        lambda m: ["dlq", "requeue", "--all", "--background", "--yes", "--per-second", 5],
    ),
    Step("start_bulk_change", lambda j, m: j.start_bulk_change("retry", JobFilter())),  # refused: everything
    Step("bulk_changes", lambda j, m: j.bulk_changes(), lambda m: ["bulk", "list"]),
    Step("bulk_change", lambda j, m: j.bulk_change(m["bulk_change"]), lambda m: ["bulk", "show", m["bulk_change"]]),
    Step(
        "stop_bulk_change",
        lambda j, m: j.stop_bulk_change(m["bulk_change"]),
        lambda m: ["bulk", "stop", m["bulk_change"]],
    ),
    Step("bulk_change", lambda j, m: j.bulk_change(2**40), lambda m: ["bulk", "show", 2**40]),  # refused
    Step(
        "create_schedule",
        lambda j, m: j.create_schedule({"name": "nightly", "job_type": "echo", "cron": "0 3 * * *"}),
        lambda m: ["schedules", "create", "nightly", "echo", "0 3 * * *"],
        "schedule",
    ),
    Step(
        "create_schedule",
        lambda j, m: j.create_schedule({"name": "nightly", "job_type": "echo", "cron": "0 3 * * *"}),
        lambda m: ["schedules", "create", "nightly", "echo", "0 3 * * *"],
    ),  # refused: the name is taken
    Step("schedules", lambda j, m: j.schedules(), lambda m: ["schedules", "list"]),
    Step("schedule", lambda j, m: j.schedule(m["schedule"]), lambda m: ["schedules", "show", "nightly"]),
    Step(
        "upcoming", lambda j, m: j.upcoming(m["schedule"], 3), lambda m: ["schedules", "next", "nightly", "--count", 3]
    ),
    Step(
        "change_schedule",
        lambda j, m: j.change_schedule(m["schedule"], {"cron": "0 4 * * *"}),
        lambda m: ["schedules", "update", "nightly", "--cron", "0 4 * * *"],
    ),
    Step("run_schedule", lambda j, m: j.run_schedule(m["schedule"]), lambda m: ["schedules", "run", "nightly"]),
    Step(
        "backfill_schedule",
        lambda j, m: j.backfill_schedule(m["schedule"], PAST, PAST + timedelta(days=2), overlap="skip"),
        lambda m: [
            *("schedules", "backfill", "nightly", PAST.isoformat(), (PAST + timedelta(days=2)).isoformat()),
            *("--overlap", "skip"),
        ],
    ),
    Step(
        "backfill_schedule",
        lambda j, m: j.backfill_schedule(m["schedule"], PAST, MOMENT),
        lambda m: ["schedules", "backfill", "nightly", PAST.isoformat(), MOMENT.isoformat()],
    ),  # refused: in the future
    Step(
        "schedule_runs",
        lambda j, m: j.schedule_runs(m["schedule"], 3),
        lambda m: ["schedules", "runs", "nightly", "--count", 3],
    ),
    Step(
        "change_schedule",
        lambda j, m: j.change_schedule(m["schedule"], {"max_failures": None, "end_at": MOMENT, "priority": 7}),
        lambda m: [
            *("schedules", "update", "nightly", "--clear", "max_failures", "--end", MOMENT.isoformat(), "--priority", 7)
        ],
    ),
    Step(
        "change_schedule",
        lambda j, m: j.change_schedule(m["schedule"], {"end_at": None, "priority": None}),
        lambda m: ["schedules", "update", "nightly", "--clear", "end_at", "--clear", "priority"],
    ),
    Step("delete_schedule", lambda j, m: j.delete_schedule(m["schedule"])),
    Step(
        "create_workflow",
        lambda j, m: j.create_workflow(OPEN),
        lambda m: ["workflows", "submit", json.dumps(OPEN)],
        "workflow",
    ),
    Step("create_workflow", lambda j, m: j.create_workflow({"name": "import", "jobs": [{"job_type": "none"}]})),
    Step(
        "submit_new",
        lambda j, m: j.submit_new(NewJob(job_type="echo", workflow_id=m["workflow"])),
        lambda m: ["submit", "echo", "--workflow", m["workflow"]],
    ),
    Step(
        "page",
        lambda j, m: j.page(JobFilter(workflow_id=m["workflow"]), limit=50),
        lambda m: ["list", "--workflow", m["workflow"]],
    ),
    Step(
        "change_many",
        lambda j, m: j.change_many(JobFilter(workflow_id=m["workflow"]), priority=60),
        lambda m: ["change", "--workflow", m["workflow"], "--priority", 60, "--yes"],
    ),
    Step("page", lambda j, m: j.page(JobFilter(workflow_id=m["workflow"], archived=True), limit=50)),  # refused
    Step("workflows", lambda j, m: j.workflows(name="import"), lambda m: ["workflows", "list", "--name", "import"]),
    Step("workflow", lambda j, m: j.workflow(m["workflow"]), lambda m: ["workflows", "show", m["workflow"]]),
    Step("workflow", lambda j, m: j.workflow(UUID(int=7)), lambda m: ["workflows", "show", UUID(int=7)]),  # refused
    Step(
        "close_workflow", lambda j, m: j.close_workflow(m["workflow"]), lambda m: ["workflows", "close", m["workflow"]]
    ),
    Step("submit_new", lambda j, m: j.submit_new(NewJob(job_type="echo", workflow_id=m["workflow"]))),  # refused
    Step(
        "cancel_workflow",
        lambda j, m: j.cancel_workflow(m["workflow"], reason="wrong"),
        lambda m: ["workflows", "cancel", m["workflow"], "--reason", "wrong", "--yes"],
    ),
    Step(
        "retry_workflow",
        lambda j, m: j.retry_workflow(m["workflow"]),
        lambda m: ["workflows", "retry-failed", m["workflow"], "--yes"],
    ),
    Step(
        "create_workflow",
        lambda j, m: j.create_workflow(FLOW),
        lambda m: ["workflows", "submit", json.dumps(FLOW)],
        "flow",
    ),
    Step(
        "create_workflow",
        lambda j, m: j.create_workflow(CIRCLE),
        lambda m: ["workflows", "submit", json.dumps(CIRCLE)],
    ),  # refused: its step waits for itself
    Step(
        "signal_step",
        lambda j, m: j.signal_step(m["flow"], "ok", {"by": "Eve"}),
        lambda m: ["workflows", "signal", m["flow"], "ok", "--payload", '{"by": "Eve"}'],
    ),
    Step(
        "signal_step",
        lambda j, m: j.signal_step(m["flow"], "ok"),
        lambda m: ["workflows", "signal", m["flow"], "ok"],
    ),  # refused: it has had it
    Step("workflow_graph", lambda j, m: j.workflow_graph(m["flow"]), lambda m: ["workflows", "steps", m["flow"]]),
    Step("workflow", lambda j, m: j.workflow(m["flow"]), lambda m: ["workflows", "show", m["flow"]]),
    Step(
        "retry_workflow",
        lambda j, m: j.retry_workflow(m["flow"]),
        lambda m: ["workflows", "retry-failed", m["flow"], "--yes"],
    ),
    Step(
        "pause_queue",
        lambda j, m: j.pause_queue("default", reason="a look"),
        lambda m: ["queues", "pause", "default", "--reason", "a look"],
    ),
    Step("resume_queue", lambda j, m: j.resume_queue("default"), lambda m: ["queues", "resume", "default"]),
    Step("limit_queue", lambda j, m: j.limit_queue("default", 5), lambda m: ["queues", "limit", "default", 5]),
    Step("limit_queue", lambda j, m: j.limit_queue("default", None), lambda m: ["queues", "limit", "default", "none"]),
    Step("pause_queue", lambda j, m: j.pause_queue("defualt"), lambda m: ["queues", "pause", "defualt"]),  # refused
    Step("queues", lambda j, m: j.queues(), lambda m: ["queues", "list"]),
    Step("queue", lambda j, m: j.queue("default")),
    Step(
        "purge_queue",
        lambda j, m: j.purge_queue("default", reason="away"),
        lambda m: ["queues", "purge", "default", "--reason", "away", "--yes"],
    ),
    Step(
        "delete_queue", lambda j, m: j.delete_queue("default"), lambda m: ["queues", "delete", "default", "--yes"]
    ),  # refused: a job type names it
    Step("workers", lambda j, m: j.workers("worker"), lambda m: ["workers", "--kind", "worker"]),
    Step("worker", lambda j, m: j.worker("here")),
    Step("quiet_worker", lambda j, m: j.quiet_worker("here"), lambda m: ["workers", "--quiet", "here"]),  # refused
    Step("quiet_worker", lambda j, m: j.quiet_worker("busy"), lambda m: ["workers", "--quiet", "busy"]),
    Step("resume_worker", lambda j, m: j.resume_worker("busy"), lambda m: ["workers", "--resume", "busy"]),
    Step(
        "acknowledge_worker", lambda j, m: j.acknowledge_worker("here"), lambda m: ["workers", "--acknowledge", "here"]
    ),
    Step(
        "acknowledge_worker",
        lambda j, m: j.acknowledge_worker("nobody"),
        lambda m: ["workers", "--acknowledge", "nobody"],
    ),
    Step("job_types", lambda j, m: j.job_types(), lambda m: ["types"]),
    Step("job_type", lambda j, m: j.job_type("echo"), lambda m: ["types", "echo"]),
    Step("job_type", lambda j, m: j.job_type("index"), lambda m: ["types", "index"]),
    Step(
        "pause_job_type",
        lambda j, m: j.pause_job_type("echo", reason="a look"),
        lambda m: ["job-types", "pause", "echo", "--reason", "a look"],
    ),
    Step("resume_job_type", lambda j, m: j.resume_job_type("echo"), lambda m: ["job-types", "resume", "echo"]),
    Step("pause_job_type", lambda j, m: j.pause_job_type("ecoh"), lambda m: ["job-types", "pause", "ecoh"]),  # refused
    Step(
        "limit_job_type",
        lambda j, m: j.limit_job_type("echo", LIMITS),
        lambda m: [
            *("job-types", "limit", "echo", "--running", 3, "--running-per-key", 2, "--key", "payload.text"),
            *("--starts", "100/60s", "--starts-per-key", "9/1s", "--strategy", "round_robin"),
        ],
    ),
    Step("submit", lambda j, m: j.submit("echo", TEXT), lambda m: ["submit", "echo", '{"text": "hi"}'], "gated"),
    Step("explain", lambda j, m: j.explain(m["gated"]).reasons[0], None),
    Step("limit_usage", lambda j, m: j.limit_usage("echo"), lambda m: ["job-types", "usage", "echo"]),
    Step("limit_usage", lambda j, m: j.limit_usage("ecoh"), lambda m: ["job-types", "usage", "ecoh"]),  # refused
    Step(
        "limit_job_type",
        lambda j, m: j.limit_job_type("echo", JobTypeLimits(running_per_key=2)),
        lambda m: ["job-types", "limit", "echo", "--running-per-key", 2],
    ),  # refused: it needs a key
    Step(
        "limit_job_type",
        lambda j, m: j.limit_job_type("echo", JobTypeLimits()),
        lambda m: ["job-types", "limit", "echo", "--none"],
    ),
    Step(
        "limit_job_type", lambda j, m: j.limit_job_type("echo", None), lambda m: ["job-types", "limit", "echo", "--own"]
    ),
    Step("metrics", lambda j, m: j.metrics().queue_depths),
    Step("history", lambda j, m: j.history("24h"), lambda m: ["stats", "--period", "24h"]),
    Step(
        "history",
        lambda j, m: j.history("7d", job_type="echo"),
        lambda m: ["stats", "--period", "7d", "--type", "echo"],
    ),
    Step(
        "history",
        lambda j, m: j.history("1h", job_type="echo", queue_name="default"),
        lambda m: ["stats", "--period", "1h", "--type", "echo", "--queue", "default"],
    ),  # refused: one of them
    Step("system", lambda j, m: j.system().migrations),
    Step("archive_status", lambda j, m: j.archive_status().due, None),
    Step("run_archive", lambda j, m: j.run_archive(dry_run=True), lambda m: ["archive", "run", "--dry-run"]),
    Step("run_archive", lambda j, m: j.run_archive(), lambda m: ["archive", "run"]),
    Step("create_key", lambda j, m: j.create_key("robot", "viewer", expires_at=MOMENT), None, "key"),
    Step("api_keys", lambda j, m: [key for key in j.api_keys() if key.name == "robot"]),
    Step("revoke_key", lambda j, m: j.revoke_key(m["key"]), None),
    Step("me", lambda j, m: j.me().role),
    Step(
        "audit_page",
        lambda j, m: j.audit_page(AuditFilter(subject_type="queue"), limit=50),
        lambda m: ["audit", "--subject-type", "queue"],
    ),
    Step("audit_log", lambda j, m: [entry.action for entry in j.audit_log(AuditFilter(subject_type="job"))]),
]
