"""Metrics of PostgreSQL and Redis themselves, and of the scrape."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, Metric

from aeon_jobs.api.metrics.gauges import gauge, gauges
from aeon_jobs.api.metrics.reader import Reading, RedisMemory
from aeon_jobs.persistence.metrics.storage import Storage


def scrape_metrics(reading: Reading, took_s: float) -> Iterator[Metric]:
    """What is always there."""
    yield gauges(
        "aeon_jobs_dependency_up",
        "Whether a server that we need answers.",
        ["dependency"],
        {("postgres",): reading.postgres_is_up, ("redis",): reading.redis is not None},
    )
    yield gauges(
        "aeon_jobs_scrape_part_failed",
        "1 for a part of the metrics that PostgreSQL refused, or did not give in time.",
        ["part"],
        {(part,): failed for part, failed in reading.failed.items()},
    )
    yield gauges("aeon_jobs_build_info", "The version that answers.", ["version"], {(version("aeon-jobs"),): 1})
    yield gauge("aeon_jobs_scrape_duration_seconds", "How long reading these metrics took.", took_s)


def storage_metrics(storage: Storage) -> Iterator[Metric]:
    server = storage.server
    yield gauges(
        "aeon_jobs_table_bytes",
        "Size of a table, by part.",
        ["table", "part"],
        {
            (table.name, part): size
            for table in storage.tables
            for part, size in (("heap", table.heap_bytes), ("index", table.index_bytes), ("toast", table.toast_bytes))
        },
    )
    yield gauges(
        "aeon_jobs_table_rows",
        "Rows of a table by the estimate of PostgreSQL. Dead rows take space until a vacuum.",
        ["table", "state"],
        {
            (table.name, state): rows
            for table in storage.tables
            for state, rows in (("live", table.live_rows), ("dead", table.dead_rows))
        },
    )
    yield CounterMetricFamily(
        "aeon_jobs_wal_bytes", "Write-ahead log of the whole server since it was made.", value=server.wal_bytes
    )
    yield gauge("aeon_jobs_database_connections", "Client connections of the whole server.", server.connections)
    yield gauge("aeon_jobs_database_max_connections", "Most connections of the server.", server.max_connections)
    yield gauge(
        "aeon_jobs_oldest_snapshot_age_seconds",
        "Age of the oldest transaction that keeps dead rows from a vacuum.",
        server.oldest_snapshot_age_s,
    )


def redis_metrics(memory: RedisMemory) -> Iterator[Metric]:
    yield gauge("aeon_jobs_redis_memory_bytes", "Memory that Redis uses.", memory.used_bytes)
    yield gauge("aeon_jobs_redis_max_memory_bytes", "Most memory that Redis may use. 0: no limit.", memory.max_bytes)
