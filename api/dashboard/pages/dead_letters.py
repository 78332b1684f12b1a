"""Dead letters: failed jobs that wait for a decision. One of them, or all that match. By cause: `failures`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from aeon_jobs.api.contract import DeadLetterFilter, NewBulkChange
from aeon_jobs.api.contract.dead_letters import DeadReason
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, Show, parameters
from aeon_jobs.api.dashboard.pages.bulk_changes import begun
from aeon_jobs.api.dashboard.payload_form import fits_a_form, json_object
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.reads.dead_letter_lists import DeadLetterNotFound

ROWS = 50
REASONS = get_args(DeadReason)
STATES = ("open", "resolved", "all")
VERBS = {"requeue": "Requeue", "discard": "Discard"}
_FIELDS = ("job_type", "queue_name", "reason", "error_type", "fingerprint")


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """A page of what matches the address."""
    state = ask.get("state") if ask.get("state") in STATES else "open"
    values: dict[str, Any] = {"state": state, "states": STATES, "reasons": REASONS, "page": None}
    try:
        which = dead_letter_filter(ask)
        page = jobs.dead_letter_page(which, status=state, limit=ROWS, cursor=ask.get("cursor") or None)  # type: ignore[arg-type]
    except InvalidJob as error:
        return values | {"errors": error.violations}
    return values | {"page": page}


def read_one(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    found = jobs.dead_letter(_id(ask))
    return {"title": f"Dead letter {found.id}", "letter": found, "is_large": not fits_a_form(found.payload)}


def dead_letter_filter(ask: Ask) -> DeadLetterFilter:
    """
    Raises:
        InvalidJob
    """
    return checked(DeadLetterFilter, {name: ask.get(name) or None for name in _FIELDS})


def requeue(jobs: Jobs, ask: Ask) -> Done:
    """With the payload of the form, if it has one."""
    payload = _payload(ask) if "payload" in ask.given else None
    job = jobs.requeue_dead_letter(_id(ask), payload=payload, reason=ask.get("reason") or None)
    return Done(f"/jobs/{job.id}", "The job was requeued")


def discard(jobs: Jobs, ask: Ask) -> Done:
    jobs.discard_dead_letter(_id(ask), reason=ask.get("reason") or None)
    return Done("/dead-letters", f"Dead letter {_id(ask)} was discarded")


def preview(jobs: Jobs, ask: Ask) -> Show:
    """What would happen to those that match, and a button to do it."""
    verb = _verb(ask)
    count = jobs.count_bulk_change_as(_bulk_change(ask))
    return Show(
        "dead_letters_preview.html",
        f"{VERBS[verb]} dead letters",
        {"verb": verb, "label": VERBS[verb], "count": count, "filter": ask.get("filter")},
    )


def apply(jobs: Jobs, ask: Ask) -> Done:
    return begun(jobs.start_bulk_change_as(_bulk_change(ask)))


def _bulk_change(ask: Ask) -> NewBulkChange:
    which = dead_letter_filter(Ask("/dead-letters", {}, parameters(ask.get("filter")), ask.viewer))
    conditions = {field.name: getattr(which, field.name) for field in fields(which)}
    given: dict[str, Any] = {"action": _verb(ask), "dead_letters": conditions, "reason": ask.get("reason") or None}
    if ask.get("per_second") and _verb(ask) == "requeue":
        given["per_second"] = pace(ask.get("per_second"))
    return checked(NewBulkChange, given)


def pace(text: str) -> float:
    """
    Raises:
        InvalidJob
    """
    try:
        return float(text)
    except ValueError:
        raise InvalidJob.at("per_second", "must be a number") from None


def _verb(ask: Ask) -> str:
    verb = ask.get("verb")
    if verb not in VERBS:
        raise InvalidJob.at("verb", f"must be one of {', '.join(VERBS)}")
    return verb


def _payload(ask: Ask) -> dict[str, Any]:
    return json_object(ask.get("payload"), "payload")


def _id(ask: Ask) -> int:
    text = ask.parts["dead_letter_id"]
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise DeadLetterNotFound(0)
    return int(text)


listing = Page(path="/dead-letters", title="Dead letters", template="dead_letters.html", read=read, menu=True)
dead_letter = Page(
    path="/dead-letters/{dead_letter_id}", title="Dead letter", template="dead_letter.html", read=read_one
)
pages = [listing, dead_letter]
actions = [
    Action(path="/dead-letters/preview", role=Role.OPERATOR, act=preview),
    Action(path="/dead-letters/apply", role=Role.OPERATOR, act=apply),
    Action(path="/dead-letters/{dead_letter_id}/requeue", role=Role.OPERATOR, act=requeue, form=dead_letter),
    Action(path="/dead-letters/{dead_letter_id}/discard", role=Role.OPERATOR, act=discard),
]
