"""One job: what it is, why it waits, what happened, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from aeon_jobs.api.contract import Job
from aeon_jobs.api.dashboard.graph import Drawing, draw
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page
from aeon_jobs.api.dashboard.rendering import short_id
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.core.errors import InvalidJob, JobNotFound

LOG_LINES = 200
MOST_DRAWN = 20


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """A job with its attempts, its log, and the explanation."""
    job_id = id_of(ask)
    job = jobs.get(job_id)
    logs = jobs.log_page(job_id, limit=LOG_LINES, cursor=ask.get("log") or None)
    is_own = ask.viewer.name is not None and job.created_by == ask.viewer.name
    return {
        "title": f"Job {short_id(job_id)}",
        "job": job,
        "explanation": jobs.explain(job_id),
        "logs": logs,
        "drawing": _drawing(job) if 0 < len(job.dependencies) <= MOST_DRAWN else None,
        "may_cancel": ask.may(Role.OPERATOR) or (is_own and ask.may(Role.SUBMITTER)),
    }


def _drawing(job: Job) -> Drawing:
    """The job, and to the left of it those that it depends on."""
    others = [str(entry.job_id) for entry in job.dependencies]
    return draw({**dict.fromkeys(others, ()), str(job.id): others})


def cancel(jobs: Jobs, ask: Ask) -> Done:
    job = jobs.cancel(id_of(ask), reason=_reason(ask))
    told = "The job was asked to stop" if job.status == "running" else "The job is cancelled"
    return Done(_page_of(ask), told)


def retry(jobs: Jobs, ask: Ask) -> Done:
    jobs.retry(id_of(ask), reason=_reason(ask))
    return Done(_page_of(ask), "The job runs as soon as a thread is free")


def change(jobs: Jobs, ask: Ask) -> Done:
    """Another priority, another moment, or both."""
    changes: dict[str, Any] = {}
    if ask.get("priority"):
        changes["priority"] = whole_number(ask, "priority")
    if ask.get("scheduled_at"):
        changes["scheduled_at"] = moment(ask, "scheduled_at")
    if not changes:
        raise InvalidJob.at("priority", "is missing: give a priority or a moment")
    jobs.change(id_of(ask), **changes)
    return Done(_page_of(ask), "The job is changed")


def id_of(ask: Ask) -> UUID:
    """
    Raises:
        JobNotFound: no job can have such an id.
    """
    try:
        return UUID(ask.parts["job_id"])
    except ValueError:
        raise JobNotFound(ask.parts["job_id"][:100]) from None


def whole_number(ask: Ask, name: str) -> int:
    """
    Raises:
        InvalidJob
    """
    try:
        return int(ask.get(name))
    except ValueError:
        raise InvalidJob.at(name, "must be a whole number") from None


def moment(ask: Ask, name: str) -> datetime:
    """ISO 8601 with a time zone.

    Raises:
        InvalidJob
    """
    try:
        found = datetime.fromisoformat(ask.get(name))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidJob.at(name, "must be a moment with a time zone, such as 2026-01-31T09:00:00Z")
    return found


def _page_of(ask: Ask) -> str:
    return f"/jobs/{id_of(ask)}"


def _reason(ask: Ask) -> str | None:
    return ask.get("reason") or None


job = Page(path="/jobs/{job_id}", title="Job", template="job.html", read=read)
pages = [job]
actions = [
    Action(path="/jobs/{job_id}/cancel", role=Role.SUBMITTER, act=cancel),
    Action(path="/jobs/{job_id}/retry", role=Role.OPERATOR, act=retry),
    Action(path="/jobs/{job_id}/change", role=Role.OPERATOR, act=change, form=job),
]
