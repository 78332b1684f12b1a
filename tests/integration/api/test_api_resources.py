"""Dead letters, schedules, queues, workers, job types, explanations, metrics through HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import workers
from tests.integration.conftest import ApiClients


@pytest.fixture
def sql(database: Database) -> Any:
    def execute(statement: str, **parameters: Any) -> Any:
        with database.transaction() as connection:
            return connection.execute(text(statement), parameters)

    return execute


def _fail(sql: Any, job_id: UUID, fingerprint: str = "f1") -> int:
    sql("UPDATE jobs SET status = 'failed', completed_at = now(), error_message = 'boom' WHERE id = :id", id=job_id)
    dead_letter = sql(
        "INSERT INTO dead_letter_jobs (job_id, job_type, queue_name, reason, error_type, error_message, fingerprint,"
        " payload) VALUES (:id, 'echo', 'default', 'exhausted', 'ValueError', 'boom', :fingerprint, '{}') RETURNING id",
        id=job_id,
        fingerprint=fingerprint,
    )
    return int(dead_letter.scalar_one())


def _worker(database: Database, **changes: Any) -> None:
    host = workers.Host("host", "boot", "ns")
    fields = {
        "id": "w1",
        "kind": "worker",
        "host": host,
        "pid": 1,
        "process_started_at": 0.0,
        "version": "1",
        "queues": ["default"],
        "job_types": ["echo"],
        "threads": 8,
    }
    with database.transaction() as connection:
        workers.register(connection, workers.Registration(**{**fields, **changes}))


def test_a_dead_letter_is_listed_inspected_and_requeued_with_another_payload(api: ApiClients, sql: Any) -> None:
    job_id = api.submitter.submit()
    dead_letter_id = _fail(sql, job_id)

    listed = api.viewer.get("/api/dead-letters").json()["items"]
    assert [(entry["id"], entry["job_id"], entry["reason"]) for entry in listed] == [
        (dead_letter_id, str(job_id), "exhausted")
    ]
    assert api.viewer.get(f"/api/dead-letters/{dead_letter_id}").json()["executions"] == []
    bad = api.operator.post(f"/api/dead-letters/{dead_letter_id}/requeue", json={"payload": {"times": 0}})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "payload.times")

    good = api.operator.post(f"/api/dead-letters/{dead_letter_id}/requeue", json={"payload": {"text": "again"}})

    assert (good.status_code, good.json()["status"], good.json()["payload"]) == (200, "pending", {"text": "again"})
    assert api.viewer.get("/api/dead-letters").json()["items"] == []
    resolved = api.viewer.get("/api/dead-letters?status=resolved").json()["items"]
    assert (resolved[0]["resolution"], resolved[0]["resolved_by"]) == ("requeued", "the-operator")


def test_a_dead_letter_is_discarded_once(api: ApiClients, sql: Any) -> None:
    dead_letter_id = _fail(sql, api.submitter.submit())

    assert api.operator.delete(f"/api/dead-letters/{dead_letter_id}").status_code == 204
    assert api.operator.delete(f"/api/dead-letters/{dead_letter_id}").status_code == 404
    assert api.viewer.get("/api/dead-letters/999").status_code == 404


def test_dead_letters_of_one_cause_are_counted_and_requeued_together(api: ApiClients, sql: Any) -> None:
    same = [api.submitter.submit() for _ in range(3)]
    for job_id in same:
        _fail(sql, job_id, "same")
    other = api.submitter.submit()
    _fail(sql, other, "other")

    groups = api.viewer.get("/api/dead-letters/groups").json()["items"]
    assert [(group["fingerprint"], group["open"]) for group in groups] == [("same", 3), ("other", 1)]
    body = {"filter": {"fingerprint": "same"}}
    foretold = api.operator.post("/api/dead-letters/bulk/requeue", json={**body, "dry_run": True}).json()
    assert (foretold["changed"], foretold["dry_run"]) == (3, True)
    done = api.operator.post("/api/dead-letters/bulk/requeue", json=body).json()

    assert {item["job_id"] for item in done["items"]} == {str(job_id) for job_id in same}
    left = api.viewer.get("/api/dead-letters").json()["items"]
    assert [entry["job_id"] for entry in left] == [str(other)]
    gone = api.operator.post("/api/dead-letters/bulk/discard", json={"ids": [str(other), str(uuid4())]}).json()
    assert [item["outcome"] for item in gone["items"]] == ["done", "not_found"]


def test_dead_letters_are_requeued_at_a_pace(api: ApiClients, sql: Any) -> None:
    for _ in range(3):
        _fail(sql, api.submitter.submit(), "same")
    body = {"filter": {}, "per_second": 0.1, "delay_ms": 5_000}
    assert api.operator.post("/api/dead-letters/bulk/requeue", json=body).json()["changed"] == 3

    begins = [
        row.s for row in sql("SELECT extract(epoch FROM scheduled_at - now())::integer AS s FROM jobs ORDER BY id")
    ]
    assert [later - begins[0] for later in begins] == [0, 10, 20]
    assert 0 < begins[0] <= 5
    # Retried without a pace, they all begin now.
    ids = [str(row.id) for row in sql("SELECT id FROM jobs")]
    assert api.operator.post("/api/jobs/bulk/retry", json={"ids": ids}).json()["changed"] == 3
    assert [row.scheduled_at for row in sql("SELECT scheduled_at FROM jobs")] == [None] * 3
    refused = api.operator.post("/api/jobs/bulk/retry", json={"ids": ids, "delay_ms": 1_000})
    assert (refused.status_code, "per_second" in refused.text) == (400, True)


def test_a_schedule_lives_from_creation_to_deletion(api: ApiClients) -> None:
    body = {"name": "nightly", "job_type": "echo", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    preview = api.viewer.post("/api/schedules/preview?count=2", json=body)
    assert (preview.status_code, len(preview.json()["items"])) == (200, 2)
    assert api.viewer.get("/api/schedules").json()["items"] == []
    made = api.operator.post("/api/schedules", json=body)
    assert made.status_code == 201
    assert api.viewer.get(f"{made.headers['location']}/upcoming?count=2").json() == preview.json()
    path = made.headers["location"]
    assert path == f"/api/schedules/{made.json()['id']}"
    assert api.operator.post("/api/schedules", json=body).status_code == 409
    moments = api.viewer.get(f"{path}/upcoming?count=3").json()["items"]
    assert len(moments) == 3
    assert datetime.fromisoformat(moments[0]) > datetime.now(UTC)

    etag = api.viewer.get(path).headers["etag"]
    changed = api.operator.patch(path, json={"enabled": False}, headers={"if-match": etag})
    assert (changed.status_code, changed.json()["enabled"]) == (200, False)
    stale = api.operator.patch(path, json={"enabled": True}, headers={"if-match": etag})
    assert stale.status_code == 412
    run = api.operator.post(f"{path}/run")
    assert run.status_code == 201
    assert api.viewer.get(run.headers["location"]).json()["metadata"] == {"schedule": "nightly"}
    assert api.operator.delete(path).status_code == 204
    assert api.viewer.get(path).status_code == 404
    assert api.viewer.get(run.headers["location"]).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cron": "nonsense"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"job_type": "unknown"}, "job_type"),
        ({"payload": {"times": 0}}, "payload.times"),
        ({"catch_up": "some"}, "catch_up"),
        ({"name": ""}, "name"),
    ],
)
def test_a_bad_schedule_is_400_and_names_the_field(api: ApiClients, change: dict[str, Any], field: str) -> None:
    body = {"name": "s", "job_type": "echo", "cron": "* * * * *"}
    answer = api.operator.post("/api/schedules", json={**body, **change})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    made = api.operator.post("/api/schedules", json=body)
    answer = api.operator.patch(made.headers["location"], json=change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text


def test_a_queue_is_paused_limited_and_resumed(api: ApiClients, database: Database) -> None:
    api.submitter.submit()
    _worker(database)

    queue = api.viewer.get("/api/queues/default").json()
    assert (queue["ready"], queue["workers"], queue["threads"], queue["paused_at"]) == (1, 1, 8, None)
    paused = api.operator.post("/api/queues/default/pause", json={"reason": "maintenance"}).json()
    assert (paused["paused_by"], paused["pause_reason"]) == ("the-operator", "maintenance")
    limited = api.operator.patch("/api/queues/default", json={"max_running": 3}).json()
    assert limited["max_running"] == 3
    assert api.operator.post("/api/queues/default/resume").json()["paused_at"] is None
    assert api.viewer.get("/api/queues/nobody").status_code == 404
    assert [queue["name"] for queue in api.viewer.get("/api/queues").json()["items"]] == ["default"]


def test_a_lost_worker_is_acknowledged_and_a_living_one_is_not(api: ApiClients, database: Database, sql: Any) -> None:
    _worker(database)
    _worker(database, id="w2")
    sql("UPDATE workers SET state = 'lost' WHERE id = 'w2'")

    assert {w["id"]: w["alive"] for w in api.viewer.get("/api/workers?kind=worker").json()["items"]} == {
        "w1": True,
        "w2": False,
    }
    assert api.operator.delete("/api/workers/w2").status_code == 204
    assert api.operator.delete("/api/workers/w1").status_code == 409
    assert api.operator.delete("/api/workers/w2").status_code == 404


def test_job_types_show_schema_and_example(api: ApiClients) -> None:
    echo = api.viewer.get("/api/job-types/echo").json()

    assert echo["payload_schema"]["properties"]["text"] == {"type": "string"}
    assert api.submitter.submit(payload=echo["example"])
    assert [entry["name"] for entry in api.viewer.get("/api/job-types").json()["items"]] == ["echo"]
    assert api.viewer.get("/api/job-types/nothing").status_code == 404


def test_explain_names_every_reason_that_holds(api: ApiClients, database: Database, sql: Any) -> None:
    parent = api.submitter.submit()
    child = api.submitter.submit(depends_on=[str(parent)], scheduled_at="2040-01-01T00:00:00Z")
    api.operator.post("/api/queues/default/pause", json={"reason": "deploy"})

    def codes(job_id: UUID) -> set[str]:
        return {reason["code"] for reason in api.viewer.get(f"/api/jobs/{job_id}/explain").json()["reasons"]}

    assert codes(child) == {
        "not_due",
        "waits_for_jobs",
        "queue_paused",
        "no_worker_for_queue",
        "no_dispatcher",
    }
    api.operator.post("/api/queues/default/resume")
    _worker(database, job_types=["other"])
    assert codes(parent) == {"no_worker_for_type"}
    _worker(database)
    assert codes(parent) == {"ready"}
    assert codes(api.submitter.submit()) == {"behind_others"}
    api.operator.patch("/api/queues/default", json={"max_running": 0})
    assert codes(parent) == {"limit_reached"}
    sql("UPDATE jobs SET status = 'queued', queued_at = now() WHERE id = :id", id=parent)
    assert codes(parent) == {"queued"}
    sql("UPDATE jobs SET status = 'running', worker_id = 'w1', lease_expires_at = now() - interval '1s'")
    assert codes(parent) == {"lease_expired"}
    sql("UPDATE jobs SET lease_expires_at = now() + interval '1m'")
    assert codes(parent) == {"running"}
    sql("UPDATE jobs SET status = 'completed', completed_at = now()")
    assert codes(parent) == {"completed"}
    assert api.viewer.get(f"/api/jobs/{uuid4()}/explain").status_code == 404


def test_metrics_count_depths_workers_and_attempts(api: ApiClients, database: Database, sql: Any) -> None:
    parent = api.submitter.submit()
    api.submitter.submit(depends_on=[str(parent)])
    api.submitter.submit(scheduled_at="2040-01-01T00:00:00Z")
    running, failed = api.submitter.submit(), api.submitter.submit()
    sql("UPDATE jobs SET status = 'running' WHERE id = :id", id=running)
    _fail(sql, failed)
    for outcome in ("completed", "completed", "retried", "failed"):
        sql(
            "INSERT INTO job_executions (job_id, attempt, outcome, started_at, finished_at)"
            " VALUES (:id, 1, :outcome, now() - interval '2 s', now())",
            id=running,
            outcome=outcome,
        )
    _worker(database)

    metrics = api.viewer.get("/api/jobs/metrics").json()

    depths = metrics["queue_depths"]
    assert {name: depths[name] for name in ("pending", "processing", "failed", "dlq", "scheduled", "blocked")} == {
        "pending": 2,
        "processing": 1,
        "failed": 1,
        "dlq": 1,
        "scheduled": 1,
        "blocked": 1,
    }
    assert metrics["workers"] == {"alive": 1, "lost": 0, "threads": 8, "busy": 0}
    assert (metrics["last_hour"]["attempts"], metrics["last_hour"]["error_rate"]) == (4, 0.5)
    assert metrics["last_hour"]["mean_duration_s"] == pytest.approx(2)
    assert metrics["throughput_per_minute"] == pytest.approx(2 / 60)
    assert metrics["error_rates"] == {"echo": 0.5}


def test_prometheus_is_told_counts_durations_depths_and_who_lives(
    api: ApiClients, database: Database, sql: Any
) -> None:
    api.submitter.submit()
    _worker(database)
    for metric, label, value in [
        ("processed", "completed", 3),
        ("failed", "KeyError", 1),
        ("duration_bucket", "0", 2),
        ("duration_bucket", "8", 1),
        ("duration_sum", "", 70.5),
    ]:
        for shard in (0, 1):
            sql(
                "INSERT INTO job_counters (metric, job_type, label, shard, value)"
                " VALUES (:metric, 'echo', :label, :shard, :value)"
                " ON CONFLICT (metric, job_type, label, shard) DO UPDATE SET value = excluded.value",
                metric=metric,
                label=label,
                shard=shard,
                value=value,
            )

    answer = api.viewer.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in [
        'jobs_processed_total{job_type="echo",status="completed"} 6.0',
        'jobs_processed_total{job_type="echo",status="failed"} 0.0',
        'jobs_failed_total{error_type="KeyError",job_type="echo"} 2.0',
        'job_duration_seconds_bucket{job_type="echo",le="0.1"} 4.0',
        'job_duration_seconds_bucket{job_type="echo",le="60.0"} 4.0',
        'job_duration_seconds_bucket{job_type="echo",le="+Inf"} 6.0',
        'job_duration_seconds_sum{job_type="echo"} 141.0',
        'queue_depth_gauge{status="pending"} 1.0',
        'queue_depth_gauge{status="dlq"} 0.0',
        'aeon_jobs_dependency_up{dependency="postgres"} 1.0',
    ]:
        assert line in answer.text.splitlines(), answer.text
    assert " 1.0" in next(line for line in answer.text.splitlines() if line.startswith("worker_alive_gauge{"))
