"""pgqueuer: `python -m` this is a worker. A log row is kept per change of a job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import asyncpg
import uvloop
from pgqueuer import PgQueuer, Queries
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver

from aeon_jobs.ops.benchmarks.rivals import work
from aeon_jobs.ops.benchmarks.rivals.adapter import DATABASE_URL

BATCH = 1_000
AT_ONCE = 8
"""Jobs of one worker. pgqueuer wants at least twice the batch that it fetches."""

HANDLERS: dict[str, Callable[[float], Coroutine[Any, Any, None]]] = {
    "noop": work.noop_async,
    "stamp": work.stamp_async,
}


class PgQueuerAdapter:
    def prepare(self) -> None:
        self._loop = asyncio.new_event_loop()
        connection = self._loop.run_until_complete(asyncpg.connect(DATABASE_URL))
        self._queries = Queries(AsyncpgDriver(connection))
        self._loop.run_until_complete(self._queries.install())

    def send(self, job: str, values: Sequence[float]) -> None:
        async def send() -> None:
            for value in values:
                await self._queries.enqueue(job, json.dumps(value).encode())

        self._loop.run_until_complete(send())

    def send_many(self, job: str, values: Sequence[float]) -> None:
        async def send() -> None:
            for first in range(0, len(values), BATCH):
                payloads = [json.dumps(value).encode() for value in values[first : first + BATCH]]
                await self._queries.enqueue([job] * len(payloads), payloads, [0] * len(payloads))

        self._loop.run_until_complete(send())


async def _work() -> None:
    async with asyncpg.create_pool(DATABASE_URL, min_size=2, max_size=10) as pool:
        worker = PgQueuer(AsyncpgPoolDriver(pool))
        for name, handler in HANDLERS.items():
            worker.entrypoint(name)(_entry_point(handler))
        await worker.run(batch_size=AT_ONCE // 2, max_concurrent_tasks=AT_ONCE)


def _entry_point(handler: Callable[[float], Coroutine[Any, Any, None]]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def run(job: Any) -> None:
        await handler(json.loads(job.payload))

    return run


ADAPTER = PgQueuerAdapter

if __name__ == "__main__":
    uvloop.run(_work())
