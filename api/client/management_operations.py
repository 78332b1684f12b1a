"""Calls about what surrounds the jobs: schedules, queues, workers, job types, keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from aeon_jobs.api import contract
from aeon_jobs.api.client.bodies import body
from aeon_jobs.api.client.operations import BULK_EXTRA_S, Operation, get, nothing, page_of, post, segment
from aeon_jobs.api.client.parsing import listed, one, plain
from aeon_jobs.api.contract.schedules import Overlap


def schedules() -> Operation[list[contract.Schedule]]:
    """All schedules, by name."""
    return get("/api/schedules", listed(contract.Schedule))


def schedule(schedule_id: UUID) -> Operation[contract.Schedule]:
    return get(f"/api/schedules/{schedule_id}", one(contract.Schedule))


def upcoming(schedule_id: UUID, count: int = 10) -> Operation[list[datetime]]:
    """Its next due times."""
    return get(f"/api/schedules/{schedule_id}/upcoming", _moments, count=count)


def preview_schedule(fields: Mapping[str, Any], count: int = 10) -> Operation[list[datetime]]:
    """The next due times of a schedule of the fields of `contract.NewSchedule`. Nothing is stored.

    Raises:
        InvalidRequest: it could not be made.
    """
    return replace(post("/api/schedules/preview", _moments, plain(dict(fields)), count=count), repeatable=True)


def create_schedule(fields: Mapping[str, Any]) -> Operation[contract.Schedule]:
    """Make a schedule from the fields of `contract.NewSchedule`: ``name``, ``job_type``, ``cron``, and others.

    Raises:
        InvalidRequest
        Conflict: the name is taken.
    """
    return post("/api/schedules", one(contract.Schedule), plain(dict(fields)))


def change_schedule(schedule_id: UUID, changes: Mapping[str, Any]) -> Operation[contract.Schedule]:
    """Change some of those fields; ``enabled: False`` switches it off. None is a value, where a field may be None."""
    path = f"/api/schedules/{schedule_id}"
    return Operation(method="PATCH", path=path, read=one(contract.Schedule), body=plain(dict(changes)), repeatable=True)


def delete_schedule(schedule_id: UUID) -> Operation[None]:
    """Delete it; the jobs that it made stay."""
    return Operation(method="DELETE", path=f"/api/schedules/{schedule_id}", read=nothing)


def run_schedule(schedule_id: UUID) -> Operation[contract.Submitted]:
    """A job now, beside its due times."""
    return post(f"/api/schedules/{schedule_id}/run", one(contract.Submitted))


def backfill_schedule(
    schedule_id: UUID, start: datetime, end: datetime, *, overlap: Overlap = "buffer_all"
) -> Operation[contract.Backfilled]:
    """Run the due times of a past span, both ends inclusive. What ran does not run again."""
    request = {"start": start.isoformat(), "end": end.isoformat(), "overlap": overlap}
    path = f"/api/schedules/{schedule_id}/backfill"
    read = one(contract.Backfilled)
    return Operation(method="POST", path=path, read=read, body=request, repeatable=True, extra_s=BULK_EXTRA_S)


def schedule_runs(
    schedule_id: UUID, count: int = 50, *, before: datetime | None = None
) -> Operation[list[contract.ScheduleRun]]:
    """Its runs, newest due time first; those due before `before`."""
    path = f"/api/schedules/{schedule_id}/runs"
    return get(path, listed(contract.ScheduleRun), count=count, before=before)


def system() -> Operation[contract.System]:
    """What is wrong and what to do; sizes, WAL, background tasks, migrations."""
    return get("/api/system", one(contract.System))


def queues() -> Operation[list[contract.Queue]]:
    """Every queue, by name."""
    return get("/api/queues", listed(contract.Queue))


def pause_queue(name: str, *, reason: str | None = None) -> Operation[contract.Queue]:
    """Nothing more is started from it; what runs goes on."""
    request = {"reason": reason} if reason else {}
    return post(f"/api/queues/{segment(name)}/pause", one(contract.Queue), request)


def resume_queue(name: str) -> Operation[contract.Queue]:
    return post(f"/api/queues/{segment(name)}/resume", one(contract.Queue))


def limit_queue(name: str, max_running: int | None) -> Operation[contract.Queue]:
    """So many of its jobs at once, over all workers; None: no limit."""
    path = f"/api/queues/{segment(name)}"
    return Operation(
        method="PATCH", path=path, read=one(contract.Queue), body={"max_running": max_running}, repeatable=True
    )


def queue(name: str) -> Operation[contract.Queue]:
    return get(f"/api/queues/{segment(name)}", one(contract.Queue))


def purge_queue(name: str, *, dry_run: bool = False, reason: str | None = None) -> Operation[contract.BatchAnswer]:
    """Cancel its jobs that wait, the oldest 10,000; those that run go on."""
    request = {"dry_run": dry_run, **({"reason": reason} if reason else {})}
    return post(f"/api/queues/{segment(name)}/purge", one(contract.BatchAnswer), request)


def delete_queue(name: str) -> Operation[None]:
    """Forget what was set for a queue that nothing uses any more: it is gone.

    Raises:
        WrongState: a job type, a job or a live worker names it.
    """
    return Operation(method="DELETE", path=f"/api/queues/{segment(name)}", read=nothing)


def workers(kind: str | None = None) -> Operation[list[contract.Worker]]:
    """Every process, or those of a kind, the latest seen first."""
    return get("/api/workers", listed(contract.Worker), kind=kind)


def worker(worker_id: str) -> Operation[contract.Worker]:
    return get(f"/api/workers/{segment(worker_id)}", one(contract.Worker))


def acknowledge_worker(worker_id: str) -> Operation[None]:
    """Take a stopped or lost process off the list, and the alarm with it.

    Raises:
        WrongState: it lives.
    """
    return Operation(method="DELETE", path=f"/api/workers/{segment(worker_id)}", read=nothing)


def quiet_worker(worker_id: str) -> Operation[contract.Worker]:
    """The worker starts no more jobs from its next heartbeat on. What runs goes on.

    Raises:
        WrongState: it is no worker that runs.
    """
    return post(f"/api/workers/{segment(worker_id)}/quiet", one(contract.Worker))


def resume_worker(worker_id: str) -> Operation[contract.Worker]:
    """A quiet worker starts jobs again.

    Raises:
        WrongState: it is no worker that runs.
    """
    return post(f"/api/workers/{segment(worker_id)}/resume", one(contract.Worker))


def job_types() -> Operation[list[contract.JobType]]:
    """What can be submitted, by name."""
    return get("/api/job-types", listed(contract.JobType))


def job_type(name: str) -> Operation[contract.JobType]:
    return get(f"/api/job-types/{segment(name)}", one(contract.JobType))


def pause_job_type(name: str, *, reason: str | None = None) -> Operation[contract.JobType]:
    """No more jobs of the type are started; what runs goes on."""
    request = {"reason": reason} if reason else {}
    return post(f"/api/job-types/{segment(name)}/pause", one(contract.JobType), request)


def resume_job_type(name: str) -> Operation[contract.JobType]:
    return post(f"/api/job-types/{segment(name)}/resume", one(contract.JobType))


def limit_job_type(name: str, limits: contract.JobTypeLimits | None) -> Operation[contract.JobType]:
    """Set limits instead of those of the code; None: those of the code hold again."""
    path, read = f"/api/job-types/{segment(name)}/limits", one(contract.JobType)
    if limits is None:
        return Operation(method="DELETE", path=path, read=read, repeatable=True)
    return Operation(method="PUT", path=path, read=read, body=dict(limits.given()), repeatable=True)


def limit_usage(name: str, count: int = 20) -> Operation[list[contract.KeyUsage]]:
    """Who waits for its limits and who runs, by key, those with the most waiting jobs first."""
    return get(f"/api/job-types/{segment(name)}/limits", listed(contract.KeyUsage), count=count)


def api_keys() -> Operation[list[contract.ApiKey]]:
    """Every API key ever made, never its secret."""
    return get("/api/keys", listed(contract.ApiKey))


def create_key(name: str, role: str, *, expires_at: datetime | None = None) -> Operation[contract.NewKey]:
    """Make an API key; its secret cannot be had again."""
    request = {"name": name, "role": role, **({"expires_at": expires_at.isoformat()} if expires_at else {})}
    return post("/api/keys", one(contract.NewKey), request)


def revoke_key(key_id: str) -> Operation[contract.ApiKey]:
    """End a key."""
    return Operation(method="DELETE", path=f"/api/keys/{segment(key_id)}", read=one(contract.ApiKey))


def me() -> Operation[contract.Me]:
    """Whose key this is."""
    return get("/api/me", one(contract.Me))


def archive_status() -> Operation[contract.ArchiveStatus]:
    """What is kept for how long, what is due for the archive, and what is in it."""
    return get("/api/archive", one(contract.ArchiveStatus))


def run_archive(*, dry_run: bool = False) -> Operation[contract.ArchiveRun]:
    """Move what is due to the archive, for some seconds; `more` says to call again. Or count it."""
    return post("/api/archive/run", one(contract.ArchiveRun), {"dry_run": dry_run})


def audit_page(
    which: contract.AuditFilter | None = None, *, limit: int = 200, cursor: str | None = None
) -> Operation[contract.Page[contract.AuditEntry]]:
    """Who changed what, newest first."""
    conditions = body(which or contract.AuditFilter())
    return get("/api/audit-log", page_of(contract.AuditEntry), limit=limit, cursor=cursor, **conditions)


def _moments(value: Any) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in value["items"]]
