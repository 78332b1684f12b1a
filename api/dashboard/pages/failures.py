"""Failures: dead letters by cause. One bug is one row; its jobs run again together, at a pace, after a preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.contract import FAILURE_PERIODS, DeadLetterFilter, DeadLetterRequeue, FailureGroup
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, Show
from aeon_jobs.api.dashboard.sparkline import sparkline
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked
from aeon_jobs.persistence.core.errors import InvalidJob

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
    groups = jobs.failure_groups("30d", limit=200).items
    group = next((group for group in groups if group.fingerprint == fingerprint), None)
    if group is None:
        raise NotFound("no failure of this cause is open, and none was seen in the last 30 days")
    newest = jobs.dead_letter_page(DeadLetterFilter(fingerprint=fingerprint), status="all", limit=NEWEST)
    return {
        "title": f"{group.error_type or 'Failure'} in {group.job_type or 'an unknown job type'}",
        "group": group,
        "chart": _chart(group, "30d"),
        "newest": newest.items,
    }


def preview(jobs: Jobs, ask: Ask) -> Show:
    """What would happen, and a button to do it."""
    answer = jobs.requeue_selected_dead_letters(_request(ask, dry_run=True))
    return Show(
        "failure_preview.html", "Run failed jobs again", {"fingerprint": ask.parts["fingerprint"], "answer": answer}
    )


def redrive(jobs: Jobs, ask: Ask) -> Done:
    answer = jobs.requeue_selected_dead_letters(_request(ask, dry_run=False))
    count = f"{answer.changed:,} job{' runs' if answer.changed == 1 else 's run'} again"
    pace = f", {ask.get('per_second')} per second" if ask.get("per_second") else ""
    more = ". There are more: do it again for the next ones" if answer.more else ""
    return Done(f"/failures/{ask.parts['fingerprint']}", count + pace + more)


def _request(ask: Ask, *, dry_run: bool) -> DeadLetterRequeue:
    given: dict[str, Any] = {
        "filter": {"fingerprint": ask.parts["fingerprint"]},
        "dry_run": dry_run,
        "reason": ask.get("reason") or None,
    }
    if ask.get("per_second"):
        try:
            given["per_second"] = float(ask.get("per_second"))
        except ValueError:
            raise InvalidJob.at("per_second", "must be a number") from None
    return checked(DeadLetterRequeue, given)


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
