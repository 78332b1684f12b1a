"""Bulk changes: of everything that matches a filter. How far each is; one that runs can be stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.contract import BulkChange
from aeon_jobs.api.contract.bulk_changes import OF_JOBS
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, link
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.principals import Role

ROWS = 50
PAST = {
    "cancel": "cancelled",
    "retry": "retried",
    "change": "changed",
    "requeue": "requeued",
    "discard": "discarded",
}


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """A page, newest first."""
    before = ask.get("before")
    found = jobs.bulk_changes(before=_number(before) if before else None, limit=ROWS)
    return {"changes": found, "next": found[-1].id if len(found) == ROWS else None, "what": what}


def read_one(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """With its progress; and whether anybody is there who goes on with it."""
    change = jobs.bulk_change(_id(ask))
    is_served = change.state != "running" or any(
        process.alive and process.kind in ("dispatcher", "worker") for process in jobs.workers()
    )
    return {
        "title": f"Bulk change {change.id}",
        "change": change,
        "what": what(change),
        "past": PAST[change.action],
        "list": _list_of(change),
        "is_served": is_served,
    }


def stop(jobs: Jobs, ask: Ask) -> Done:
    change = jobs.stop_bulk_change(_id(ask))
    return Done(f"/bulk-changes/{change.id}", "It is stopped. What it has changed stays so")


def begun(change: BulkChange) -> Done:
    """Where to go after one was begun: to its page, which tells how far it is."""
    to = f"/bulk-changes/{change.id}"
    if change.state == "running":
        return Done(to, "It is begun. This page shows how far it is; you may leave it")
    count = f"{change.changed:,} {what(change, change.changed)}"
    others = change.looked_at - change.changed
    return Done(to, f"{count} {PAST[change.action]}" + (f"; {others:,} could not be" if others else ""))


def what(change: BulkChange, count: int = 2) -> str:
    """What it is about, in words."""
    return ("job" if change.action in OF_JOBS else "dead letter") + ("" if count == 1 else "s")


def _list_of(change: BulkChange) -> str:
    """The list that shows what matches, as far as its address can say it."""
    metadata = [f"{name}:{value}" for name, value in change.filter.get("metadata", {}).items()]
    simple = {name: value for name, value in change.filter.items() if name != "metadata"}
    path = "/jobs" if change.action in OF_JOBS else "/dead-letters"
    return link(path, {**simple, "metadata": metadata[:1]})


def _id(ask: Ask) -> int:
    return _number(ask.parts["change_id"])


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(f"no bulk change {text[:100]}")
    return int(text)


listing = Page(path="/bulk-changes", title="Bulk changes", template="bulk_changes.html", read=read, menu=True)
change = Page(path="/bulk-changes/{change_id}", title="Bulk change", template="bulk_change.html", read=read_one)
pages = [listing, change]
actions = [Action(path="/bulk-changes/{change_id}/stop", role=Role.OPERATOR, act=stop)]
