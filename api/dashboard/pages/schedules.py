"""Schedules: when jobs are submitted by themselves; pause, edit, run now, backfill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from uuid import UUID, uuid4

from aeon_jobs.api.contract import Backfill, NewSchedule
from aeon_jobs.api.contract.schedules import CatchUp, Overlap
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, Show
from aeon_jobs.api.dashboard.pages.job import moment
from aeon_jobs.api.dashboard.payload_form import json_object
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.schedules.definitions import ScheduleNotFound

RUNS, UPCOMING = 30, 10
CATCH_UPS, OVERLAPS = get_args(CatchUp), get_args(Overlap)
_REQUIRED = ("name", "job_type", "cron", "timezone")


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    return {"schedules": jobs.schedules()}


def read_one(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """With its next and its past runs."""
    schedule = jobs.schedule(_id(ask))
    before = moment(ask, "before") if ask.get("before") else None
    runs = jobs.schedule_runs(schedule.id, RUNS, before=before)
    return {
        "title": f"Schedule {schedule.name}",
        "schedule": schedule,
        "upcoming": jobs.upcoming(schedule.id, UPCOMING),
        "runs": runs,
        "earlier": runs[-1].due_at.isoformat() if len(runs) == RUNS else None,
    }


def read_form(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """The form of a new schedule, or of one that is there."""
    schedule = jobs.schedule(_id(ask)) if "schedule_id" in ask.parts else None
    return {
        "title": f"Edit {schedule.name}" if schedule else "New schedule",
        "schedule": schedule,
        "preview": None,
        "catch_ups": CATCH_UPS,
        "overlaps": OVERLAPS,
        "types": [known.name for known in jobs.job_types()],
    }


def preview(jobs: Jobs, ask: Ask) -> Show:
    """The form once more, with the next due times of what it says."""
    values = read_form(jobs, ask)
    times = jobs.preview_schedule_as(checked(NewSchedule, _fields(ask)), UPCOMING)
    return Show("schedule_form.html", values["title"], {**values, "errors": (), "preview": times})


def create(jobs: Jobs, ask: Ask) -> Done | Show:
    if ask.get("what") == "preview":
        return preview(jobs, ask)
    made = jobs.create_schedule_as(checked(NewSchedule, _fields(ask)))
    return Done(f"/schedules/{made.id}", "The schedule is made")


def change(jobs: Jobs, ask: Ask) -> Done | Show:
    if ask.get("what") == "preview":
        return preview(jobs, ask)
    fields = _fields(ask)
    fields.setdefault("exclude", None)
    jobs.change_schedule(_id(ask), fields)
    return Done(f"/schedules/{_id(ask)}", "The schedule is changed")


def pause(jobs: Jobs, ask: Ask) -> Done:
    jobs.change_schedule(_id(ask), {"enabled": False, "pause_note": ask.get("note") or None})
    return Done(f"/schedules/{_id(ask)}", "The schedule is paused")


def resume(jobs: Jobs, ask: Ask) -> Done:
    jobs.change_schedule(_id(ask), {"enabled": True})
    return Done(f"/schedules/{_id(ask)}", "The schedule runs again")


def run(jobs: Jobs, ask: Ask) -> Done:
    return Done(f"/jobs/{jobs.run_schedule(_id(ask)).job_id}", "The job of the schedule is submitted")


def backfill(jobs: Jobs, ask: Ask) -> Done:
    request = checked(Backfill, {"start": ask.get("start"), "end": ask.get("end")})
    done = jobs.backfill_schedule_as(_id(ask), request)
    told = f"{done.due_times:,} due times: {len(done.submitted):,} jobs submitted"
    others = {"skipped": done.skipped, "decided before": done.decided_before}
    told += "".join(f", {count:,} {what}" for what, count in others.items() if count)
    return Done(f"/schedules/{_id(ask)}", told)


def delete(jobs: Jobs, ask: Ask) -> Done:
    jobs.delete_schedule(_id(ask))
    return Done("/schedules", "The schedule is deleted")


def _fields(ask: Ask) -> dict[str, Any]:
    given: dict[str, Any] = {name: ask.get(name) for name in _REQUIRED}
    given["cron"] = ask.get("cron").replace("\r\n", "\n")
    if ask.get("exclude"):
        given["exclude"] = ask.get("exclude").replace("\r\n", "\n")
    for name in ("catch_up", "overlap"):
        if ask.get(name):
            given[name] = ask.get(name)
    given["payload"] = json_object(ask.get("payload"), "payload")
    if ask.get("priority"):
        try:
            given["priority"] = int(ask.get("priority"))
        except ValueError:
            raise InvalidJob.at("priority", "must be a whole number") from None
    return given


def _id(ask: Ask) -> UUID:
    try:
        return UUID(ask.parts["schedule_id"])
    except ValueError:
        raise ScheduleNotFound(uuid4()) from None


listing = Page(path="/schedules", title="Schedules", template="schedules.html", read=read, menu=True)
new = Page(
    path="/schedules/new",
    title="New schedule",
    template="schedule_form.html",
    read=read_form,
    role=Role.OPERATOR,
    live=False,
)
schedule = Page(path="/schedules/{schedule_id}", title="Schedule", template="schedule.html", read=read_one)
edit = Page(
    path="/schedules/{schedule_id}/edit",
    title="Edit schedule",
    template="schedule_form.html",
    read=read_form,
    role=Role.OPERATOR,
    live=False,
)
pages = [listing, new, schedule, edit]
actions = [
    Action(path="/schedules/new", role=Role.OPERATOR, act=create, form=new),
    Action(path="/schedules/{schedule_id}/edit", role=Role.OPERATOR, act=change, form=edit),
    Action(path="/schedules/{schedule_id}/pause", role=Role.OPERATOR, act=pause),
    Action(path="/schedules/{schedule_id}/resume", role=Role.OPERATOR, act=resume),
    Action(path="/schedules/{schedule_id}/run", role=Role.OPERATOR, act=run),
    Action(path="/schedules/{schedule_id}/backfill", role=Role.OPERATOR, act=backfill, form=schedule),
    Action(path="/schedules/{schedule_id}/delete", role=Role.OPERATOR, act=delete),
]
