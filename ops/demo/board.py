"""The table to watch: jobs by type and status, as the database has them.

On a terminal it is redrawn in place; elsewhere a plain line is printed every other second.
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

from aeon_jobs.ops.demo.patience import Patience
from aeon_jobs.ops.demo.workload import JOB_TYPES
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import Job, JobStatus, Worker

LOOK_EVERY_S = 0.2
LINE_EVERY_S = 2.0
WINDOW_S = 3.0
"""Throughput is that of the last so many seconds."""

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


class Board:
    """Shown while its `with` block lasts."""

    def __init__(self, console: Console, database: Database, patience: Patience) -> None:
        self._console, self._database, self._patience = console, database, patience
        self._snapshot = Snapshot()
        self._looked_at = self._printed_at = float("-inf")
        self._ended: deque[tuple[float, int]] = deque()
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def refresh(self) -> Snapshot:
        """The newest snapshot, at most LOOK_EVERY_S old; shown if it is new."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._snapshot = look(self._database)
            self._ended.append((now, self._snapshot.ended))
            self._show(now)
        return self._snapshot

    def summary(self) -> str:
        """The newest snapshot in a line."""
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
        self._console.print(f"{self._patience.elapsed:5.1f} s  {self.summary()}", soft_wrap=True)

    def _table(self) -> Table:
        now = self._snapshot
        threads = f"{now.workers} worker processes, {now.threads} threads"
        caption = f"{self._patience.elapsed:.1f} s · {self._rate():.0f} jobs/s · {threads}"
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
        """Jobs that ended per second, lately."""
        while len(self._ended) > 1 and self._ended[-1][0] - self._ended[0][0] > WINDOW_S:
            self._ended.popleft()
        if len(self._ended) < 2:
            return 0.0
        (began, before), (now, after) = self._ended[0], self._ended[-1]
        return (after - before) / (now - began)


def look(database: Database) -> Snapshot:
    """Ask the database."""
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
