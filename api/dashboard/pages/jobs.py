"""Lists of jobs: the filter stands in the address. And what is done with many of them at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from aeon_jobs.api.contract import BatchAnswer, JobFilter, JobRetry, JobsChange, JobSelection, NewBulkChange
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, Show
from aeon_jobs.api.dashboard.page import parameters as parsed
from aeon_jobs.api.dashboard.pages.bulk_changes import begun
from aeon_jobs.api.http import parameters
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked
from aeon_jobs.persistence.admin import views
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
    if not page.items and which == JobFilter(status=[], id_prefix=which.id_prefix or ""):
        # Nothing else was asked for: it may be in the archive.
        return values | {"found": jobs.find(which.id_prefix or "")}
    return values | {"page": page}


def job_filter(ask: Ask) -> JobFilter:
    """
    Raises:
        InvalidJob
    """
    given: dict[str, Any] = {name: ask.get(name) or None for name in _TEXTS}
    given["status"] = ask.all("status")
    search = ask.get("q")
    if _ID.fullmatch(search):
        given["id_prefix"], search = search, ""
    given["metadata"] = _metadata([text for text in (search, ask.get("metadata")) if text])
    given["payload"] = parameters.payload_of(ask.all("payload"))
    given["archived"] = ask.get("archived") == "true"
    return checked(JobFilter, given)


def preview(jobs: Jobs, ask: Ask) -> Show:
    """What would happen, and a button to do it."""
    verb = _verb(ask)
    values = {"verb": verb, "label": VERBS[verb], "filter": ask.get("filter"), "ids": [], "outcomes": ""}
    if _is_matching(ask):
        found = jobs.count_bulk_change_as(_bulk_change(ask))
        count, is_capped = found.matched, found.is_capped
    else:
        answer = _do(jobs, ask, dry_run=True)
        values |= {"ids": ask.all("id"), "outcomes": _outcomes(answer)}
        count, is_capped = answer.changed, False
    return Show("jobs_preview.html", f"{VERBS[verb]} jobs", {**values, "count": count, "is_capped": is_capped})


def apply(jobs: Jobs, ask: Ask) -> Done:
    """Do it: what is selected at once, all that match as a bulk change with a page of its own."""
    if _is_matching(ask):
        return begun(jobs.start_bulk_change_as(_bulk_change(ask)))
    answer = _do(jobs, ask, dry_run=False)
    others = len(answer.items) - answer.changed
    message = f"{answer.changed:,} job{'' if answer.changed == 1 else 's'} {PAST[_verb(ask)]}"
    if others:
        message += f"; {others:,} could not be: {_outcomes(answer)}"
    return Done(f"/jobs?{ask.get('filter')}".rstrip("?"), message)


def save_view(jobs: Jobs, ask: Ask) -> Done:
    """The filter, under a name, for who asks."""
    query = Ask("/jobs", {}, {**parsed(ask.get("filter")), "cursor": []}, ask.viewer).query
    with jobs.context.database.transaction() as connection:
        views.save(connection, jobs.principal.name, ask.get("name"), query)
    return Done(f"/jobs?{query}", "The view is saved")


def remove_view(jobs: Jobs, ask: Ask) -> Done:
    with jobs.context.database.transaction() as connection:
        views.remove(connection, jobs.principal.name, ask.get("name"))
    return Done("/jobs", "The view is removed")


def _is_matching(ask: Ask) -> bool:
    return ask.get("scope") == "matching"


def _bulk_change(ask: Ask) -> NewBulkChange:
    which = job_filter(Ask("/jobs", {}, parsed(ask.get("filter")), ask.viewer))
    conditions = {field.name: getattr(which, field.name) for field in fields(which)}
    return checked(NewBulkChange, {"action": _verb(ask), "filter": conditions, **_options(ask)})


def _do(jobs: Jobs, ask: Ask, *, dry_run: bool) -> BatchAnswer:
    ids = ask.all("id")
    if not ids:
        raise InvalidJob.at("selection", "is empty: select jobs, or choose all that match")
    given: dict[str, Any] = {"ids": ids, "dry_run": dry_run, **_options(ask)}
    match _verb(ask):
        case "cancel":
            return jobs.cancel_selected(checked(JobSelection, given))
        case "retry":
            return jobs.retry_selected(checked(JobRetry, given))
        case _:
            return jobs.change_selected(checked(JobsChange, given))


def _options(ask: Ask) -> dict[str, Any]:
    given: dict[str, Any] = {"reason": ask.get("reason") or None}
    if _verb(ask) == "retry" and ask.get("per_second"):
        given["per_second"] = _number(ask, "per_second")
    if _verb(ask) == "change":
        given["priority"] = _number(ask, "priority")
    return given


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


listing = Page(path="/jobs", title="Jobs", template="jobs.html", read=read, menu=True, views=True)
pages = [listing]
actions = [
    Action(path="/jobs/preview", role=Role.OPERATOR, act=preview),
    Action(path="/jobs/apply", role=Role.OPERATOR, act=apply),
    Action(path="/jobs/save-view", role=Role.VIEWER, act=save_view),
    Action(path="/jobs/remove-view", role=Role.VIEWER, act=remove_view),
]
