"""Workflows: every way of a job into and out of a final state is counted, and each end comes once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob, WorkflowNotFound, WrongWorkflowState
from aeon_jobs.persistence.queue import dead_letters, dispatch, executions, jobs, states, workflows
from aeon_jobs.persistence.queue.batches import Batch
from aeon_jobs.persistence.queue.states import Failure
from aeon_jobs.persistence.queue.submissions import NewJob
from aeon_jobs.persistence.queue.workflows import Callback, NewWorkflow, Workflow
from tests.integration.persistence.test_archive import archive
from tests.races import at_once, rival
from tests.rows import add_job, end, end_all, job, register, rows, start, value

FAILURE = Failure.of("ValueError", "bad", "Traceback …", job_type="note", place="here")
FAILED = states.failed(FAILURE, retries_left=0, delay_ms=0)


def create(database: Database, **fields: Any) -> UUID:
    register(database)
    with database.transaction() as connection:
        return workflows.create(connection, NewWorkflow(**{"name": "import", **fields}))[0].id


def close(database: Database, workflow_id: UUID) -> None:
    with database.transaction() as connection:
        workflows.close(connection, workflow_id)


def settle(database: Database) -> int:
    with database.connection() as connection:
        return workflows.settle(connection)


def now(database: Database, workflow_id: UUID) -> Workflow:
    with database.connection() as connection:
        return workflows.get(connection, workflow_id)


def counts(database: Database, workflow_id: UUID) -> tuple[int, int, int, int]:
    """total, completed, failed, cancelled; the same before and after they are settled."""
    before = now(database, workflow_id)
    settle(database)
    after = now(database, workflow_id)
    found = [(w.total, w.completed, w.failed, w.cancelled) for w in (before, after)]
    assert found[0] == found[1]
    assert value(database, "SELECT count(*) FROM workflow_changes WHERE workflow_id = :id", id=workflow_id) == 0
    return found[0]


def state(database: Database, workflow_id: UUID) -> str:
    settle(database)
    return now(database, workflow_id).state


def callbacks(database: Database) -> list[Any]:
    return rows(database, "SELECT payload ->> 'text' AS text, metadata -> 'workflow' AS workflow FROM jobs"
                " WHERE metadata ? 'workflow' ORDER BY seq")  # fmt: skip


def add(database: Database, workflow_id: UUID, count: int = 1, **columns: Any) -> list[UUID]:
    return [add_job(database, workflow_id=workflow_id, **columns) for _ in range(count)]


def test_a_group_of_records_is_one_change_and_the_last_one_ends_the_workflow(database):
    id_ = create(database, on_success=Callback("note", {"text": "done"}), on_failure=Callback("note", {"text": "bad"}),
                 on_finished=Callback("note", {"text": "over"}), created_by="me")  # fmt: skip
    members = add(database, id_, 3)
    assert state(database, id_) == "running"
    claimed = start(database, *members, add_job(database))
    assert end_all(database, [(entry, states.completed(None)) for entry in claimed]) == [True] * 4
    assert rows(database, "SELECT total, completed, failed, cancelled FROM workflow_changes") == [(0, 3, 0, 0)]
    assert state(database, id_) == "running"
    close(database, id_)
    assert state(database, id_) == "completed"
    settle(database)
    done, over = callbacks(database)
    assert (done.text, over.text) == ("done", "over")
    assert done.workflow == {
        "id": str(id_), "kind": "workflow", "name": "import", "state": "completed",
        "total": 3, "completed": 3, "failed": 0, "cancelled": 0,
    }  # fmt: skip


def test_every_way_to_a_final_state_and_back_is_counted(database):
    id_ = create(database)
    ids = add(database, id_, 8)
    with database.transaction() as connection:
        jobs.cancel(connection, ids[0])
    assert counts(database, id_) == (8, 0, 0, 1)
    end(database, start(database, ids[1])[0], FAILED)
    assert counts(database, id_) == (8, 0, 1, 1)
    with database.transaction() as connection:
        dead_letters.requeue(connection, ids[1])
    assert counts(database, id_) == (8, 0, 0, 1)
    rows(database, "UPDATE jobs SET expires_at = now() WHERE id = :id", id=ids[2])
    with database.connection() as connection:
        assert dispatch.expire(connection) == 1
    assert counts(database, id_) == (8, 0, 0, 2)
    start(database, ids[3], worker_id="dead")
    with database.connection() as connection:
        executions.rescue(connection, dead_workers=["dead"], max_deaths=1)
    assert counts(database, id_) == (8, 0, 1, 2)
    rows(database, "UPDATE jobs SET status = 'failed', retry_count = 2 WHERE id = :id", id=ids[4])
    assert counts(database, id_) == (8, 0, 2, 2)
    assert value(database, "SELECT retry_failed_jobs(0)") == 1
    assert counts(database, id_) == (8, 0, 1, 2)
    end(database, start(database, ids[5])[0], states.failed(FAILURE, retries_left=1, delay_ms=0))
    assert counts(database, id_) == (8, 0, 1, 2)
    with database.connection() as connection, connection.begin():
        claimed = start(database, ids[6])[0]
        assert executions.complete(
            connection, executions.Ended.of(claimed, states.completed(1)), worker_id="w1", shard=1
        )
    assert counts(database, id_) == (8, 1, 1, 2)
    # A job that is gone while it waited is no part of it; one that is over stays counted.
    rows(database, "DELETE FROM jobs WHERE id = ANY(:ids)", ids=[ids[6], ids[7]])
    assert counts(database, id_) == (7, 1, 1, 2)


def test_what_the_end_of_a_parent_cancels_is_counted_too_inside_of_the_record(database):
    id_ = create(database)
    parent, *children = add(database, id_, 4)
    for child in children:
        rows(database, "INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure) VALUES (:c, :p, 'cancel')",
             c=child, p=parent)  # fmt: skip
    end(database, start(database, parent)[0], FAILED)
    assert counts(database, id_) == (4, 0, 1, 3)


def test_the_state_is_failed_cancelled_or_completed_and_an_empty_workflow_completes(database):
    empty = create(database)
    assert state(database, empty) == "pending"
    close(database, empty)
    assert state(database, empty) == "completed"
    failed, cancelled = create(database), create(database)
    for id_, statuses in ((failed, ("failed", "cancelled", "completed")), (cancelled, ("cancelled", "completed"))):
        for status in statuses:
            add(database, id_, status=status)
        close(database, id_)
    assert (state(database, failed), state(database, cancelled)) == ("failed", "cancelled")


def test_many_jobs_are_copied_and_counted_at_once(database):
    id_ = create(database)
    with database.transaction() as connection:
        Batch(connection).add_new([NewJob(job_type="note", workflow_id=id_) for _ in range(50)])
        assert rows(connection, "SELECT total FROM workflow_changes") == [(50,)]
        jobs.submit(connection, NewJob(job_type="note", workflow_id=id_, step_name="one"))
        add_job(connection, workflow_id=id_)
    assert counts(database, id_) == (52, 0, 0, 0)


def test_there_are_no_jobs_in_a_workflow_that_does_not_exist(database):
    register(database)
    new = NewJob(job_type="note", workflow_id=uuid4())
    with pytest.raises(DBAPIError, match="there is no workflow"), database.transaction() as connection:
        jobs.submit(connection, new)
    with pytest.raises(WorkflowNotFound), database.transaction() as connection:
        Batch(connection).add_new([new])


def test_a_new_life_of_a_job_brings_the_workflow_back_and_its_next_end_has_callbacks_again(database):
    id_ = create(database, on_failure=Callback("note", {"text": "bad"}), on_success=Callback("note", {"text": "done"}))
    (member,) = add(database, id_)
    close(database, id_)
    end(database, start(database, member)[0], FAILED)
    assert state(database, id_) == "failed"
    with database.transaction() as connection:
        dead_letters.requeue(connection, member)
    assert state(database, id_) == "running"
    assert now(database, id_).finished_at is None
    end(database, start(database, member)[0], states.completed(None))
    assert state(database, id_) == "completed"
    assert [row.text for row in callbacks(database)] == ["bad", "done"]


def test_an_end_between_two_settlements_is_not_missed(database):
    id_ = create(database, on_finished=Callback("note", {"text": "over"}))
    (member,) = add(database, id_)
    close(database, id_)
    end(database, start(database, member)[0], FAILED)
    settle(database)
    with database.transaction() as connection:
        dead_letters.requeue(connection, member)
    end(database, start(database, member)[0], states.completed(None))
    assert state(database, id_) == "completed"
    assert [row.workflow["state"] for row in callbacks(database)] == ["failed", "completed"]


# --- two at once ----------------------------------------------------------------------------------


def test_the_two_last_jobs_at_the_same_time_end_the_workflow_once(database):
    id_ = create(database, on_finished=Callback("note", {"text": "over"}))
    first, second = start(database, *add(database, id_, 2))
    close(database, id_)
    with database.transaction() as connection:
        end(connection, first, states.completed(None))
        # Neither waits for the other: workers have shards of their own.
        with database.connection() as other:
            executions.record(other, [executions.Ended.of(second, states.completed(None))], worker_id="w2", shard=4)
        assert state(database, id_) == "running"
    at_once(database, [workflows.settle] * 4)
    assert state(database, id_) == "completed"
    assert len(callbacks(database)) == 1


def test_a_dispatcher_that_dies_while_it_settles_leaves_the_end_to_the_next_one(database):
    id_ = create(database, on_finished=Callback("note", {"text": "over"}))
    close(database, id_)
    with database.transaction() as connection:
        assert workflows.settle(connection) == 1
        assert settle(database) == 0
        connection.rollback()
    assert (state(database, id_), len(callbacks(database))) == ("completed", 1)


def test_a_job_that_ends_never_ends_the_workflow_before_the_one_that_it_added(database):
    id_ = create(database, on_finished=Callback("note", {"text": "over"}))
    (parent,) = start(database, *add(database, id_))
    close(database, id_)
    settle(database)
    (child,) = add(database, id_)
    end(database, parent, states.completed(None))
    assert state(database, id_) == "running"
    end(database, start(database, child)[0], states.completed(None))
    assert (state(database, id_), len(callbacks(database))) == ("completed", 1)


def test_a_workflow_is_closed_after_those_who_add_and_settled_meanwhile(database):
    id_ = create(database)
    with database.transaction() as connection:
        workflows.hold_open(connection, id_)
        add_job(connection, workflow_id=id_)
        add(database, id_)
        assert settle(database) == 1
        with rival(database, lambda other: workflows.close(other, id_)) as closing:
            closing.waits()
            add(database, id_)
            assert settle(database) == 1
            connection.commit()
            assert closing.answer().closed_at
    assert counts(database, id_) == (3, 0, 0, 0)
    with pytest.raises(WrongWorkflowState), database.transaction() as connection:
        workflows.hold_open(connection, id_)


def test_a_unique_key_brings_back_the_workflow_that_has_it_until_that_is_over(database):
    register(database)
    new = NewWorkflow(name="import", unique_key="2026-01-01")
    with database.transaction() as connection:
        first, is_new = workflows.create(connection, new)
        assert is_new
        with rival(database, lambda other: workflows.create(other, new)) as second:
            second.waits()
            connection.commit()
            found, is_new = second.answer()
            assert (found.id, is_new) == (first.id, False)
    close(database, first.id)
    settle(database)
    with database.transaction() as connection:
        again, is_new = workflows.create(connection, new)
    assert is_new
    assert again.id != first.id


def test_dispatching_settles_and_goes_on_when_that_fails(database):
    id_ = create(database, on_finished=Callback("note", {"text": "over"}))
    close(database, id_)
    with database.connection() as connection:
        dispatch.dispatch(connection, {})
    assert now(database, id_).state == "completed"
    bad = create(database)
    rows(database, 'UPDATE workflows SET on_finished = \'{"job_type": "note", "payload": [1]}\' WHERE id = :id', id=bad)
    close(database, bad)
    waiting = add_job(database, scheduled_at="2020-01-01T00:00:00Z")
    rows(database, "UPDATE jobs SET ready = false WHERE id = :id", id=waiting)
    with database.connection() as connection:
        dispatch.dispatch(connection, {})
    assert job(database, waiting).ready
    assert now(database, bad).state == "pending"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, "name"),
        ({"unique_key": "x" * 256}, "unique_key"),
        ({"on_success": Callback("nobody")}, "on_success.job_type"),
        ({"on_success": Callback("note", {"text": 1})}, "on_success.payload.text"),
        ({"metadata": {"x": float("nan")}}, "metadata"),
    ],
)
def test_a_workflow_that_breaks_a_rule_is_refused_with_the_field(database, fields, named):
    register(database)
    with pytest.raises(InvalidJob, match=named.replace(".", r"\.")), database.connection() as connection:
        workflows.create(connection, NewWorkflow(**{"name": "import", **fields}))


def test_a_job_is_counted_once_though_it_is_archived_and_brought_back_and_an_unknown_workflow_counts_nothing(database):
    id_ = create(database)
    (member,) = add(database, id_, status="completed", completed_at="2020-01-01T00:00:00Z")
    assert archive(database).jobs == 0, "a job of a running workflow moved"
    close(database, id_)
    assert state(database, id_) == "completed"
    assert archive(database).jobs == 1
    rows(database, "SELECT bring_back_jobs(CAST(:ids AS uuid[]))", ids=[member])
    assert counts(database, id_) == (1, 1, 0, 0)
    rows(database, "DELETE FROM workflows")
    rows(database, "UPDATE jobs SET status = 'pending'")
    assert settle(database) == 0
    assert value(database, "SELECT count(*) FROM workflow_changes") == 0


# --- cancel, deadline, retry ------------------------------------------------------------------------


def cancel_overdue(database: Database) -> int:
    with database.connection() as connection:
        return workflows.cancel_overdue(connection)


def test_a_cancelled_workflow_is_cancelled_some_jobs_at_a_time_and_retried_it_completes(database, monkeypatch):
    monkeypatch.setattr(workflows, "PORTION", 3)
    id_ = create(database)
    running, *waiting = add(database, id_, 6)
    other = add_job(database)
    (claimed,) = start(database, running)
    with database.transaction() as connection:
        workflows.request_cancel(connection, id_, by="me", reason="wrong")
    assert [cancel_overdue(database) for _ in range(3)] == [4, 2, 0]
    assert job(database, running).cancel_requested_at
    assert job(database, waiting[0]).cancel_reason == "workflow import: wrong"
    assert job(database, other).status == "pending"
    end(database, claimed, states.cancelled("wrong"))
    assert state(database, id_) == "cancelled"
    with pytest.raises(WrongWorkflowState), database.transaction() as connection:
        workflows.request_cancel(connection, id_)
    with database.transaction() as connection:
        workflows.resume(connection, id_)
        assert [workflows.retry_portion(connection, id_) for _ in range(3)] == [3, 3, 0]
    assert (state(database, id_), cancel_overdue(database)) == ("running", 0)
    end_all(database, [(entry, states.completed(None)) for entry in start(database, running, *waiting)])
    assert state(database, id_) == "completed"


def test_a_workflow_whose_deadline_has_passed_is_cancelled_but_not_while_somebody_adds(database):
    id_ = create(database, deadline_at=datetime(2020, 1, 1, tzinfo=UTC))
    add(database, id_)
    with database.transaction() as connection:
        workflows.hold_open(connection, id_)
        assert cancel_overdue(database) == 1
        assert now(database, id_).closed_at is None
        add_job(connection, workflow_id=id_)
        assert state(database, id_) == "running"
    assert cancel_overdue(database) == 1
    assert state(database, id_) == "cancelled"
    assert now(database, id_).cancel_reason == "its deadline has passed"


def test_old_workflows_are_forgotten_when_their_jobs_are_gone(database):
    first, second = create(database), create(database)
    add(database, second, status="completed")
    for id_ in (first, second):
        close(database, id_)
    settle(database)
    rows(database, "UPDATE workflows SET finished_at = now() - interval '40 days'")
    with database.connection() as connection:
        assert workflows.forget(connection, 30) == 1
        assert [found.id for found in workflows.page(connection)] == [second]
