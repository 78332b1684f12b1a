"""The text of all metrics. Scrapes that come together share one reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

import redis
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from aeon_jobs.api.metrics import attempts, processes, queues, servers
from aeon_jobs.api.metrics.reader import Reader, Reading
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings

LIFE_S = 2.0
"""However many scrapers there are, PostgreSQL is read once in this time."""
WAIT_S = 5.0
"""Who has to wait for longer is told that PostgreSQL is down: it neither answers nor refuses."""

__all__ = ["CONTENT_TYPE", "LIFE_S", "Exposition"]


class Exposition:
    """Any thread may ask."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        client: redis.Redis,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = Reader(settings, database, client, clock)
        self._clock = clock
        self._lock = Lock()
        self._text = b""
        self._until = float("-inf")

    def text(self) -> bytes:
        """Text format 0.0.4, at most LIFE_S old. Never raises for a server that is down: the metrics say so."""
        if not self._lock.acquire(timeout=WAIT_S):
            return _text(_metrics(Reading(postgres_is_up=False, redis=self._reader.redis()), WAIT_S))
        try:
            if self._clock() >= self._until:
                began = time.perf_counter()
                reading = self._reader.read()
                self._text = _text(_metrics(reading, time.perf_counter() - began))
                self._until = self._clock() + LIFE_S
            return self._text
        finally:
            self._lock.release()


def _metrics(reading: Reading, took_s: float) -> Iterator[Metric]:
    yield from servers.scrape_metrics(reading, took_s)
    if reading.redis:
        yield from servers.redis_metrics(reading.redis)
    if reading.storage:
        yield from servers.storage_metrics(reading.storage)
    if reading.situation:
        yield from processes.metrics(reading.situation)
        yield from queues.age_metrics(reading.situation)
        if reading.depths:
            yield from queues.depth_metrics(reading.depths, reading.situation)
        if reading.counters:
            yield from attempts.metrics(reading.counters, reading.situation)


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _text(metrics: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collected(list(metrics)))
    return generate_latest(registry)
