"""aeon-jobs: `aeon-jobs dispatcher` and `aeon-jobs worker`, on the defaults."""

from __future__ import annotations

from collections.abc import Sequence

from aeon_jobs import job
from aeon_jobs.ops.benchmarks.rivals import work


@job
def noop(value: float) -> None:
    work.noop(value)


@job
def stamp(value: float) -> None:
    work.stamp(value)


JOBS = {"noop": noop, "stamp": stamp}


class Ours:
    def prepare(self) -> None:
        from aeon_jobs.persistence.core import migrate
        from aeon_jobs.persistence.core.database import get_database

        migrate.up(get_database())

    def send(self, job: str, values: Sequence[float]) -> None:
        for value in values:
            JOBS[job].send(value=value)

    def send_many(self, job: str, values: Sequence[float]) -> None:
        JOBS[job].send_many({"value": value} for value in values)


ADAPTER = Ours
