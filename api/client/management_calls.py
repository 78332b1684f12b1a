"""Calls about what surrounds the jobs: schedules, queues, workers, job types, keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from aeon_jobs.api.client import views
from aeon_jobs.api.client.calls import Call, get, nothing, post, segment
from aeon_jobs.api.client.reading import listed, one


def schedules() -> Call[list[views.Schedule]]:
    """All schedules, by name."""
    return get("/api/schedules", listed(views.Schedule))


def schedule(schedule_id: UUID) -> Call[views.Schedule]:
    return get(f"/api/schedules/{schedule_id}", one(views.Schedule))


def upcoming(schedule_id: UUID, count: int = 10) -> Call[list[datetime]]:
    """Its next moments."""
    return get(f"/api/schedules/{schedule_id}/upcoming", _moments, count=count)


def create_schedule(fields: Mapping[str, Any]) -> Call[views.Schedule]:
    """Make a schedule from ``name``, ``job_type``, ``cron``; optionally ``timezone``, ``payload``, ``priority``,
    ``max_retries``, ``timeout_ms``, ``enabled``, ``catch_up`` (last, all, none).

    Raises:
        InvalidRequest
        Conflict: the name is taken.
    """
    return post("/api/schedules", one(views.Schedule), dict(fields))


def change_schedule(schedule_id: UUID, changes: Mapping[str, Any]) -> Call[views.Schedule]:
    """Change some of those fields; ``enabled: False`` switches it off."""
    path = f"/api/schedules/{schedule_id}"
    return Call(method="PATCH", path=path, read=one(views.Schedule), body=dict(changes), repeatable=True)


def delete_schedule(schedule_id: UUID) -> Call[None]:
    """Delete it; the jobs that it made stay."""
    return Call(method="DELETE", path=f"/api/schedules/{schedule_id}", read=nothing)


def run_schedule(schedule_id: UUID) -> Call[views.Submitted]:
    """A job now, beside its due moments."""
    return post(f"/api/schedules/{schedule_id}/run", one(views.Submitted))


def queues() -> Call[list[views.Queue]]:
    """Every queue, by name."""
    return get("/api/queues", listed(views.Queue))


def pause_queue(name: str, *, reason: str | None = None) -> Call[views.Queue]:
    """Nothing more is started from it; what runs goes on."""
    body = {"reason": reason} if reason else {}
    return post(f"/api/queues/{segment(name)}/pause", one(views.Queue), body)


def resume_queue(name: str) -> Call[views.Queue]:
    return post(f"/api/queues/{segment(name)}/resume", one(views.Queue))


def limit_queue(name: str, max_running: int | None) -> Call[views.Queue]:
    """So many of its jobs at once, over all workers; None: no limit."""
    path = f"/api/queues/{segment(name)}"
    return Call(method="PATCH", path=path, read=one(views.Queue), body={"max_running": max_running}, repeatable=True)


def workers() -> Call[list[views.Worker]]:
    """Every process, the latest seen first."""
    return get("/api/workers", listed(views.Worker))


def acknowledge_worker(worker_id: str) -> Call[None]:
    """Take a stopped or lost process off the list, and the alarm with it.

    Raises:
        WrongState: it lives.
    """
    return Call(method="DELETE", path=f"/api/workers/{segment(worker_id)}", read=nothing)


def job_types() -> Call[list[views.JobType]]:
    """What can be submitted, by name."""
    return get("/api/job-types", listed(views.JobType))


def job_type(name: str) -> Call[views.JobType]:
    return get(f"/api/job-types/{segment(name)}", one(views.JobType))


def api_keys() -> Call[list[views.ApiKey]]:
    """Every API key ever made, never its secret."""
    return get("/api/keys", listed(views.ApiKey))


def create_key(name: str, role: str, *, expires_at: datetime | None = None) -> Call[views.NewKey]:
    """Make an API key; its secret cannot be had again."""
    body = {"name": name, "role": role, **({"expires_at": expires_at.isoformat()} if expires_at else {})}
    return post("/api/keys", one(views.NewKey), body)


def revoke_key(key_id: str) -> Call[views.ApiKey]:
    """End a key."""
    return Call(method="DELETE", path=f"/api/keys/{segment(key_id)}", read=one(views.ApiKey))


def _moments(value: Any) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in value["items"]]
