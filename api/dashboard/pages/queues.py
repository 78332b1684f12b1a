"""Queues: how long they are, who serves them; pause with a note, limit, purge; the keys of limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.contract import PERIODS, History, Period
from aeon_jobs.api.dashboard.chart import Chart, Line
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, Show, link
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.core.errors import InvalidJob

MOST_TYPES = 20
"""With limits, of one queue."""


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """Every queue; or one of them with its charts and its limits, if the address names it."""
    queues = jobs.queues()
    name = ask.get("name")
    if not name:
        return {"queues": queues, "queue": None}
    queue = next((queue for queue in queues if queue.name == name), None)
    if queue is None:
        raise NotFound.named("queue", name, [queue.name for queue in queues])
    limited = [known for known in jobs.job_types() if known.queue_name == name and known.limits_in_force][:MOST_TYPES]
    period: Period = next((known for known in PERIODS if known == ask.get("period")), "1h")
    return {
        "title": f"Queue {name}",
        "queues": queues,
        "queue": queue,
        "limited": [(known, _told(known.limits_in_force or {}), jobs.limit_usage(known.name)) for known in limited],
        "period": period,
        "periods": PERIODS,
        "charts": _charts(jobs.history(period, queue_name=name)),
    }


def pause(jobs: Jobs, ask: Ask) -> Done:
    name = ask.get("name")
    jobs.pause_queue(name, reason=ask.get("reason") or None)
    return Done(_to(name), f"Queue {name} is paused. What runs goes on")


def resume(jobs: Jobs, ask: Ask) -> Done:
    name = ask.get("name")
    jobs.resume_queue(name)
    return Done(_to(name), f"Queue {name} goes on")


def limit(jobs: Jobs, ask: Ask) -> Done:
    name, most = ask.get("name"), ask.get("max_running")
    if most and not (most.isascii() and most.isdigit() and len(most) < 10):
        raise InvalidJob.at("max_running", "must be a whole number, or empty for no limit")
    jobs.limit_queue(name, int(most) if most else None)
    return Done(_to(name), f"At most {most} jobs of queue {name} run at once" if most else f"Queue {name} has no limit")


def preview_purge(jobs: Jobs, ask: Ask) -> Show:
    name = ask.get("name")
    answer = jobs.purge_queue(name, dry_run=True)
    return Show("queue_purge.html", f"Purge {name}", {"name": name, "answer": answer})


def purge(jobs: Jobs, ask: Ask) -> Done:
    name = ask.get("name")
    answer = jobs.purge_queue(name, reason=ask.get("reason") or None)
    more = ". More wait: do it again for the next ones" if answer.more else ""
    return Done(_to(name), f"{answer.changed:,} waiting job{' is' if answer.changed == 1 else 's are'} cancelled{more}")


def _charts(history: History) -> list[Chart]:
    points = history.points
    times = [point.begins_at for point in points]
    ready = Line("ready", "busy", [point.ready_most for point in points])
    running = Line("running", "good", [point.running for point in points])
    median = Line("median", "busy", [point.wait_p50_s for point in points])
    slow = Line("95 %", "warn", [point.wait_p95_s for point in points])
    return [
        Chart("Jobs", "jobs", times, [ready, running]),
        Chart("Wait, from ready to start", "s", times, [median, slow]),
    ]


def _told(limits: Mapping[str, Any]) -> str:
    """Limits in words."""
    per_key = f"for each {limits['key']}" if "key" in limits else ""
    parts = [f"{limits['running']} at once"] if "running" in limits else []
    parts += [f"{limits['running_per_key']} at once {per_key}"] if "running_per_key" in limits else []
    parts += [f"{_rate(limits['starts'])}"] if "starts" in limits else []
    parts += [f"{_rate(limits['starts_per_key'])} {per_key}"] if "starts_per_key" in limits else []
    strategy = str(limits.get("strategy", "queue")).replace("_", " ")
    return "; ".join([*parts, *([] if strategy == "queue" else [strategy])])


def _rate(starts: Mapping[str, Any]) -> str:
    return f"{starts['count']} starts in {starts['period_ms'] / 1_000:g} s"


def _to(name: str) -> str:
    return link("/queues", {"name": name}).removeprefix("/dashboard")


listing = Page(path="/queues", title="Queues", template="queues.html", read=read, menu=True)
pages = [listing]
actions = [
    Action(path="/queues/pause", role=Role.OPERATOR, act=pause),
    Action(path="/queues/resume", role=Role.OPERATOR, act=resume),
    Action(path="/queues/limit", role=Role.OPERATOR, act=limit),
    Action(path="/queues/purge/preview", role=Role.OPERATOR, act=preview_purge),
    Action(path="/queues/purge", role=Role.OPERATOR, act=purge),
]
