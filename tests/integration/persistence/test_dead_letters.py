"""Dead letters: made, requeued, edited, discarded."""

from __future__ import annotations

from uuid import uuid4

import pytest

from aeon_jobs.persistence.archive.moving import ArchivePass
from aeon_jobs.persistence.archive.retention import Retention
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob, JobNotFound, WrongState
from aeon_jobs.persistence.queue import dead_letters, executions, jobs, states
from aeon_jobs.persistence.queue.states import Failure
from tests.races import rival
from tests.rows import (
    add_job,
    dead_letters_of,
    dispatch_all,
    end,
    job,
    outcomes,
    register,
    rows,
    running_job,
    start,
)

FAILURE = Failure.of("ValueError", "no such address", "Traceback …", job_type="note", place="here")


@pytest.fixture(autouse=True)
def _registered(database: Database, environment: object) -> None:
    register(database)


def dead(database: Database, **columns: object):
    running = running_job(database, **columns)
    end(database, running, states.failed(FAILURE, retries_left=0, delay_ms=0))
    return running


def requeue(database: Database, job_id, payload=None):
    with database.transaction() as connection:
        return dead_letters.requeue(connection, job_id, by="operator", payload=payload)


def test_a_requeued_job_begins_a_new_life_and_keeps_its_history(database):
    old = dead(database, max_retries=5)
    rows(database, "UPDATE jobs SET retry_count = 5, worker_deaths = 2, progress = '{}', scheduled_at = now()")
    again = requeue(database, old.id)
    assert (again.status, again.retry_count, again.worker_deaths, again.max_retries) == ("pending", 0, 0, 5)
    assert (again.completed_at, again.result, again.progress, again.scheduled_at, again.ready) == (None,) * 4 + (True,)
    (dead_letter,) = dead_letters_of(database, old.id)
    assert (dead_letter.resolution, dead_letter.resolved_by, dead_letter.resolved_at is None) == (
        "requeued",
        "operator",
        False,
    )
    assert outcomes(database, old.id) == [(1, "failed")]
    (new,) = start(database, old.id)
    assert (new.attempt, new.dispatch_seq) == (2, 2)
    end(database, new, states.completed("at last"))
    assert job(database, old.id).result == "at last"


def test_a_cancelled_job_can_be_requeued_and_is_not_cancelled_any_more(database):
    job_id = add_job(database)
    with database.connection() as connection:
        jobs.cancel(connection, job_id, "no", by="me")
    again = requeue(database, job_id)
    assert (again.cancel_requested_at, again.cancel_reason, again.cancel_requested_by) == (None, None, None)
    assert dispatch_all(database) == [job_id]


@pytest.mark.parametrize("status", ["pending", "queued", "running", "completed"])
def test_a_job_that_lives_or_completed_is_not_requeued(database, status):
    job_id = add_job(database, status=status)
    with pytest.raises(WrongState, match=f"is {status}: cannot be requeued"):
        requeue(database, job_id)


def test_an_unknown_job_is_not_requeued(database):
    with pytest.raises(JobNotFound):
        requeue(database, uuid4())


def test_a_requeue_may_edit_the_payload_within_the_rules(database):
    old = dead(database, payload='{"text": "wrong"}')
    for payload in ({"text": 7}, {"text": "\0"}, {"extra": 1}):
        with pytest.raises(InvalidJob, match="payload"):
            requeue(database, old.id, payload)
    assert job(database, old.id).status == "failed"
    assert requeue(database, old.id, {"text": "right"}).payload == {"text": "right"}
    # What was sent the first time is still to be seen.
    assert dead_letters_of(database, old.id)[0].payload == {"text": "wrong"}


def test_a_zombie_of_the_former_life_cannot_touch_the_new_one(database):
    old = running_job(database)
    with database.connection() as connection:
        executions.rescue(connection, dead_workers=["w1"], max_deaths=1)
    requeue(database, old.id)
    assert not end(database, old, states.completed("zombie"))
    assert job(database, old.id).status == "pending"


def test_a_job_that_dies_again_gets_a_letter_again(database):
    old = dead(database)
    requeue(database, old.id)
    (again,) = start(database, old.id)
    end(database, again, states.failed(FAILURE, retries_left=0, delay_ms=0))
    assert [dead_letter.resolution for dead_letter in dead_letters_of(database, old.id)] == ["requeued", None]
    with database.connection() as connection:
        assert [dead_letter.resolution for dead_letter in dead_letters.of_job(connection, old.id)] == ["requeued", None]


def test_a_discarded_letter_is_closed_for_good(database):
    old = dead(database)
    with database.connection() as connection:
        dead_letters.discard(connection, old.id, by="operator")
        with pytest.raises(JobNotFound):
            dead_letters.discard(connection, old.id)
    (dead_letter,) = dead_letters_of(database, old.id)
    assert (dead_letter.resolution, dead_letter.resolved_by) == ("discarded", "operator")
    rows(database, "SELECT retry_failed_jobs(0)")
    assert job(database, old.id).status == "failed"


def test_of_two_that_requeue_at_once_one_wins(database):
    old = dead(database)
    with database.transaction() as connection:
        dead_letters.requeue(connection, old.id)
        with rival(database, lambda other: dead_letters.requeue(other, old.id)) as second:
            second.waits()
            connection.commit()
            with pytest.raises(WrongState, match="is pending"):
                second.answer()
    assert [dead_letter.resolution for dead_letter in dead_letters_of(database, old.id)] == ["requeued"]


def test_of_requeue_and_discard_at_once_the_letter_is_resolved_once(database):
    old = dead(database)
    with database.transaction() as connection:
        dead_letters.requeue(connection, old.id)
        with rival(database, lambda other: dead_letters.discard(other, old.id)) as second:
            second.waits()
            connection.commit()
            with pytest.raises(JobNotFound):
                second.answer()
    assert [dead_letter.resolution for dead_letter in dead_letters_of(database, old.id)] == ["requeued"]


def test_a_letter_without_a_job_is_possible(database):
    """A message so broken that no job can be told from it."""
    rows(database, "INSERT INTO dead_letter_jobs (reason, error_message) VALUES ('corrupt', 'gibberish')")
    assert len(rows(database, "SELECT FROM dead_letter_jobs WHERE job_id IS NULL")) == 1


def test_dead_letters_that_were_dealt_with_long_ago_are_archived_and_open_ones_never(database):
    ages = {"old and open": (90, None), "settled long ago": (90, 31), "old, settled just now": (90, 1), "new": (1, 1)}
    for name, (created, resolved) in ages.items():
        rows(
            database,
            "INSERT INTO dead_letter_jobs (reason, error_message, created_at, resolved_at, resolution)"
            " VALUES ('exhausted', :name, now() - :created * interval '1 day', now() - :resolved * interval '1 day',"
            " CASE WHEN CAST(:resolved AS integer) IS NOT NULL THEN 'discarded' END)",
            name=name,
            created=created,
            resolved=resolved,
        )
    with database.connection() as connection:
        assert ArchivePass(Retention(dead_letters=30)).go_on(connection, 60).dead_letters == 1
    assert {row.error_message for row in rows(database, "SELECT error_message FROM dead_letter_jobs")} == {
        "old and open",
        "old, settled just now",
        "new",
    }
