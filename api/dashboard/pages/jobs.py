"""Lists of jobs: the filter stands in the address. And what is done with many of them at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from aeon_jobs.api.contract import BatchAnswer, JobFilter, JobRetry, JobsChange, JobSelection
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, Show
from aeon_jobs.api.dashboard.page import parameters as parsed
from aeon_jobs.api.http import parameters
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.statuses import JobStatus

ROWS = 50
SORTS = ("created_at", "updated_at", "priority")
STATUSES = [status.value for status in JobStatus]
VERBS = {"cancel": "Cancel", "retry": "Retry", "change": "Set the priority of"}
PAST = {"cancel": "cancelled", "retry": "retried", "change": "changed"}
_TEXTS = ("job_type", "queue_name", "created_by", "workflow_id", "created_after", "created_before")
_ID = re.compile(r"[0-9a-fA-F-]{4,36}")


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """A page of jobs that match the address."""
    sort = ask.get("sort") if ask.get("sort") in SORTS else "created_at"
    values: dict[str, Any] = {
        "statuses": STATUSES,
        "sorts": SORTS,
        "sort": sort,
        "descending": ask.get("order") != "asc",
        "types": [entry.name for entry in jobs.job_types()],
        "verbs": VERBS,
        "page": None,
        "found": None,
    }
    try:
        if (text := ask.get("q")) and _ID.fullmatch(text):
            return values | {"found": jobs.find(text)}
        which = job_filter(ask)
        page = jobs.page(
            which,
            sort=sort,  # type: ignore[arg-type]
            descending=values["descending"],
            limit=ROWS,
            cursor=ask.get("cursor") or None,
            # To count by metadata may take longer than all the rest. The preview of a change counts.
            total=not which.metadata and not which.payload,
        )
    except InvalidJob as error:
        return values | {"errors": error.violations}
    return values | {"page": page}


def job_filter(ask: Ask) -> JobFilter:
    """
    Raises:
        InvalidJob
    """
    given: dict[str, Any] = {name: ask.get(name) or None for name in _TEXTS}
    given["status"] = ask.all("status")
    given["metadata"] = _metadata([text for text in (ask.get("q"), ask.get("metadata")) if text])
    given["payload"] = parameters.payload_of(ask.all("payload"))
    given["archived"] = ask.get("archived") == "true"
    return checked(JobFilter, given)


def preview(jobs: Jobs, ask: Ask) -> Show:
    """What would happen, and a button to do it."""
    answer = _do(jobs, ask, dry_run=True)
    return Show(
        "jobs_preview.html",
        f"{VERBS[_verb(ask)]} jobs",
        {
            "verb": _verb(ask),
            "label": VERBS[_verb(ask)],
            "answer": answer,
            "outcomes": _outcomes(answer),
            "ids": ask.all("id") if ask.get("scope") != "matching" else [],
            "filter": ask.get("filter"),
        },
    )


def apply(jobs: Jobs, ask: Ask) -> Done:
    """Do it."""
    answer = _do(jobs, ask, dry_run=False)
    others = len(answer.items) - answer.changed
    message = f"{answer.changed:,} job{'' if answer.changed == 1 else 's'} {PAST[_verb(ask)]}"
    if others:
        message += f"; {others:,} could not be: {_outcomes(answer)}"
    if answer.more:
        message += ". More jobs match: do it again for the next ones"
    return Done(f"/jobs?{ask.get('filter')}".rstrip("?"), message)


def _do(jobs: Jobs, ask: Ask, *, dry_run: bool) -> BatchAnswer:
    given: dict[str, Any] = {**_target(ask), "dry_run": dry_run, "reason": ask.get("reason") or None}
    match _verb(ask):
        case "cancel":
            return jobs.cancel_selected(checked(JobSelection, given))
        case "retry":
            pace = {"per_second": _number(ask, "per_second")} if ask.get("per_second") else {}
            return jobs.retry_selected(checked(JobRetry, given | pace))
        case _:
            return jobs.change_selected(checked(JobsChange, given | {"priority": _number(ask, "priority")}))


def _target(ask: Ask) -> dict[str, Any]:
    if ask.get("scope") != "matching":
        ids = ask.all("id")
        if not ids:
            raise InvalidJob.at("selection", "is empty: select jobs, or choose all that match")
        return {"ids": ids}
    which = job_filter(Ask("/jobs", {}, parsed(ask.get("filter")), ask.viewer))
    return {"filter": {field.name: getattr(which, field.name) for field in fields(which)}}


def _verb(ask: Ask) -> str:
    verb = ask.get("verb")
    if verb not in VERBS:
        raise InvalidJob.at("verb", f"must be one of {', '.join(VERBS)}")
    return verb


def _number(ask: Ask, name: str) -> int | float:
    text = ask.get(name)
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        raise InvalidJob.at(name, "must be a number") from None


def _outcomes(answer: BatchAnswer) -> str:
    """Such as ``3 are completed, 1 is gone``: why some are not changed."""
    kept: Counter[str] = Counter()
    for item in answer.items:
        if item.outcome == "wrong_state":
            kept[f"in state {item.status}"] += 1
        elif item.outcome == "not_found":
            kept["gone"] += 1
    return ", ".join(f"{count:,} {what}" for what, count in kept.most_common())


def _metadata(texts: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition(":")
        if not separator or not name.strip():
            raise InvalidJob.at(
                "search", "must be the beginning of an id (4 hexadecimal digits or more), or key:value of metadata"
            )
        found[name.strip()] = value.strip()
    return found


listing = Page(path="/jobs", title="Jobs", template="jobs.html", read=read, menu=True)
pages = [listing]
actions = [
    Action(path="/jobs/preview", role=Role.OPERATOR, act=preview),
    Action(path="/jobs/apply", role=Role.OPERATOR, act=apply),
]
