"""The table of jobs by type and status, read from the database while the jobs run.

A terminal shows the table and updates it in place. Elsewhere a plain line is printed every two seconds.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from sqlmodel import func, select

from aeon_jobs.ops.demo.deadline import Deadline
from aeon_jobs.ops.demo.workload import JOB_TYPES
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import Job, JobStatus, Worker

QUERY_EVERY_S = 0.2
LINE_EVERY_S = 2.0
WINDOW_S = 3.0
"""Seconds over which the throughput is measured."""

COLOURS = {"running": "cyan", "completed": "green", "failed": "red", "cancelled": "yellow"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Jobs by (type, status)."""
    retries: Counter[str] = field(default_factory=Counter)
    workers: int = 0
    threads: int = 0

    def of_status(self, status: str) -> int:
        return sum(number for (_, found), number in self.counts.items() if found == status)

    @property
    def ended(self) -> int:
        return sum(self.of_status(status) for status in JobStatus if status.is_final)

    @property
    def is_over(self) -> bool:
        return 0 < self.ended == self.counts.total()


class Progress:
    """Shown while its `with` block lasts."""

    def __init__(self, console: Console, database: Database, deadline: Deadline) -> None:
        self._console, self._database, self._deadline = console, database, deadline
        self._snapshot = Snapshot()
        self._queried_at = self._printed_at = float("-inf")
        self._ended: deque[tuple[float, int]] = deque()
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def refresh(self) -> Snapshot:
        """The newest snapshot, at most QUERY_EVERY_S old. A new one is shown."""
        now = time.monotonic()
        if now - self._queried_at >= QUERY_EVERY_S:
            self._queried_at = now
            self._snapshot = query(self._database)
            self._ended.append((now, self._snapshot.ended))
            self._show(now)
        return self._snapshot

    def summary(self) -> str:
        """The newest snapshot in one line."""
        now = self._snapshot
        numbers = " · ".join(f"{status} {now.of_status(status)}" for status in JobStatus)
        return f"{numbers} · {self._rate():.0f} jobs/s · {now.workers} workers"

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        self.refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        elif error is None:
            self._print_line()

    def _show(self, now: float) -> None:
        if self._live:
            self._live.update(self._table(), refresh=True)
        elif now - self._printed_at >= LINE_EVERY_S:
            self._printed_at = now
            self._print_line()

    def _print_line(self) -> None:
        self._console.print(f"{self._deadline.elapsed:5.1f} s  {self.summary()}", soft_wrap=True)

    def _table(self) -> Table:
        now = self._snapshot
        threads = f"{now.workers} worker processes, {now.threads} threads"
        caption = f"{self._deadline.elapsed:.1f} s · {self._rate():.0f} jobs/s · {threads}"
        table = Table("job type", title="jobs", caption=caption, show_footer=True)
        table.columns[0].footer = "all"
        for status in JobStatus:
            total = now.of_status(status)
            table.add_column(status, str(total), justify="right", style=COLOURS.get(status))
        table.add_column("retries", str(now.retries.total()), justify="right")
        for job_type in JOB_TYPES:
            numbers = [str(now.counts[job_type, status]) for status in JobStatus]
            table.add_row(job_type, *numbers, str(now.retries[job_type]))
        return table

    def _rate(self) -> float:
        """Jobs that ended per second, in the last WINDOW_S."""
        while len(self._ended) > 1 and self._ended[-1][0] - self._ended[0][0] > WINDOW_S:
            self._ended.popleft()
        if len(self._ended) < 2:
            return 0.0
        (began, before), (now, after) = self._ended[0], self._ended[-1]
        return (after - before) / (now - began)


def query(database: Database) -> Snapshot:
    """The jobs and the workers, as the database has them now."""
    snapshot = select(Job.job_type, Job.status, func.count(), func.sum(Job.retry_count))
    running = select(func.count(), func.coalesce(func.sum(Worker.threads), 0))
    with database.connection() as connection:
        rows = connection.execute(snapshot.group_by(Job.job_type, Job.status)).all()
        workers, threads = connection.execute(running.where(Worker.kind == "worker", Worker.state == "running")).one()
    counts: Counter[tuple[str, str]] = Counter()
    retries: Counter[str] = Counter()
    for job_type, status, number, retried in rows:
        counts[job_type, status] += number
        retries[job_type] += retried
    return Snapshot(counts, retries, workers, threads)
