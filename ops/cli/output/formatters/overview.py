"""The whole system on one screen: what goes on now, what happened in the last minutes, what failed last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from aeon_jobs.api.contract import DeadLetterSummary, History, HistoryPoint, JobSummary, Metrics, Queue, Worker
from aeon_jobs.ops.cli.output.formatters.history import blocks, seconds
from aeon_jobs.ops.cli.output.formatters.statistics import depths
from aeon_jobs.ops.cli.output.tables import Column, table
from aeon_jobs.ops.cli.output.values import first_line

QUEUES = (
    Column("queue", least=16),
    Column("ready"),
    Column("queued", rank=4),
    Column("running"),
    Column("slots", rank=3),
    Column("note", rank=1, least=12),
    Column("ready, 5 min", rank=2, least=10),
)
WORKERS = (
    Column("worker", least=16),
    Column("state"),
    Column("slots"),
    Column("version", rank=2),
    Column("runs now", rank=1, least=16),
)
FAILURES = (Column("since", rank=1), Column("type", least=16), Column("reason"), Column("error", least=16))
BAR = 10
"""Characters of the bar of busy slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    metrics: Metrics
    history: History
    queues: Sequence[Queue]
    workers: Sequence[Worker]
    running: Sequence[JobSummary]
    """The newest 200."""
    failures: Sequence[DeadLetterSummary]


def overview(found: Overview) -> RenderableType:
    alive = [worker for worker in found.workers if worker.alive]
    return Group(
        depths(found.metrics.queue_depths),
        Text(),
        *_rates(found.history),
        Text(),
        table(QUEUES, _queues(found), nothing="no queue yet: start a worker"),
        Text(),
        *_workers(alive, found.running),
        Text(),
        Text("newest dead letters", "bold"),
        table(FAILURES, [_failure(entry) for entry in found.failures], nothing="none"),
    )


def _rates(history: History) -> list[Text]:
    points, step_s = history.points, history.step_s
    last = points[-1]
    failed = [point.failed + point.retried for point in points]
    rows: list[tuple[str, str, Sequence[float | None]]] = [
        ("completed", f"{last.completed / step_s:,.1f}/s", [point.completed for point in points]),
        ("failed", f"{failed[-1] / step_s:,.1f}/s", failed),
        ("wait p95", seconds(_last(points, "wait_p95_s")), [point.wait_p95_s for point in points]),
        ("run p95", seconds(_last(points, "run_p95_s")), [point.run_p95_s for point in points]),
    ]
    return [Text.assemble((f"{name:<10}", "bold"), f"{now:>12}  ", blocks(values)) for name, now, values in rows]


def _last(points: Sequence[HistoryPoint], name: str) -> float | None:
    known = [value for point in points if (value := getattr(point, name)) is not None]
    return known[-1] if known else None


def _queues(found: Overview) -> list[tuple[object, ...]]:
    over_time = {queue.name: queue.ready for queue in found.history.queues}
    return [
        (
            queue.name,
            queue.ready,
            queue.queued,
            queue.running,
            queue.threads,
            _note(queue),
            blocks(over_time.get(queue.name, []), width=30),
        )
        for queue in found.queues
    ]


def _note(queue: Queue) -> str:
    paused = f"paused: {queue.pause_reason or queue.paused_by or 'no reason given'}" if queue.paused_at else ""
    limit = f"limit {queue.max_running}" if queue.max_running is not None else ""
    return first_line(", ".join(filter(None, [paused, limit])))


def _workers(alive: Sequence[Worker], running: Sequence[JobSummary]) -> list[RenderableType]:
    workers = [worker for worker in alive if worker.kind == "worker"]
    missing = sorted({"dispatcher", "scheduler"} - {worker.kind for worker in alive})
    versions = {worker.version for worker in alive}
    notes = [f"no {kind} process" for kind in missing] if workers else []
    notes += [f"{len(versions)} versions at once"] if len(versions) > 1 else []
    rows = [
        (worker.id, _state(worker), _slots(worker), worker.version, _jobs_of(worker, running)) for worker in workers
    ]
    drawn = table(WORKERS, rows, nothing="no worker is alive: aeon-jobs worker")
    return [drawn, Text(", ".join(notes), "dim")] if notes else [drawn]


def _state(worker: Worker) -> str:
    return "quiet" if worker.quieted_at and worker.state == "running" else worker.state


def _slots(worker: Worker) -> Text:
    part = min(BAR, -(-worker.busy * BAR // worker.threads)) if worker.threads else 0
    return Text.assemble(("█" * part, "cyan"), ("░" * (BAR - part), "dim"), f" {worker.busy}/{worker.threads}")


def _jobs_of(worker: Worker, running: Sequence[JobSummary]) -> str:
    counts = Counter(job.job_type for job in running if job.worker_id == worker.id)
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.most_common())


def _failure(entry: DeadLetterSummary) -> tuple[object, ...]:
    error = f"{entry.error_type or ''}: {first_line(entry.error_message)}".strip(": ")
    return (entry.created_at, entry.job_type, entry.reason, error)
