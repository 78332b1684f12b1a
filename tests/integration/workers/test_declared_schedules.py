"""Schedules in code: written when a worker starts, never over an operator's edit or pause; and what a run knows of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aeon_jobs import InvalidJob, Schedule, current_job, schedules
from aeon_jobs.persistence.schedules import declared, repository
from aeon_jobs.persistence.schedules import tick as ticks
from aeon_jobs.persistence.schedules.declared import Declaration
from tests.harness import Harness
from tests.waiting import wait_for

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def sync(harness: Harness, now: datetime = NOW) -> None:
    with harness.database.transaction() as connection:
        declared.sync(connection, list(harness.broker.schedules.values()), now)


def stored(harness: Harness, name: str = "digest") -> Any:
    with harness.database.connection() as connection:
        (found,) = [schedule for schedule in repository.every(connection) if schedule.name == name]
    return found


def change(harness: Harness, **changes: Any) -> None:
    with harness.database.transaction() as connection:
        repository.change(connection, stored(harness).id, changes, NOW)


def redeclare(harness: Harness, **changes: Any) -> None:
    from dataclasses import replace

    known = harness.broker.schedules["digest"]
    harness.broker.schedules["digest"] = Declaration(replace(known.new, **changes), known.module)
    sync(harness)


@pytest.fixture
def digest(harness: Harness) -> Any:
    @harness.job(schedule=Schedule("0 7 * * *", timezone="Europe/Berlin", max_failures=3))
    def digest(text: str = "") -> None: ...

    with harness.working():  # registers the job type, and writes the schedule
        wait_for(lambda: harness.execute("SELECT 1 FROM job_schedules"), "the schedule is written")
    return digest


def test_a_worker_that_starts_writes_what_its_code_declares(harness: Harness, digest: Any) -> None:
    found = stored(harness)
    assert (found.cron, found.timezone, found.overlap, found.max_failures) == ("0 7 * * *", "Europe/Berlin", "skip", 3)
    assert found.next_run_at is not None
    assert (found.created_by, found.declared_in) == (f"code:{__name__}", __name__)
    before = found.updated_at
    sync(harness)
    assert stored(harness).updated_at == before  # nothing changed: nothing is written


def test_a_change_in_the_code_is_taken_but_not_over_an_edit_or_a_pause(harness: Harness, digest: Any) -> None:
    change(harness, timezone="UTC", enabled=False, pause_note="moving")
    redeclare(harness, cron="0 8 * * *", timezone="Asia/Tokyo", max_failures=5)
    found = stored(harness)
    assert (found.cron, found.max_failures) == ("0 8 * * *", 5)
    assert (found.timezone, found.enabled, found.pause_note) == ("UTC", False, "moving")


def test_what_code_no_longer_declares_is_orphaned_and_runs_on_and_comes_back(harness: Harness, digest: Any) -> None:
    kept = harness.broker.schedules.pop("digest")
    sync(harness)
    orphan = stored(harness)
    assert orphan.orphaned_at is not None
    assert orphan.enabled
    harness.broker.schedules["digest"] = kept
    sync(harness)
    assert stored(harness).orphaned_at is None
    # Of a module that this worker has not loaded it knows nothing.
    harness.broker.schedules["digest"] = Declaration(kept.new, "other.service")
    sync(harness)
    harness.broker.schedules.clear()
    sync(harness)
    assert stored(harness).orphaned_at is None


def test_one_that_an_operator_made_is_left_alone(harness: Harness, digest: Any) -> None:
    with harness.database.transaction() as connection:
        new = repository.NewSchedule(name="theirs", job_type="digest", cron="0 1 * * *")
        repository.create(connection, new, NOW)
    schedules.declare(digest, "0 2 * * *", name="theirs")
    sync(harness)
    assert stored(harness, "theirs").cron == "0 1 * * *"


def test_a_declaration_that_cannot_be_honoured_is_refused_when_it_is_made(harness: Harness, digest: Any) -> None:
    for field, schedule in (
        ("cron", Schedule("*/90 * * * *")),
        ("timezone", Schedule("* * * * *", timezone="Mars/Base")),
        ("payload.text", Schedule("* * * * *", payload={"text": 5})),
    ):
        with pytest.raises(InvalidJob) as refusal:
            schedules.declare(digest, schedule, name="x")
        assert [violation.field for violation in refusal.value.violations] == [field]
    with pytest.raises(ValueError, match="declared twice"):
        schedules.declare(digest, "* * * * *")


def test_a_run_knows_its_due_time_and_the_result_of_the_last_one(harness: Harness) -> None:
    @harness.job(schedule=["every 1h", "30 * * * *"])
    def count() -> list[Any]:
        run = current_job().schedule_run()
        assert run is not None
        return [run.name, run.due_at.isoformat(), run.last_result and run.last_result[1]]

    results = []
    with harness.working():
        wait_for(lambda: harness.execute("SELECT 1 FROM job_schedules"), "the schedule is written")
        begin = stored(harness, "count").next_run_at
        for number in range(2):
            ticked = ticks.tick(harness.database, begin + number * timedelta(minutes=30))
            results.append(harness.finished(ticked.submitted[0]).result)
    second = begin + timedelta(minutes=30)
    assert results == [["count", begin.isoformat(), None], ["count", second.isoformat(), begin.isoformat()]]


def test_a_job_of_no_schedule_is_no_run(harness: Harness) -> None:
    @harness.job
    def count() -> bool:
        return current_job().schedule_run() is None

    assert current_job().schedule_run() is None
    with harness.working():
        assert harness.finished(count.send()).result is True
