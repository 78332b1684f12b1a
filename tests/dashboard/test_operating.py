"""Failures, queues, workers, the audit log and the system: what the pages show, and what can be done on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from aeon_jobs.persistence.core.database import Database
from tests.dashboard import test_requests
from tests.dashboard.conftest import Dashboard, Person, end_bulk_change
from tests.dashboard.samples import fail_many
from tests.dashboard.test_requests import Dashboards
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import add_job, rows, start, value

visitor = test_requests.visitor
WORKERS = """
    INSERT INTO workers
        (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, state, threads, busy, queues)
    VALUES ('w1', 'worker', 'h', 'b', 'n', 1, 1, '1.0', 'running', 8, 2, '{default}'),
        ('w2', 'worker', 'h', 'b', 'n', 2, 1, '0.9', 'running', 4, 0, '{default}'),
        ('d1', 'dispatcher', 'h', 'b', 'n', 3, 1, '1.0', 'running', 0, 0, '{}'),
        ('gone', 'worker', 'h', 'b', 'n', 4, 1, '1.0', 'lost', 4, 0, '{}')
"""


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main")[2]).split())


def test_a_cause_is_one_row_with_a_chart_and_its_jobs_run_again_at_a_pace(
    visitor: Dashboards, database: Database
) -> None:
    fail_many(database, 5, "the column 'sku' is missing")
    fail_many(database, 2, "no route to host")
    operator = visitor("operator")
    page = operator.get("/failures").text
    assert page.count('<svg class="sparkline"') == 2
    (fingerprint, *_) = re.findall(r"/dashboard/failures/([0-9a-f]+)", page)

    page = operator.get(f"/failures/{fingerprint}").text
    assert "shop.py" in page
    assert "KeyError in import_file" in text_of(page)

    page = operator.post(f"/failures/{fingerprint}/preview", {"per_second": "2", "reason": "mended"}).text
    assert "Run 5 jobs again?" in text_of(page)
    assert value(database, "SELECT count(*) FROM jobs WHERE status = 'failed'") == 7

    answer = operator.post(f"/failures/{fingerprint}/redrive", {"per_second": "2", "reason": "mended"})
    assert re.fullmatch(r"/dashboard/bulk-changes/\d+", answer.headers["location"])
    spread = (
        "SELECT count(*), max(scheduled_at) - min(scheduled_at) > interval '1.9 s' FROM jobs WHERE status = 'pending'"
    )
    assert rows(database, spread) == [(5, True)]
    assert rows(database, "SELECT action, actor, reason FROM job_audit_log ORDER BY id") == [
        ("bulk_change.start", "the-operator", "mended"),
        ("dead_letters.requeue", "the-operator", "mended"),
    ]
    # It is still there: it was seen in the period, and nothing of it is open.
    assert "Run its jobs again" not in operator.get(f"/failures/{fingerprint}").text


def test_a_pace_that_is_no_number_is_told_in_place(visitor: Dashboards, database: Database) -> None:
    fail_many(database, 1, "no")
    fingerprint = value(database, "SELECT fingerprint FROM dead_letter_jobs")
    answer = visitor("operator").post(f"/failures/{fingerprint}/preview", {"per_second": "fast"})
    assert answer.status_code == 400
    assert "per_second" in answer.text
    assert "must be a number" in answer.text


def test_a_viewer_sees_failures_and_no_buttons(visitor: Dashboards, database: Database) -> None:
    fail_many(database, 1, "no")
    fingerprint = value(database, "SELECT fingerprint FROM dead_letter_jobs")
    viewer = visitor("viewer")
    assert "Run its jobs again" not in viewer.get(f"/failures/{fingerprint}").text
    assert viewer.get("/failures/unknown").status_code == 404


def test_a_queue_is_paused_with_a_note_limited_and_purged(visitor: Dashboards, database: Database) -> None:
    add_job(database, job_type="import_file")
    operator = visitor("operator")
    name = {"name": "default"}
    assert "no worker" in operator.get("/queues").text

    answer = operator.post("/queues/pause", {**name, "reason": "the partner is down"})
    assert answer.headers["location"] == "/dashboard/queues?name=default"
    assert "by the-operator : the partner is down" in text_of(operator.get("/queues?name=default").text)
    operator.post("/queues/resume", name)
    operator.post("/queues/limit", {**name, "max_running": "5"})
    assert rows(database, "SELECT paused_at, max_running FROM job_queues WHERE name = 'default'") == [(None, 5)]
    operator.post("/queues/limit", {**name, "max_running": ""})
    assert value(database, "SELECT max_running FROM job_queues WHERE name = 'default'") is None
    operator.post("/queues/limit", {**name, "max_running": "many"})
    assert value(database, "SELECT max_running FROM job_queues WHERE name = 'default'") is None

    assert "Cancel 1 waiting job of default ?" in text_of(operator.post("/queues/purge/preview", name).text)
    assert value(database, "SELECT status::text FROM jobs") == "pending"
    operator.post("/queues/purge", {**name, "reason": "away"})
    assert rows(database, "SELECT status::text, cancel_reason FROM jobs") == [("cancelled", "away")]
    assert operator.get("/queues?name=defualt").status_code == 404


def test_a_queue_shows_the_keys_that_its_limits_hold_back(visitor: Dashboards, database: Database) -> None:
    limits = '{"key": "payload.tenant", "running_per_key": 2, "starts": {"count": 9, "period_ms": 1000}}'
    rows(database, "UPDATE job_types SET limits = CAST(:limits AS jsonb) WHERE name = 'import_file'", limits=limits)
    sql = "INSERT INTO jobs (job_type, payload) SELECT 'import_file', jsonb_build_object('tenant', t)"
    rows(database, sql + " FROM unnest(ARRAY['acme', 'acme', 'acme', '<b>']) AS t")
    shown = text_of(visitor("viewer").get("/queues?name=default").text)
    assert "2 at once for each payload.tenant; 9 starts in 1 s" in shown
    assert "acme 3 0" in shown
    assert "&lt;b&gt; 1 0" in shown


def test_workers_show_slots_versions_and_what_they_run(visitor: Dashboards, database: Database) -> None:
    rows(database, WORKERS)
    ids = [add_job(database, job_type="import_file") for _ in range(2)]
    start(database, *ids, worker_id="w1")
    operator = visitor("operator")
    page = operator.get("/workers").text
    shown = text_of(page)
    for expected in (
        "2 of 12",
        "versions run at once",
        "import_file \N{MULTIPLICATION SIGN} 2",
        "Other processes",
        "d1",
    ):
        assert expected in shown, expected
    assert f"/dashboard/jobs/{ids[0]}" in page

    operator.post("/workers/quiet", {"id": "w1"})
    assert "quiet" in text_of(operator.get("/workers").text)
    operator.post("/workers/resume", {"id": "w1"})
    assert value(database, "SELECT quieted_at FROM workers WHERE id = 'w1'") is None
    operator.post("/workers/acknowledge", {"id": "gone"})
    assert value(database, "SELECT count(*) FROM workers WHERE id = 'gone'") == 0
    # It lives: the page says so.
    operator.post("/workers/acknowledge", {"id": "w1"})
    assert value(database, "SELECT count(*) FROM workers WHERE id = 'w1'") == 1


def test_the_audit_log_is_for_admins_and_filtered_by_the_address(visitor: Dashboards, database: Database) -> None:
    operator = visitor("operator")
    operator.post("/queues/pause", {"name": "default", "reason": "<script>alert(1)</script>"})
    operator.post("/queues/limit", {"name": "default", "max_running": "3"})
    assert operator.get("/audit").status_code == 403
    admin = visitor("admin")
    page = admin.get("/audit").text
    assert "queue.pause" in page
    assert "&lt;script&gt;" in page
    assert "/dashboard/queues?name=default" in page
    page = admin.get("/audit?action=queue.limit").text
    assert "max_running" in page
    assert "queue.pause" not in text_of(page)
    assert "after" in text_of(admin.get("/audit?after=yesterday").text)


def test_the_system_page_says_what_is_wrong_and_what_to_do(visitor: Dashboards, database: Database) -> None:
    add_job(database, job_type="import_file")
    rows(database, "UPDATE job_background_tasks SET last_success_at = now() - interval '1 hour' WHERE name = 'rescue'")
    shown = text_of(visitor("viewer").get("/system").text)
    for expected in (
        "none is alive: no job runs aeon-jobs worker",
        "silent: rescue",
        "job_executions",
        "MiB",
        "statistics",
    ):
        assert expected in shown, expected
    assert "missing" not in shown


@pytest.mark.parametrize("path", ["/failures", "/queues", "/workers", "/audit", "/system"])
def test_an_empty_system_has_pages_that_say_what_to_do(path: str, visitor: Dashboards, database: Database) -> None:
    assert visitor("admin").get(path).status_code == 200


def test_somebody_finds_the_cause_of_500_failures_and_runs_them_again(
    person: Callable[..., Person], dashboard: Dashboard
) -> None:
    ids = fail_many(dashboard.database, 500, "the field 'vat' is missing")
    page: Any = person("operator").open()
    page.get_by_role("link", name="Failures").first.click()
    page.get_by_role("link", name="the field 'vat' is missing").first.click()
    assert "shop.py" in page.get_by_role("group", name="Traceback").inner_text()
    page.get_by_label("Jobs per second, empty for all at once").fill("50")
    page.get_by_role("button", name="Run them again…").click()
    page.get_by_role("button", name="Run 500 jobs again").click()

    end_bulk_change(page, dashboard, "500 dead letters requeued")
    sql = "SELECT count(*) FROM jobs WHERE id = ANY(:ids) AND status = 'pending'"
    assert value(dashboard.database, sql, ids=ids) == 500
