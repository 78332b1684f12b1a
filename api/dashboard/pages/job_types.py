"""Job types: what can be submitted, and a form to do it; their limits, and who waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aeon_jobs.api.contract import JobTypeLimits, NewJob
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page
from aeon_jobs.api.dashboard.payload_form import fits_a_form, form_fields, json_object, refuse_cut, sent_payload
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked
from aeon_jobs.persistence.core.errors import InvalidJob

_NUMBERS = ("priority", "max_retries", "timeout_ms")
_TEXTS = ("queue_name", "idempotency_key", "scheduled_at")


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    return {"types": jobs.job_types()}


def read_one(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """With `?from=ID` the form has the payload of that job."""
    known = jobs.job_type(ask.parts["name"])
    source = jobs.get(ask.get("from")) if ask.get("from") else None
    is_large = source is not None and not fits_a_form(source.payload)
    payload = source.payload if source and not is_large else known.example
    return {
        "title": known.name,
        "known": known,
        "source": source,
        "is_large": is_large,
        "payload": payload,
        "fields": form_fields(known.payload_schema, payload, ask),
        "usage": jobs.limit_usage(known.name) if known.limits_in_force else [],
    }


def submit(jobs: Jobs, ask: Ask) -> Done:
    """A job of the form: its fields, the payload as JSON, or the payload of another job."""
    known = jobs.job_type(ask.parts["name"])
    if "payload" in ask.given:
        payload = json_object(ask.get("payload"), "payload")
    elif ask.get("from"):
        payload = jobs.get(ask.get("from")).payload
        refuse_cut(payload)
    else:
        payload = sent_payload(known.payload_schema, ask)
    given: dict[str, Any] = {"job_type": known.name, "payload": payload}
    given |= {name: _whole(ask, name) for name in _NUMBERS if ask.get(name)}
    given |= {name: ask.get(name) for name in _TEXTS if ask.get(name)}
    answer, _ = jobs.submit_once(checked(NewJob, given))
    told = "The job is submitted" if answer.is_new else "This idempotency key has a job already: here it is"
    return Done(f"/jobs/{answer.job_id}", told)


def pause(jobs: Jobs, ask: Ask) -> Done:
    jobs.pause_job_type(ask.parts["name"], reason=ask.get("reason") or None)
    return Done(_page_of(ask), "No more jobs of this type are started")


def resume(jobs: Jobs, ask: Ask) -> Done:
    jobs.resume_job_type(ask.parts["name"])
    return Done(_page_of(ask), "Jobs of this type are started again")


def limit(jobs: Jobs, ask: Ask) -> Done:
    """Limits as JSON; without any, those of the code hold."""
    if not ask.get("limits"):
        jobs.limit_job_type(ask.parts["name"], None)
        return Done(_page_of(ask), "The limits of the code hold")
    jobs.limit_job_type(ask.parts["name"], checked(JobTypeLimits, json_object(ask.get("limits"), "limits")))
    return Done(_page_of(ask), "These limits hold")


def _page_of(ask: Ask) -> str:
    return f"/job-types/{quote(ask.parts['name'], safe='')}"


def _whole(ask: Ask, name: str) -> int:
    try:
        return int(ask.get(name))
    except ValueError:
        raise InvalidJob.at(name, "must be a whole number") from None


listing = Page(path="/job-types", title="Job types", template="job_types.html", read=read, menu=True)
job_type = Page(path="/job-types/{name}", title="Job type", template="job_type.html", read=read_one, live=False)
pages = [listing, job_type]
actions = [
    Action(path="/job-types/{name}/submit", role=Role.SUBMITTER, act=submit, form=job_type),
    Action(path="/job-types/{name}/pause", role=Role.OPERATOR, act=pause),
    Action(path="/job-types/{name}/resume", role=Role.OPERATOR, act=resume),
    Action(path="/job-types/{name}/limit", role=Role.OPERATOR, act=limit, form=job_type),
]
