"""Failures: dead letters by cause. One bug is one row; its jobs run again together, at a pace, after a preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.contract import FAILURE_PERIODS, DeadLetterFilter, FailureGroup, NewBulkChange
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, Show
from aeon_jobs.api.dashboard.pages.bulk_changes import begun
from aeon_jobs.api.dashboard.pages.dead_letters import pace
from aeon_jobs.api.dashboard.sparkline import sparkline
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked

GROUPS, NEWEST = 50, 20


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """Causes that are open, or that were seen in the period."""
    period = ask.get("period") if ask.get("period") in FAILURE_PERIODS else "7d"
    found = jobs.failure_groups(period, limit=GROUPS)  # type: ignore[arg-type]
    return {
        "period": period,
        "periods": FAILURE_PERIODS,
        "found": found,
        "rows": [(group, _chart(group, period)) for group in found.items],
    }


def read_one(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """A cause, with a sample and the newest dead letters of it."""
    fingerprint = ask.parts["fingerprint"]
    groups = jobs.failure_groups("30d", fingerprint=fingerprint).items
    if not groups:
        raise NotFound("no failure of this cause is open, and none was seen in the last 30 days")
    (group,) = groups
    newest = jobs.dead_letter_page(DeadLetterFilter(fingerprint=fingerprint), status="all", limit=NEWEST)
    return {
        "title": f"{group.error_type or 'Failure'} in {group.job_type or 'an unknown job type'}",
        "group": group,
        "chart": _chart(group, "30d"),
        "newest": newest.items,
    }


def preview(jobs: Jobs, ask: Ask) -> Show:
    """What would happen, and a button to do it."""
    count = jobs.count_bulk_change_as(_bulk_change(ask))
    return Show(
        "failure_preview.html", "Run failed jobs again", {"fingerprint": ask.parts["fingerprint"], "count": count}
    )


def redrive(jobs: Jobs, ask: Ask) -> Done:
    return begun(jobs.start_bulk_change_as(_bulk_change(ask)))


def _bulk_change(ask: Ask) -> NewBulkChange:
    which = {"fingerprint": ask.parts["fingerprint"]}
    given: dict[str, Any] = {"action": "requeue", "dead_letters": which, "reason": ask.get("reason") or None}
    if ask.get("per_second"):
        given["per_second"] = pace(ask.get("per_second"))
    return checked(NewBulkChange, given)


def _chart(group: FailureGroup, period: str) -> str:
    return sparkline(
        group.chart, f"{group.count} failures in the last {period}; at most {max(group.chart)} in one part of it"
    )


listing = Page(path="/failures", title="Failures", template="failures.html", read=read, menu=True)
failure = Page(path="/failures/{fingerprint}", title="Failure", template="failure.html", read=read_one)
pages = [listing, failure]
actions = [
    Action(path="/failures/{fingerprint}/preview", role=Role.OPERATOR, act=preview, form=failure),
    Action(path="/failures/{fingerprint}/redrive", role=Role.OPERATOR, act=redrive, form=failure),
]
