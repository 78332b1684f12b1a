"""What people do with it, in a browser."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from aeon_jobs.persistence.admin import api_keys
from tests.dashboard.conftest import Dashboard, Person, end_bulk_change
from tests.dashboard.samples import HOSTILE, LARGE, PAUSED_NOTE, fail_many, submit_some
from tests.rows import value

Window = Callable[..., Person]


def test_a_key_signs_in_and_one_comes_back_to_where_one_was(person: Window, dashboard: Dashboard) -> None:
    page = person(None).open("/jobs?status=failed")
    page.get_by_label("API key").fill("aeon_wrong")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text() == "This key is not valid."

    page.get_by_label("API key").fill(dashboard.keys["viewer"])
    page.get_by_role("button", name="Sign in").click()

    assert page.url.endswith("/dashboard/jobs?status=failed")
    assert dashboard.keys["viewer"] not in page.content()
    cookie = next(c for c in page.context.cookies() if c["name"] == "aeon_jobs_session")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/dashboard")
    page.get_by_text("Sign out").first.click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.goto(f"{dashboard.address}/dashboard/jobs")
    assert page.get_by_role("heading", name="Sign in").is_visible()


def test_somebody_finds_out_why_a_job_does_not_run(person: Window, dashboard: Dashboard) -> None:
    page = person("viewer").open()
    page.get_by_placeholder("Find a job: id, key:value").fill("customer:ann")
    page.keyboard.press("Enter")
    page.locator("[data-row] a").first.click()

    explanation = page.locator("#explanation").inner_text()
    assert "queue billing was paused" in explanation
    assert PAUSED_NOTE in explanation


def test_somebody_mends_500_failed_jobs_of_one_cause(person: Window, dashboard: Dashboard) -> None:
    ids = fail_many(dashboard.database, 500, "the column 'sku' is missing")
    entries = "SELECT count(*) FROM job_audit_log WHERE action = 'dead_letters.requeue' AND actor = 'the-operator'"
    before = value(dashboard.database, entries)
    page = person("operator").open()
    page.get_by_role("link", name="Failures").first.click()
    page.get_by_role("link", name="the column 'sku' is missing").first.click()
    page.get_by_role("link", name="Discard or select some").click()
    page.get_by_role("button", name="Requeue all that match…").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Requeue 500 dead letters?"

    page.get_by_role("button", name="Requeue 500 dead letters").click()

    end_bulk_change(page, dashboard, "500 dead letters requeued")
    sql = "SELECT count(*) FROM jobs WHERE id = ANY(:ids) AND status = 'pending'"
    assert value(dashboard.database, sql, ids=ids) == 500
    assert value(dashboard.database, entries) == before + 1


def test_selected_jobs_are_cancelled_after_a_preview(person: Window, dashboard: Dashboard) -> None:
    ids = submit_some(dashboard.jobs, 4, priority=99)
    page = person("operator").open("/jobs?sort=priority")
    page.get_by_label(f"Select job {str(ids[0])[:18]}").first.wait_for()
    for job_id in ids[:2]:
        page.locator(f"#job-{job_id} input").check()
    assert page.locator("#selected-count").inner_text() == "(2)"
    page.get_by_label("Reason, for the audit log").fill("a test")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel 2 jobs").click()

    assert page.locator("#note").inner_text() == "2 jobs cancelled"
    states = [dashboard.jobs.get(job_id).status for job_id in ids]
    assert states == ["cancelled", "cancelled", "pending", "pending"]
    assert dashboard.jobs.get(ids[0]).cancel_reason == "a test"


def test_all_that_match_are_changed_at_once(person: Window, dashboard: Dashboard) -> None:
    submit_some(dashboard.jobs, 60, metadata={"wave": "7"})
    page = person("operator").open("/jobs?metadata=wave%3A7")
    page.get_by_label("all jobs that match the filter").check()
    page.get_by_label("New priority").fill("5")
    page.get_by_role("button", name="Set the priority of them…").click()
    page.get_by_role("button", name="Set the priority of 60 jobs").click()

    assert page.locator("#note").inner_text() == "60 jobs changed"
    assert page.get_by_role("heading", level=1).inner_text().startswith("Bulk change")
    sql = 'SELECT count(*) FROM jobs WHERE metadata @> \'{"wave": "7"}\' AND priority = 5'
    assert value(dashboard.database, sql) == 60


def test_two_viewers_see_each_others_changes_and_keep_what_they_did_to_the_page(
    person: Window, dashboard: Dashboard
) -> None:
    (job_id,) = submit_some(dashboard.jobs, 1, metadata={"seen": "twice"})
    watching = person("viewer").open(f"/jobs/{job_id}")
    watching.locator("details.json summary").first.wait_for()
    watching.get_by_text("Live", exact=True).wait_for()
    acting = person("operator").open(f"/jobs/{job_id}")
    acting.get_by_label("Reason").fill("not needed")
    acting.get_by_role("button", name="Cancel job").click()

    watching.locator("h1 .status-cancelled").wait_for(timeout=30_000)
    assert "not needed" in watching.locator("#explanation").inner_text()


def test_a_selection_survives_a_renewed_page(person: Window, dashboard: Dashboard) -> None:
    ids = submit_some(dashboard.jobs, 3, metadata={"wave": "8"})
    page = person("operator").open("/jobs?metadata=wave%3A8")
    page.get_by_text("Live", exact=True).wait_for()
    page.locator(f"#job-{ids[0]} input").check()
    page.get_by_label("New priority").fill("77")

    dashboard.jobs.cancel(ids[1])

    page.locator(f"#job-{ids[1]} .status-cancelled").wait_for(timeout=30_000)
    assert page.locator(f"#job-{ids[0]} input").is_checked()
    assert page.locator("#selected-count").inner_text() == "(1)"


def test_the_live_switch_closes_the_stream_and_is_remembered(person: Window, dashboard: Dashboard) -> None:
    page = person("viewer").open("/jobs")
    page.locator("#live").wait_for(state="attached")
    page.get_by_label("Live: renew this page when something changes").uncheck()
    assert page.locator("#live").count() == 0

    page.reload()

    assert page.locator("#live-state").inner_text() == "Not live"
    assert page.locator("#live").count() == 0


def test_the_address_keeps_the_state_back_reload_and_bookmark(person: Window, dashboard: Dashboard) -> None:
    page = person("viewer").open("/jobs")
    page.get_by_role("checkbox", name="failed").check()
    page.get_by_label("Job type").fill("send_invoice")
    page.get_by_role("button", name="Show").click()
    address, count = page.url, page.locator("#count").inner_text()
    assert "status=failed" in address
    page.locator("[data-row] a").first.click()
    page.go_back()
    assert (page.url, page.locator("#count").inner_text()) == (address, count)
    page.reload()
    assert page.get_by_role("checkbox", name="failed").is_checked()
    assert page.get_by_label("Job type").input_value() == "send_invoice"
    page.goto(address)
    assert page.locator("#count").inner_text() == count


def test_the_keyboard_finds_moves_selects_opens_and_helps(person: Window, dashboard: Dashboard) -> None:
    page = person("operator").open("/jobs")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("x")
    assert page.locator("[data-row]").first.get_attribute("data-here") is not None
    assert page.locator("[data-row] input").first.is_checked()
    page.keyboard.press("?")
    assert page.get_by_role("heading", name="Keyboard").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/jobs/*-*")


def test_hostile_content_is_shown_as_text(person: Window, dashboard: Dashboard) -> None:
    page = person("admin").open(f"/jobs/{dashboard.hostile}")

    assert page.title() == f"Job {str(dashboard.hostile)[:18]} · aeon-jobs"
    assert page.locator("img").count() == 0
    assert HOSTILE in page.locator(".value").first.inner_text()
    assert str(LARGE) in page.locator(".value").first.inner_text()
    assert "more characters" in page.locator(".value").first.inner_text()
    assert len(page.content()) < 400_000
    for path in ("/jobs", "/dead-letters", ""):
        page.goto(f"{dashboard.address}/dashboard{path}")
        assert (page.locator("main img").count(), page.title().endswith("aeon-jobs")) == (0, True)


def test_a_job_is_submitted_with_the_form_of_its_schema(person: Window, dashboard: Dashboard) -> None:
    page = person("submitter").open("/job-types/send_invoice")
    page.get_by_label("order").fill("0")
    page.get_by_role("button", name="Submit", exact=True).click()
    assert "payload.order" in page.get_by_role("alert").inner_text()
    page.get_by_label("order").fill("77")
    page.get_by_label("copy").check()
    page.get_by_label("lines").fill('[{"sku": "a"}]')
    page.get_by_role("button", name="Submit", exact=True).click()

    page.wait_for_url("**/dashboard/jobs/*")
    job = dashboard.jobs.get(page.url.rsplit("/", 1)[1])
    assert job.payload == {
        "order": 77,
        "to": "ann@example.com",
        "language": "en",
        "copy": True,
        "lines": [{"sku": "a"}],
    }
    assert job.created_by == "the-submitter"
    page.get_by_role("link", name="Clone").click()
    assert page.get_by_label("order").input_value() == "77"


def test_a_dead_letter_is_edited_and_requeued(person: Window, dashboard: Dashboard) -> None:
    page = person("operator").open(f"/dead-letters/{dashboard.samples.dead_letter}")
    page.get_by_label("Payload").fill('{"order": 2')
    page.get_by_role("button", name="Requeue with this payload").click()
    assert "is not JSON" in page.get_by_role("alert").inner_text()
    page.get_by_label("Payload").fill('{"order": 2, "to": "bob@example.com"}')
    page.get_by_role("button", name="Requeue with this payload").click()

    assert page.locator("#note").inner_text() == "The job was requeued"
    job = dashboard.jobs.get(dashboard.samples.failed)
    assert (job.status, job.payload) == ("pending", {"order": 2, "to": "bob@example.com"})


def test_a_schedule_is_made_paused_and_changed(person: Window, dashboard: Dashboard) -> None:
    page = person("operator").open("/schedules/new")
    page.get_by_label("Name").fill("weekly report")
    page.get_by_label("Job type").fill("import_file")
    page.get_by_label("Rules, one on each line").fill("0 6 * *")
    page.get_by_role("button", name="Make").click()
    assert "cron" in page.get_by_role("alert").inner_text()
    page.get_by_label("Rules, one on each line").fill("0 6 * * 1")
    page.get_by_role("button", name="When would it run?").click()
    assert page.get_by_role("status").locator("li").count() == 10
    page.get_by_role("button", name="Make").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("weekly report")
    page.get_by_label("Note").fill("holidays")
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_text("holidays").is_visible()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url("**/dashboard/jobs/*")


def test_without_scripts_pages_and_forms_work(person: Window, dashboard: Dashboard) -> None:
    (job_id,) = submit_some(dashboard.jobs, 1)
    page = person("operator", java_script_enabled=False).page
    page.goto(f"{dashboard.address}/dashboard/jobs/{job_id}")
    page.get_by_role("button", name="Run now").click()

    assert page.locator("#note").inner_text() == "The job runs as soon as a thread is free"
    assert "UTC" in page.locator("time").first.inner_text()


def test_a_page_that_is_open_leads_to_the_sign_in_seconds_after_its_key_is_revoked(
    person: Window, dashboard: Dashboard
) -> None:
    with dashboard.database.transaction() as connection:
        key = api_keys.create(connection, "short", "viewer")
    dashboard.keys["short"] = key
    page = person("short").open("/jobs")
    page.get_by_text("Live", exact=True).wait_for()

    dashboard.jobs.revoke_key(api_keys.key_id_of(key) or "")

    page.get_by_role("heading", name="Sign in").wait_for(timeout=30_000)
    assert "/sign-in?next=%2Fdashboard%2Fjobs" in page.url


def test_the_overview_draws_what_happened_in_a_period(person: Window, dashboard: Dashboard) -> None:
    page = person("viewer").open()
    page.locator("figure canvas").nth(5).wait_for()
    page.get_by_text("Last numbers of Throughput").click()
    assert page.get_by_role("group", name="Throughput").locator("tbody tr").count() == 12
    page.get_by_role("link", name="7d").click()
    page.locator("figure canvas").first.wait_for()
    assert page.url.endswith("?period=7d")


def test_jobs_are_found_by_what_is_in_their_payload(person: Window, dashboard: Dashboard) -> None:
    page = person("operator").open("/jobs")
    page.get_by_text("More conditions").click()
    page.get_by_label("Payload").fill("order:3")
    page.get_by_role("button", name="Show").click()
    assert page.locator("[data-row]").count() == 1
    assert page.get_by_label("all jobs that match the filter").count() == 0


def test_a_workflow_is_drawn_and_a_step_that_waits_gets_its_signal(person: Window, dashboard: Dashboard) -> None:
    page = person("operator").open(f"/workflows/{dashboard.samples.workflow}")
    assert page.locator("svg a").count() == 6
    page.get_by_label("Payload").fill("{")
    page.get_by_role("button", name="Signal").click()
    assert "payload: is not JSON" in page.get_by_role("alert").inner_text()
    page.get_by_label("Payload").fill('{"by": "ann"}')
    page.get_by_role("button", name="Signal").click()

    assert page.locator("#note").inner_text() == "approve has its signal"
    page.locator("svg a", has_text="invoice").click()
    page.wait_for_url("**/dashboard/jobs/*")


def test_a_job_type_is_limited_and_paused(person: Window, dashboard: Dashboard) -> None:
    page = person("operator").open("/job-types/send_invoice")
    page.get_by_label("Limits as JSON").fill('{"running": 0}')
    page.get_by_role("button", name="Set limits").click()
    assert "running" in page.get_by_role("alert").inner_text()
    page.get_by_label("Limits as JSON").fill('{"running": 3}')
    page.get_by_role("button", name="Set limits").click()
    assert dashboard.jobs.job_type("send_invoice").limits_in_force == {"running": 3}
    page.get_by_label("Reason").fill("too many mails")
    page.get_by_role("button", name="Pause this job type").click()
    assert page.get_by_text("too many mails").is_visible()
    page.get_by_role("button", name="Resume this job type").click()
    assert dashboard.jobs.job_type("send_invoice").paused_at is None


def test_a_view_is_saved_for_every_browser_of_that_person_and_removed(person: Window, dashboard: Dashboard) -> None:
    page = person("viewer").open("/jobs?status=failed&job_type=import_file")
    page.get_by_text("Save this view").click()
    page.get_by_label("Name").fill("failed imports")
    page.get_by_role("button", name="Save", exact=True).click()
    assert page.url.endswith("/dashboard/jobs?job_type=import_file&status=failed")

    assert person("operator").open("/jobs").get_by_role("link", name="failed imports").count() == 0
    elsewhere = person("viewer", java_script_enabled=False).open("/jobs")
    elsewhere.get_by_role("link", name="failed imports").click()
    assert elsewhere.url.endswith("/dashboard/jobs?job_type=import_file&status=failed")
    elsewhere.get_by_role("button", name="Remove the view failed imports").click()
    assert page.reload()
    assert page.get_by_role("link", name="failed imports").count() == 0


@pytest.mark.skipif(not os.environ.get("REHEARSE_DASHBOARD"), reason="depends on the machine: make rehearse-dashboard")
def test_the_first_paint_is_quick(person: Window, dashboard: Dashboard) -> None:
    page = person("viewer").open("/jobs")
    look = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    page.wait_for_function(look)
    paint = page.evaluate(look)
    print(f"first paint after {paint:.0f} ms")
    assert paint < 1_000
