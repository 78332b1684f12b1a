"""The text of the metrics: names, zeros, one reading for many scrapers, and servers that are down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from aeon_jobs.api.metrics import Exposition, exposition
from aeon_jobs.api.metrics.remembered import COST_FACTOR, Remembered
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.metrics.storage import TABLES
from aeon_jobs.persistence.queue import queues
from aeon_jobs.persistence.redis_clients import redis_client as client_of
from tests.rows import add_job, queue, register, rows, running_job

SAMPLES = """
    jobs_processed_total{job_type,status} jobs_failed_total{job_type,error_type} job_duration_seconds_bucket{job_type,le}
    job_duration_seconds_count{job_type} job_duration_seconds_sum{job_type} queue_depth_gauge{status}
    worker_alive_gauge{worker_id} aeon_jobs_dependency_up{dependency} aeon_jobs_build_info{version}
    aeon_jobs_scrape_duration_seconds{} aeon_jobs_scrape_part_failed{part} aeon_jobs_queue_depth{queue,status}
    aeon_jobs_queue_paused{queue} aeon_jobs_oldest_ready_age_seconds{queue} aeon_jobs_wait_seconds_bucket{queue,le}
    aeon_jobs_wait_seconds_count{queue} aeon_jobs_wait_seconds_sum{queue} aeon_jobs_dispatch_lag_seconds{}
    aeon_jobs_running_past_deadline{} aeon_jobs_live_workers{kind} aeon_jobs_worker_slots{worker_id}
    aeon_jobs_worker_busy_slots{worker_id} aeon_jobs_background_task_last_success_timestamp_seconds{task}
    aeon_jobs_retries_total{job_type} aeon_jobs_rescues_total{job_type} aeon_jobs_superseded_total{job_type}
    aeon_jobs_schedule_runs_total{job_type,outcome}
    aeon_jobs_dead_letters_total{job_type,reason} aeon_jobs_dead_letters{reason} aeon_jobs_table_bytes{table,part}
    aeon_jobs_table_rows{table,state} aeon_jobs_wal_bytes_total{} aeon_jobs_oldest_snapshot_age_seconds{}
    aeon_jobs_redis_memory_bytes{} aeon_jobs_redis_max_memory_bytes{} aeon_jobs_database_connections{}
    aeon_jobs_database_max_connections{} aeon_jobs_gated_jobs{job_type}
"""
WORKER = """
    INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, threads, busy, state,
        started_at, last_seen_at)
    VALUES (:id, 'worker', 'h', 'b', 'n', 1, 0, '1', 8, 3, :state, now() - interval '1 h', now())
"""
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def values(text: bytes) -> Values:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value_of(found: Values, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def exposed(environment: Settings, database: Database, redis_client: redis.Redis) -> Exposition:
    register(database)
    return Exposition(environment, database, redis_client)


def test_every_metric_has_its_name_and_labels_before_anything_happened(database: Database, exposed: Exposition) -> None:
    rows(database, WORKER, id="w", state="running")
    found = values(exposed.text())
    shapes = {(name, frozenset(label for label, _ in labels)) for name, labels in found}
    wanted = {
        (name, frozenset(labels.rstrip("}").split(",")) - {""})
        for name, _, labels in (entry.partition("{") for entry in SAMPLES.split())
    }
    assert shapes == wanted


def test_what_is_known_has_zeros_from_the_start(exposed: Exposition) -> None:
    found = values(exposed.text())
    for status in ("completed", "retried", "failed", "discarded", "cancelled", "lost"):
        assert value_of(found, "jobs_processed_total", job_type="note", status=status) == 0
    assert value_of(found, "aeon_jobs_wait_seconds_bucket", queue="default", le="5.0") == 0
    assert value_of(found, "aeon_jobs_dead_letters_total", job_type="note", reason="poison") == 0
    assert value_of(found, "aeon_jobs_queue_depth", queue="default", status="ready") == 0
    assert value_of(found, "aeon_jobs_live_workers", kind="dispatcher") == 0
    assert value_of(found, "aeon_jobs_background_task_last_success_timestamp_seconds", task="rescue") == 0


def test_it_shows_depths_ages_pauses_deadlines_and_who_lives(database: Database, exposed: Exposition) -> None:
    # The oldest ready job is of the lowest priority, and not the first of its queue.
    for priority, age in ((90, "1 min"), (10, "1 h"), (10, "1 min")):
        rows(
            database,
            "INSERT INTO jobs (job_type, priority, created_at) VALUES ('note', :p, now() - CAST(:a AS interval))",
            p=priority,
            a=age,
        )
    queue(database, add_job(database))
    rows(database, "UPDATE jobs SET queued_at = now() - interval '9 s' WHERE status = 'queued'")
    running_job(database, timeout_ms=1)
    rows(database, "UPDATE jobs SET started_at = now() - interval '9 s' WHERE status = 'running'")
    add_job(database, limit_key="a")
    rows(database, WORKER, id="alive", state="running")
    rows(database, WORKER, id="ended", state="stopped")
    rows(database, WORKER, id="gone", state="lost")
    with database.transaction() as connection:
        queues.pause(connection, "other", by="me")
    found = values(exposed.text())

    depths = {
        s: value_of(found, "aeon_jobs_queue_depth", queue="default", status=s) for s in ("ready", "queued", "running")
    }
    assert depths == {"ready": 3, "queued": 1, "running": 1}
    assert value_of(found, "queue_depth_gauge", status="processing") == 1
    assert value_of(found, "aeon_jobs_gated_jobs", job_type="note") == 1
    assert value_of(found, "aeon_jobs_oldest_ready_age_seconds", queue="default") == pytest.approx(3_600, abs=30)
    assert value_of(found, "aeon_jobs_oldest_ready_age_seconds", queue="other") == 0
    assert value_of(found, "aeon_jobs_queue_paused", queue="other") == 1
    assert value_of(found, "aeon_jobs_dispatch_lag_seconds") == pytest.approx(9, abs=8)
    assert value_of(found, "aeon_jobs_running_past_deadline") == 1
    assert value_of(found, "worker_alive_gauge", worker_id="alive") == 1
    assert value_of(found, "worker_alive_gauge", worker_id="gone") == 0
    assert ("worker_alive_gauge", frozenset({("worker_id", "ended")})) not in found
    assert value_of(found, "aeon_jobs_worker_busy_slots", worker_id="alive") == 3
    assert ("aeon_jobs_worker_slots", frozenset({("worker_id", "gone")})) not in found


def test_every_table_of_ours_has_a_size(database: Database, exposed: Exposition) -> None:
    sql = (
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND NOT relispartition"
    )
    there = {name for (name,) in rows(database, sql)}
    assert set(TABLES) == there
    found = values(exposed.text())
    shown = {dict(labels)["table"] for name, labels in found if name == "aeon_jobs_table_bytes"}
    assert shown == there
    assert value_of(found, "aeon_jobs_table_bytes", table="job_types", part="heap") == 8_192


def test_scrapers_that_come_together_cost_one_reading(
    environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    clock = SimpleNamespace(now=0.0)
    exposed = Exposition(environment, database, redis_client, clock=lambda: clock.now)
    sent: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    threads = [threading.Thread(target=exposed.text) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    at_once = len(sent)
    assert at_once == 5
    clock.now = exposition.LIFE_S
    exposed.text()
    assert len(sent) > at_once  # not the sizes: they are kept for longer


def test_what_is_dear_is_kept_for_longer() -> None:
    clock, times = SimpleNamespace(now=100.0), iter((1.0, 0.0, 0.0))

    def read() -> float:
        clock.now += next(times)
        return clock.now

    kept = Remembered(read, clock=lambda: clock.now)
    assert kept.get() == 101
    clock.now = 100 + COST_FACTOR - 0.1
    assert kept.get() == 101
    clock.now = 100 + COST_FACTOR
    assert kept.get() == clock.now


def test_a_statement_that_takes_too_long_leaves_its_part_out(
    environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    settings = environment.model_copy(update={"metrics_statement_timeout": 100})
    exposed = Exposition(settings, database, redis_client)
    with database.transaction() as connection:
        rows(connection, "LOCK dead_letter_jobs IN ACCESS EXCLUSIVE MODE")
        found = values(exposed.text())
    assert value_of(found, "aeon_jobs_dependency_up", dependency="postgres") == 1
    assert value_of(found, "aeon_jobs_scrape_part_failed", part="depths") == 1
    assert value_of(found, "aeon_jobs_scrape_part_failed", part="situation") == 0
    assert not [name for name, _ in found if name == "queue_depth_gauge"]
    assert value_of(found, "aeon_jobs_live_workers", kind="worker") == 0


@pytest.fixture
def private(private_postgres: EmbeddedPostgres, environment: Settings) -> Iterator[Database]:
    database = Database(Settings(database_url=private_postgres.url).postgres_dsn)
    migrate.up(database)
    yield database
    database.dispose()


def test_servers_that_are_down_are_said_to_be_and_nothing_stale_is_shown(
    environment: Settings, private_postgres: EmbeddedPostgres, private: Database, private_redis: EmbeddedRedis
) -> None:
    clock = SimpleNamespace(now=0.0)
    client = client_of(private_redis.url, socket_timeout=1)
    exposed = Exposition(environment, private, client, clock=lambda: clock.now)

    def scrape() -> Values:
        clock.now += exposition.LIFE_S
        return values(exposed.text())

    assert value_of(scrape(), "aeon_jobs_dependency_up", dependency="postgres") == 1
    private_postgres.stop()
    found = scrape()
    assert value_of(found, "aeon_jobs_dependency_up", dependency="postgres") == 0
    assert value_of(found, "aeon_jobs_dependency_up", dependency="redis") == 1
    assert {name for name, _ in found} == {
        "aeon_jobs_dependency_up", "aeon_jobs_build_info", "aeon_jobs_scrape_duration_seconds",
        "aeon_jobs_redis_memory_bytes", "aeon_jobs_redis_max_memory_bytes",
    }  # fmt: skip
    private_postgres.start()
    private_redis.stop()
    found = scrape()
    assert value_of(found, "aeon_jobs_dependency_up", dependency="postgres") == 1
    assert value_of(found, "aeon_jobs_dependency_up", dependency="redis") == 0
    assert not [name for name, _ in found if name.startswith("aeon_jobs_redis")]
    assert value_of(found, "queue_depth_gauge", status="pending") == 0
    client.close()


def test_whoever_waits_too_long_is_told_that_postgres_is_down(
    exposed: Exposition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposition, "WAIT_S", 0.01)
    with exposed._lock:
        assert value_of(values(exposed.text()), "aeon_jobs_dependency_up", dependency="postgres") == 0
