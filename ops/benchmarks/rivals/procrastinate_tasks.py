"""procrastinate: asynchronous tasks, jobs are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import procrastinate

from aeon_jobs.ops.benchmarks.rivals import work
from aeon_jobs.ops.benchmarks.rivals.adapter import DATABASE_URL

BATCH = 1_000

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DATABASE_URL, min_size=4, max_size=10))
JOBS = {"noop": app.task(name="noop")(work.noop_async), "stamp": app.task(name="stamp")(work.stamp_async)}


class Procrastinate:
    def prepare(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(app.open_async())
        self._loop.run_until_complete(app.schema_manager.apply_schema_async())

    def send(self, job: str, values: Sequence[float]) -> None:
        async def send() -> None:
            for value in values:
                await JOBS[job].defer_async(value=value)

        self._loop.run_until_complete(send())

    def send_many(self, job: str, values: Sequence[float]) -> None:
        async def send() -> None:
            for first in range(0, len(values), BATCH):
                await JOBS[job].batch_defer_async(*({"value": value} for value in values[first : first + BATCH]))

        self._loop.run_until_complete(send())


ADAPTER = Procrastinate
