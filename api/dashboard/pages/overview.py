"""How the whole system does: now, and over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.contract import PERIODS, History, Period
from aeon_jobs.api.dashboard.chart import Chart, Colour, Line
from aeon_jobs.api.dashboard.page import Action, Ask, Page
from aeon_jobs.api.service import Jobs

DEFAULT: Period = "1h"
COLOURS: tuple[Colour, ...] = ("busy", "good", "warn", "bad", "muted")
"""Of queues: the five with the most jobs are drawn."""


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """The state of now, the last day by job type, and the lines of a period."""
    period = next((known for known in PERIODS if known == ask.get("period")), DEFAULT)
    return {
        "metrics": jobs.metrics(),
        "queues": jobs.queues(),
        "periods": PERIODS,
        "period": period,
        "charts": charts(jobs.history(period)),
    }


def charts(history: History) -> list[Chart]:
    """Throughput, failures, waiting, durations, queues, threads."""
    points = history.points
    times = [point.begins_at for point in points]

    def line(label: str, colour: Colour, name: str, factor: float = 1) -> Line:
        values = [getattr(point, name) for point in points]
        return Line(label, colour, [None if value is None else value * factor for value in values])

    per_minute = 60 / history.step_s
    queues = [Line(queue.name, colour, queue.ready) for queue, colour in zip(history.queues, COLOURS, strict=False)]
    drawn = {
        ("Throughput", "jobs per minute"): [
            line("completed", "good", "completed", per_minute),
            line("submitted", "muted", "submitted", per_minute),
        ],
        ("Failures", "attempts per minute"): [
            line("failed", "bad", "failed", per_minute),
            line("retried", "warn", "retried", per_minute),
        ],
        ("Wait, from ready to start", "s"): [line("median", "busy", "wait_p50_s"), line("95 %", "warn", "wait_p95_s")],
        ("Duration of attempts", "s"): [line("median", "busy", "run_p50_s"), line("95 %", "warn", "run_p95_s")],
        ("Jobs that are ready", "jobs"): queues or [line("ready", "busy", "ready")],
        ("Threads", "threads"): [line("busy", "busy", "busy"), line("all", "muted", "slots")],
    }
    return [Chart(title, unit, times, lines) for (title, unit), lines in drawn.items()]


overview = Page(path="/", title="Overview", template="overview.html", read=read, menu=True)
pages = [overview]
actions: list[Action] = []
