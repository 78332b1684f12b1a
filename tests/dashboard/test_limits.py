"""Sessions that end elsewhere, and things that are too large or too deep for a page."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta

from aeon_jobs.api.dashboard.pages.workflows import MOST_LISTED
from aeon_jobs.api.service import Jobs
from aeon_jobs.persistence.admin import api_keys, bulk_changes
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.reads.listing import Filter
from tests.dashboard import test_requests
from tests.dashboard.samples import fail_many
from tests.dashboard.test_operating import text_of
from tests.dashboard.test_requests import Dashboards
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import add_job, rows, value
from tests.waiting import wait_for

visitor = test_requests.visitor
STEPS = 10_000 if os.environ.get("REHEARSE_DASHBOARD") else 600


def test_an_expired_key_signs_nobody_in_and_ends_its_sessions(visitor: Dashboards, database: Database) -> None:
    viewer = visitor("viewer")
    assert viewer.get("/jobs").status_code == 200
    with database.transaction() as connection:
        key = api_keys.create(connection, "old", "viewer", expires_at=datetime.now(UTC) + timedelta(days=1))
    rows(database, "UPDATE job_api_keys SET expires_at = now() - interval '1 s' WHERE name IN ('old', 'the-viewer')")

    answer = visitor(None).post("/sign-in", {"key": key})
    assert (answer.status_code, "This key is not valid." in answer.text) == (401, True)
    wait_for(lambda: viewer.get("/jobs").status_code == 303, "the session has ended", 5)


def test_sign_out_everywhere_holds_in_other_processes_seconds_later(visitor: Dashboards) -> None:
    """Each visitor has an API process of its own, which remembers sessions for 2 seconds."""
    here, there = visitor("viewer"), visitor("viewer")
    assert (here.get("/jobs").status_code, there.get("/jobs").status_code) == (200, 200)
    here.post("/sign-out", {"everywhere": "1"})
    assert here.get("/jobs").status_code == 303
    wait_for(lambda: there.get("/jobs").status_code == 303, "the other session has ended", 5)


def test_an_open_page_is_sent_to_the_sign_in_when_its_session_ends(visitor: Dashboards) -> None:
    viewer = visitor("viewer")
    viewer.post("/sign-out")
    answer = viewer.get("/jobs?status=failed", **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.headers["hx-redirect"] == "/dashboard/sign-in?next=%2Fdashboard%2Fjobs%3Fstatus%3Dfailed"


def test_a_workflow_of_many_steps_is_listed_in_part_and_quickly(
    visitor: Dashboards, environment: Settings, database: Database
) -> None:
    steps = [
        {"name": f"step {n}", "job_type": "import_file", "deps": [f"step {n - 1}"] if n % 10 else []}
        for n in range(STEPS)
    ]
    with Jobs.from_settings(environment, name="ann") as jobs:
        workflow = jobs.create_workflow({"name": "large", "steps": steps})
    rows(database, "ANALYZE jobs, job_dependencies, workflow_holds")
    viewer = visitor("viewer")
    began = time.process_time()
    page = viewer.get(f"/workflows/{workflow.id}").text
    if STEPS == 10_000:
        assert time.process_time() - began < 1  # to read and to draw all of it takes several
    assert f"It has {STEPS:,} steps: too many to draw. The first 500 are listed." in text_of(page)
    assert page.count('<tr id="step-') == MOST_LISTED


def test_a_large_payload_is_cloned_without_a_form(visitor: Dashboards, database: Database) -> None:
    payload = {"text": "".join(f"{n:x}" for n in range(200_000))}
    job_id = add_job(database, job_type="import_file", payload=json.dumps(payload))
    operator = visitor("operator")
    page = operator.get(f"/job-types/import_file?from={job_id}")
    assert len(page.content) < 30_000
    assert "too large for a form" in page.text
    file = operator.get(f"/jobs/{job_id}/payload.json")
    assert (json.loads(file.content), file.headers["content-disposition"]) == (
        payload,
        'attachment; filename="payload.json"',
    )

    operator.post("/job-types/import_file/submit", {"from": str(job_id), "priority": "60"})

    assert value(database, "SELECT count(DISTINCT payload) FROM jobs") == 1
    assert value(database, "SELECT count(*) FROM jobs WHERE priority = 60") == 1
    assert visitor(None).get(f"/jobs/{job_id}/payload.json").status_code == 303
    assert operator.get(f"/jobs/{job_id}/result.json").text == "null"
    assert operator.get("/jobs/nothing/payload.json").status_code == 404


def test_a_payload_that_python_cannot_read_is_shown_and_neither_cloned_nor_edited(
    visitor: Dashboards, database: Database
) -> None:
    (job_id,) = fail_many(database, 1, "no")
    deep = "CAST('{\"x\": ' || repeat('[', 1000) || repeat(']', 1000) || '}' AS jsonb)"
    rows(database, f"UPDATE jobs SET payload = {deep}")
    rows(database, f"UPDATE dead_letter_jobs SET payload = {deep}")
    number = value(database, "SELECT id FROM dead_letter_jobs")
    operator = visitor("operator")
    for path in (
        f"/jobs/{job_id}",
        "/jobs",
        f"/dead-letters/{number}",
        "/failures",
        f"/job-types/import_file?from={job_id}",
    ):
        assert operator.get(path).status_code == 200, path
    assert operator.get(f"/jobs/{job_id}/payload.json").text.count("[") == 1_000
    assert '<textarea id="payload"' not in operator.get(f"/dead-letters/{number}").text
    answer = operator.post("/job-types/import_file/submit", {"from": str(job_id)})
    assert (answer.status_code, "must not be nested deeper" in answer.text) == (400, True)

    assert operator.post(f"/dead-letters/{number}/requeue").status_code == 303
    assert value(database, "SELECT status::text FROM jobs") == "pending"


def test_a_bulk_change_shows_how_far_it_is_who_goes_on_and_is_stopped(visitor: Dashboards, database: Database) -> None:
    for _ in range(3):
        add_job(database, job_type="import_file")
    with database.transaction() as connection:
        which = Filter(job_type="import_file")
        number = bulk_changes.begin(connection, "cancel", which, {}, by="ann", reason="<b>").id
    operator = visitor("operator")
    shown = text_of(operator.get(f"/bulk-changes/{number}").text)
    for expected in ("cancel jobs running", "0 of 3 looked at", "No dispatcher is alive", "&lt;b&gt;", "import_file"):
        assert expected in shown, expected
    assert "Stop" not in text_of(visitor("viewer").get(f"/bulk-changes/{number}").text)

    operator.post(f"/bulk-changes/{number}/stop")

    shown = text_of(operator.get(f"/bulk-changes/{number}").text)
    assert "stopped" in shown
    assert "by the-operator" in shown
    assert "No dispatcher" not in shown
    assert text_of(operator.get("/bulk-changes").text).count("stopped") == 1
    assert operator.get("/bulk-changes/x").status_code == 404
    assert value(database, "SELECT count(*) FROM jobs WHERE status = 'pending'") == 3


def test_a_cause_whose_jobs_are_gone_has_a_page_that_says_so(visitor: Dashboards, database: Database) -> None:
    fail_many(database, 2, "no")
    fingerprint = value(database, "SELECT max(fingerprint) FROM dead_letter_jobs")
    rows(database, "DELETE FROM jobs")
    answer = visitor("viewer").get(f"/failures/{fingerprint}")
    assert (answer.status_code, "no failure of this cause is open" in answer.text) == (404, True)


def test_the_dead_letter_of_a_message_without_a_job_is_discarded(visitor: Dashboards, database: Database) -> None:
    number = value(
        database, "INSERT INTO dead_letter_jobs (reason, error_message) VALUES ('corrupt', 'no JSON') RETURNING id"
    )
    operator = visitor("operator")
    page = operator.get(f"/dead-letters/{number}").text
    assert f"/dead-letters/{number}/discard" in page
    assert f"/dead-letters/{number}/requeue" not in page
    operator.post(f"/dead-letters/{number}/discard")
    assert rows(database, "SELECT resolution, resolved_by FROM dead_letter_jobs") == [("discarded", "the-operator")]
