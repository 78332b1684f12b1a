"""A request for every operation that takes a body. Each is sent to a live API by a test."""

from __future__ import annotations

from typing import Any

_EMAIL = {"to": "ada@example.com", "subject": "Hello", "body": "Your report is ready."}

EXAMPLES: dict[str, Any] = {
    "POST /api/jobs": {"job_type": "email_notification", "payload": _EMAIL, "priority": 75},
    "PATCH /api/jobs/{job_id}": {"priority": 90, "scheduled_at": "2030-01-31T09:00:00Z"},
    "POST /api/jobs/bulk": {
        "jobs": [
            {"job_type": "email_notification", "payload": _EMAIL},
            {"job_type": "email_notification", "payload": {**_EMAIL, "to": "grace@example.com"}},
        ]
    },
    "POST /api/jobs/bulk/cancel": {
        "filter": {"job_type": "email_notification", "status": ["pending"]},
        "dry_run": True,
        "reason": "wrong template",
    },
    "POST /api/jobs/bulk/retry": {"filter": {"status": ["failed"]}, "dry_run": True},
    "POST /api/jobs/bulk/change": {"filter": {"job_type": "email_notification"}, "priority": 90, "dry_run": True},
    "POST /api/dead-letters/{dead_letter_id}/requeue": {"payload": _EMAIL, "reason": "address corrected"},
    "POST /api/dead-letters/bulk/requeue": {"filter": {"error_type": "SMTPServerDisconnected"}, "dry_run": True},
    "POST /api/dead-letters/bulk/discard": {"filter": {"reason": "invalid_payload"}, "dry_run": True},
    "POST /api/bulk-changes": {"action": "retry", "filter": {"status": ["failed"]}, "per_second": 50},
    "POST /api/bulk-changes/count": {"action": "discard", "dead_letters": {"reason": "invalid_payload"}},
    "POST /api/workflows": {
        "name": "newsletter",
        "jobs": [{"job_type": "email_notification", "payload": _EMAIL}],
        "on_finished": {"job_type": "email_notification", "payload": _EMAIL},
    },
    "POST /api/workflows/{workflow_id}/steps/{step}/signal": {"payload": {"approved_by": "ada"}},
    "POST /api/schedules": {
        "name": "nightly-report",
        "job_type": "email_notification",
        "cron": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "payload": _EMAIL,
    },
    "POST /api/schedules/preview": {
        "name": "nightly-report",
        "job_type": "email_notification",
        "cron": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "payload": _EMAIL,
    },
    "PATCH /api/schedules/{schedule_id}": {"enabled": False, "pause_note": "wrong template"},
    "POST /api/schedules/{schedule_id}/backfill": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-07T00:00:00Z"},
    "POST /api/queues/{name}/pause": {"reason": "mail server maintenance"},
    "POST /api/queues/{name}/purge": {"dry_run": True, "reason": "wrong template"},
    "PATCH /api/queues/{name}": {"max_running": 10},
    "POST /api/archive/run": {"dry_run": True},
    "POST /api/job-types/{name}/pause": {"reason": "mail server maintenance"},
    "PUT /api/job-types/{name}/limits": {"running": 10, "starts": {"count": 100, "period_ms": 60_000}},
    "POST /api/keys": {"name": "billing-service", "role": "submitter", "expires_at": "2030-12-31T00:00:00Z"},
}
