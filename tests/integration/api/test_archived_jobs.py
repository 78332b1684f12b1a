"""Archived jobs, as callers of the service see them: found, listed, brought back when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from aeon_jobs import Jobs, JobsError
from aeon_jobs.api.contract import AuditFilter, DeadLetterFilter, JobFilter
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob, WrongState
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import job_types
from aeon_jobs.persistence.queue.states import Failure, completed, failed
from tests.integration.conftest import ECHO
from tests.rows import end, job, rows, start

OLD = "UPDATE {} = now() - interval '40 days'"


@pytest.fixture
def jobs(environment: Settings, database: Database) -> Iterator[Jobs]:
    with database.transaction() as connection:
        job_types.register(connection, [ECHO])
    with Jobs.from_settings(environment, name="the-admin") as found:
        yield found


@pytest.fixture
def archived(jobs: Jobs, database: Database) -> tuple[UUID, UUID]:
    """A completed and a failed job, the second with a dead letter that was discarded."""
    done = jobs.submit("echo", {"text": "a"}, metadata={"order": 1}).job_id
    dead = jobs.submit("echo", {"text": "b"}).job_id
    for job_id, verdict in (
        (done, completed({"n": 1})),
        (dead, failed(Failure("Boom", "it broke", "Traceback …"), retries_left=0, delay_ms=0)),
    ):
        (claimed,) = start(database, job_id)
        end(database, claimed, verdict)
    jobs.discard_dead_letters([dead])
    rows(database, OLD.format("jobs SET completed_at"))
    rows(database, OLD.format("dead_letter_jobs SET created_at") + ", resolved_at = now() - interval '40 days'")
    assert jobs.run_archive(dry_run=True).jobs == 2
    run = jobs.run_archive()
    assert (run.jobs, run.dead_letters, run.more) == (2, 1, False)
    return done, dead


def test_an_archived_job_is_shown_with_its_history_and_explained(jobs, archived):
    done, dead = archived
    shown = jobs.get(done)
    assert (shown.status, shown.result, shown.payload) == ("completed", {"n": 1}, {"text": "a"})
    assert [attempt.outcome for attempt in shown.executions] == ["completed"]
    assert shown.archived_at is not None
    assert jobs.wait(done).job_id == done
    assert jobs.explain(dead).reasons[0].code == "failed"
    assert [found.job_id for found in jobs.find(str(done)[:30])] == [done]
    assert next(iter(jobs.events(done))).job.status == "completed"


def test_lists_show_the_archive_when_they_are_asked_to(jobs, archived):
    done, dead = archived
    assert list(jobs.list()) == []
    assert [found.job_id for found in jobs.list(JobFilter(archived=True), limit=1)] == [dead, done]
    assert [found.job_id for found in jobs.list(JobFilter(archived=True, metadata={"order": 1}))] == [done]
    assert [found.job_id for found in jobs.list(JobFilter(archived=True, status=["failed"], job_type="echo"))] == [dead]
    assert jobs.page(JobFilter(archived=True), total=True).total == 2
    (dead_letter,) = jobs.dead_letters(DeadLetterFilter(archived=True))
    assert dead_letter.archived_at is not None
    assert [attempt.outcome for attempt in jobs.dead_letter(dead_letter.id).executions] == ["failed"]
    assert list(jobs.audit_log(AuditFilter(archived=True))) == []


def test_what_the_archive_cannot_do_is_refused_in_words(jobs, archived):
    for call, rule in (
        (lambda: jobs.page(JobFilter(archived=True), sort="priority"), "sort: must be created_at"),
        (lambda: jobs.cancel_many(JobFilter(archived=True)), "archived: is for lists"),
        (lambda: jobs.discard_dead_letters(DeadLetterFilter(archived=True)), "archived: is for lists"),
    ):
        with pytest.raises(InvalidJob, match=rule):
            call()


def test_a_change_that_the_state_of_an_archived_job_does_not_allow_leaves_it_there(jobs, database, archived):
    done, _ = archived
    with pytest.raises(WrongState, match="is completed: cannot be requeued"):
        jobs.requeue(done)
    with pytest.raises(WrongState, match="is completed: cannot be cancelled"):
        jobs.cancel(done)
    assert jobs.get(done).archived_at is not None
    answer = jobs.cancel_many([done])
    assert [(item.outcome, item.status) for item in answer.items] == [("wrong_state", "completed")]


def test_a_requeue_brings_an_archived_job_back(jobs, database, archived):
    _, dead = archived
    again = jobs.requeue(dead)
    assert (again.status, again.archived_at, len(again.executions)) == ("pending", None, 1)
    assert job(database, dead).status == "pending"


def test_many_archived_jobs_and_an_archived_dead_letter_are_requeued(jobs, archived):
    done, dead = archived
    answer = jobs.retry_many([done, dead])
    assert [(item.outcome, item.status) for item in answer.items] == [("wrong_state", "completed"), ("done", "pending")]
    assert jobs.get(done).archived_at is not None
    (dead_letter,) = jobs.dead_letters(status="resolved")
    with pytest.raises(JobsError, match="is pending"):
        jobs.requeue_dead_letter(dead_letter.id)


def test_a_new_job_may_depend_on_an_archived_one(jobs, archived):
    done, _ = archived
    child = jobs.submit("echo", {"text": "c"}, depends_on=[done])
    shown = jobs.get(child.job_id)
    assert [(parent.job_id, parent.status) for parent in shown.dependencies] == [(done, "completed")]
    assert shown.blocked_by == 0


def test_the_status_tells_days_sizes_and_what_is_due(jobs, archived):
    status = jobs.archive_status()
    assert (status.retention.jobs, status.retention.archive, status.due["jobs"]) == (30, 365, 0)
    assert len(status.partitions) == 12
    assert status.bytes > 0
