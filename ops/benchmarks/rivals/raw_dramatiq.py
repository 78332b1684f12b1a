"""dramatiq alone, with Redis: nothing is stored, and there is no interface for many jobs."""

from __future__ import annotations

from collections.abc import Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from aeon_jobs.ops.benchmarks.rivals import work
from aeon_jobs.ops.benchmarks.rivals.adapter import REDIS_URL

dramatiq.set_broker(RedisBroker(url=REDIS_URL))  # type: ignore[no-untyped-call]
JOBS = {"noop": dramatiq.actor(work.noop), "stamp": dramatiq.actor(work.stamp)}


class RawDramatiq:
    def prepare(self) -> None:
        pass

    def send(self, job: str, values: Sequence[float]) -> None:
        for value in values:
            JOBS[job].send(value)

    def send_many(self, job: str, values: Sequence[float]) -> None:
        self.send(job, values)


ADAPTER = RawDramatiq
