"""/api/jobs/{id}/explain: why it is not running."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import FromPath

from aeon_jobs.api.callers import Role
from aeon_jobs.api.services import Given
from aeon_jobs.persistence.reads.explain import explain


class Reason(msgspec.Struct, frozen=True):
    code: str
    """For programs: `not_due`, `waits_for_jobs`, `queue_paused`, `limit_reached`, `unknown_job_type`,
    `no_worker_for_queue`, `no_worker_for_type`, `no_dispatcher`, `behind_others`, `ready`, `queued`, `running`,
    `lease_expired`, `cancel_requested`, `completed`, `failed`, `cancelled`."""
    message: str
    details: dict[str, Any]


class Explanation(msgspec.Struct, frozen=True):
    job_id: UUID
    status: str
    summary: str
    reasons: list[Reason]


@get("/{job_id:uuid}/explain", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Why it is not running")
def show(job_id: FromPath[UUID], services: Given) -> Explanation:
    """Every reason that holds now."""
    with services.database.connection() as connection:
        found = explain(connection, job_id, silence_ms=services.worker_silence_ms)
    reasons = [Reason(reason.code, reason.message, reason.details) for reason in found.reasons]
    return Explanation(found.job_id, found.status, found.summary, reasons)
