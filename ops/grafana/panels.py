"""What the dashboard shows: rows of panels, and the queries of each panel.

Every query keeps the label `system` and takes the maximum over scrapes of the same number: several exporters, or exporter and
API, give the same series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "timeseries"]


@dataclass(frozen=True, slots=True)
class Query:
    """`legend`: Grafana's template for the name of a series."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`unit`: one of Grafana's. `warning` and `critical`: values from which on it is drawn in yellow and red; where
    `low_is_bad`, below which. `stacked`: series on top of each other.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    warning: float | None = None
    critical: float | None = None
    low_is_bad: bool = False
    stacked: bool = False
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def _gauge(name: str, by: str, matchers: str = "") -> str:
    return f"max by (system, {by}) ({name}{{{_of_system(matchers)}}})"


def _total(name: str, matchers: str = "") -> str:
    return f"max by (system) ({name}{{{_of_system(matchers)}}})"


def _rate(name: str, by: str, matchers: str = "") -> str:
    return f"max by (system, {by}) (rate({name}{{{_of_system(matchers)}}}[$__rate_interval]))"


def _of_system(matchers: str) -> str:
    return ", ".join(filter(None, ['system=~"$system"', matchers]))


def _quantile(quantile: str, histogram: str, by: str, kept: str = "system") -> str:
    buckets = _rate(f"{histogram}_bucket", f"{by}, le")
    return f"histogram_quantile({quantile}, sum by ({kept}, le) ({buckets}))"


def _depth(status: str) -> str:
    return _total("queue_depth_gauge", f'status="{status}"')


_PROCESSED = _rate("jobs_processed_total", "job_type, status")
_FAILED = _rate("jobs_failed_total", "job_type, error_type")
_BUSY, _SLOTS = (_gauge(f"aeon_jobs_worker_{name}", "worker_id") for name in ("busy_slots", "slots"))
_TASK = "aeon_jobs_background_task_last_success_timestamp_seconds"
_WINDOWS = ("5m", "1h", "6h", "3d")

ROWS: tuple[Row, ...] = (
    Row(
        "Overview",
        (
            Panel(
                "Ready", "Pending jobs whose time has come.", "short", (Query(_depth("pending")),), "stat", 1000, 5000
            ),
            Panel("Running", "Jobs that run now.", "short", (Query(_depth("processing")),), "stat"),
            Panel(
                "Dead letters, open",
                "Failed jobs that wait for a decision.",
                "short",
                (Query(_depth("dlq")),),
                "stat",
                1,
                51,
            ),
            Panel(
                "Oldest ready job",
                "How long the oldest ready job has waited.",
                "s",
                (Query("max by (system) (" + _gauge("aeon_jobs_oldest_ready_age_seconds", "queue") + ")"),),
                "stat",
                60,
                300,
            ),
            Panel(
                "Live workers",
                "Worker processes that were heard of lately.",
                "short",
                (Query(_total("aeon_jobs_live_workers", 'kind="worker"')),),
                "stat",
                critical=1,
                low_is_bad=True,
            ),
            Panel(
                "Busy slots",
                "Share of the slots of all workers that run a job.",
                "percentunit",
                (Query(f"sum by (system) ({_BUSY}) / sum by (system) ({_SLOTS})"),),
                "stat",
                0.85,
                0.95,
            ),
            Panel(
                "Failed attempts",
                "Share of the finished attempts that failed.",
                "percentunit",
                (Query(f"sum by (system) ({_FAILED}) / sum by (system) ({_PROCESSED})"),),
                "stat",
                0.05,
                0.1,
            ),
            Panel(
                "Alerts",
                "Alerts that fire now.",
                "short",
                (Query('count(ALERTS{alertstate="firing"}) or vector(0)'),),
                "stat",
                1,
                3,
            ),
        ),
    ),
    Row(
        "Queues",
        (
            Panel(
                "Queue depth by state",
                "Pending: its time has come. Queued: handed to Redis. dlq: open dead letters.",
                "short",
                (Query(_gauge("queue_depth_gauge", "status"), "{{status}}"),),
            ),
            Panel(
                "Ready jobs by queue",
                "Where the backlog is.",
                "short",
                (Query(_gauge("aeon_jobs_queue_depth", "queue", 'status="ready"'), "{{queue}}"),),
                stacked=True,
            ),
            Panel(
                "Age of the oldest ready job",
                "It grows by one second a second where nothing starts.",
                "s",
                (Query(_gauge("aeon_jobs_oldest_ready_age_seconds", "queue"), "{{queue}}"),),
                warning=60,
                critical=300,
            ),
        ),
    ),
    Row(
        "Throughput and errors",
        (
            Panel(
                "Throughput by job type",
                "Finished attempts a minute.",
                "short",
                (Query(f"60 * sum by (system, job_type) ({_PROCESSED})", "{{job_type}}"),),
                stacked=True,
            ),
            Panel(
                "Finished attempts by outcome",
                "Attempts a second.",
                "ops",
                (Query(f"sum by (system, status) ({_PROCESSED})", "{{status}}"),),
            ),
            Panel(
                "Failure rate by job type",
                "Failed ÷ finished attempts. HighFailureRate fires above 10 %.",
                "percentunit",
                (
                    Query(
                        f"sum by (system, job_type) ({_FAILED}) / sum by (system, job_type) ({_PROCESSED})",
                        "{{job_type}}",
                    ),
                ),
                critical=0.1,
            ),
            Panel(
                "Failed attempts by error",
                "Attempts a second.",
                "ops",
                (Query(_FAILED, "{{job_type}}: {{error_type}}"),),
                stacked=True,
            ),
            Panel(
                "Retries, rescues, superseded attempts",
                "A rescue: the worker was lost. Superseded: a worker came back after its job was given to another.",
                "ops",
                tuple(
                    Query(f"sum by (system) ({_rate(f'aeon_jobs_{name}_total', 'job_type')})", name)
                    for name in ("retries", "rescues", "superseded")
                ),
            ),
            Panel(
                "Open dead letters by reason",
                "DLQAccumulation fires above 50 in all.",
                "short",
                (Query(_gauge("aeon_jobs_dead_letters", "reason"), "{{reason}}"),),
                stacked=True,
            ),
        ),
    ),
    Row(
        "Latency",
        (
            Panel(
                "Duration of attempts, p95 by job type",
                "From start to end of the handler.",
                "s",
                (Query(_quantile("0.95", "job_duration_seconds", "job_type", "system, job_type"), "{{job_type}}"),),
            ),
            Panel(
                "Wait for the start",
                "From ready to start, all queues. The service level: p95 below 5 s.",
                "s",
                tuple(
                    Query(_quantile(quantile, "aeon_jobs_wait_seconds", "queue"), name)
                    for name, quantile in (("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99"))
                ),
                critical=5,
            ),
            Panel(
                "Jobs that start later than 5 s",
                "Share, over each window. The budget is 5 %.",
                "percentunit",
                tuple(
                    Query(f'system:aeon_jobs_wait_slo_errors:ratio_rate{window}{{system=~"$system"}}', window)
                    for window in _WINDOWS
                ),
                warning=0.05,
            ),
        ),
    ),
    Row(
        "Workers",
        (
            Panel(
                "Workers alive",
                "1: heard of. 0: lost, and no new worker has taken its place. One that stops cleanly goes.",
                "short",
                (Query(_gauge("worker_alive_gauge", "worker_id"), "{{worker_id}}"),),
                highest=1,
            ),
            Panel(
                "Live processes",
                "By kind.",
                "short",
                (Query(_gauge("aeon_jobs_live_workers", "kind"), "{{kind}}"),),
            ),
            Panel(
                "Slots",
                "How many jobs can run at once, and how many do.",
                "short",
                (Query(f"sum by (system) ({_SLOTS})", "slots"), Query(f"sum by (system) ({_BUSY})", "busy")),
            ),
            Panel(
                "Jobs past their deadline",
                "They have used up their timeout_ms, and still run.",
                "short",
                (Query(_total("aeon_jobs_running_past_deadline"), "past deadline"),),
            ),
            Panel(
                "Dispatch lag",
                "Age of the oldest job that was handed to Redis and not taken by a worker.",
                "s",
                (Query(_total("aeon_jobs_dispatch_lag_seconds"), "lag"),),
            ),
            Panel(
                "Background tasks: time since the last success",
                "Tasks of the dispatcher and of the scheduler.",
                "s",
                (Query(f"time() - ({_gauge(_TASK, 'task')} > 0)", "{{task}}"),),
            ),
        ),
    ),
    Row(
        "PostgreSQL, Redis, exporter",
        (
            Panel(
                "Servers that answer",
                "1: it answers the exporter.",
                "short",
                (Query(_gauge("aeon_jobs_dependency_up", "dependency"), "{{dependency}}"),),
                highest=1,
            ),
            Panel(
                "Connections of PostgreSQL",
                "Of all its databases.",
                "short",
                (
                    Query(_total("aeon_jobs_database_connections"), "used"),
                    Query(_total("aeon_jobs_database_max_connections"), "limit"),
                ),
            ),
            Panel(
                "Memory of Redis",
                "A limit of 0: none is set.",
                "bytes",
                (
                    Query(_total("aeon_jobs_redis_memory_bytes"), "used"),
                    Query(_total("aeon_jobs_redis_max_memory_bytes"), "limit"),
                ),
            ),
            Panel(
                "Size of tables",
                "Rows, indexes and long values.",
                "bytes",
                (Query(f"sum by (system, table) ({_gauge('aeon_jobs_table_bytes', 'table, part')})", "{{table}}"),),
                stacked=True,
            ),
            Panel(
                "Dead rows",
                "Rows that vacuum has not removed yet.",
                "short",
                (Query(_gauge("aeon_jobs_table_rows", "table", 'state="dead"'), "{{table}}"),),
                stacked=True,
            ),
            Panel(
                "Oldest snapshot",
                "Age of the oldest open transaction. Vacuum cannot remove rows that died later.",
                "s",
                (Query(_total("aeon_jobs_oldest_snapshot_age_seconds"), "age"),),
                critical=900,
            ),
            Panel(
                "WAL",
                "Of the whole server.",
                "Bps",
                (
                    Query(
                        f"max by (system) (rate(aeon_jobs_wal_bytes_total{{{_of_system('')}}}[$__rate_interval]))",
                        "WAL",
                    ),
                ),
            ),
            Panel(
                "WAL per finished attempt",
                "WAL of the whole server ÷ finished attempts.",
                "bytes",
                (
                    Query(
                        f"max by (system) (rate(aeon_jobs_wal_bytes_total{{{_of_system('')}}}[$__rate_interval]))"
                        f" / sum by (system) ({_PROCESSED})",
                        "WAL per attempt",
                    ),
                ),
            ),
            Panel(
                "Duration of a scrape",
                "How long the exporter takes to read the metrics.",
                "s",
                (
                    Query(
                        f"max by (system, instance) (aeon_jobs_scrape_duration_seconds{{{_of_system('')}}})",
                        "{{instance}}",
                    ),
                ),
            ),
        ),
    ),
)
