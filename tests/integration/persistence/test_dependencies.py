"""Jobs that wait for jobs: released once, whoever comes first, whatever becomes of the parent."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dead_letters, executions, jobs, states
from aeon_jobs.persistence.queue.states import Failure
from aeon_jobs.persistence.queue.submissions import NewJob
from tests.races import rival
from tests.rows import add_job, dispatch_all, dispatch_queues, end, job, register, rows, running_job, value

FAILURE = Failure("ValueError", "no")


@pytest.fixture(autouse=True)
def _registered(database: Database, environment: object) -> None:
    register(database)


def depend(where: Database | Connection, child: UUID, *parents: UUID, on_failure: str = "wait", more: str = "") -> None:
    sql = f"INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure) VALUES (:c, :p, :f) {more}"
    for parent in parents:
        rows(where, sql, c=child, p=parent, f=on_failure)


def settle(where: Database | Connection, job_id: UUID, status: str) -> None:
    rows(where, f"UPDATE jobs SET status = '{status}' WHERE id = :id", id=job_id)


def standing(database: Database, job_id: UUID) -> tuple[str, int, bool]:
    found = job(database, job_id)
    return found.status, found.blocked_by, found.ready


READY, BLOCKED = ("pending", 0, True), ("pending", 1, False)

ENDS = [
    ("completed", "wait", READY),
    ("completed", "cancel", READY),
    ("completed", "run", READY),
    ("failed", "wait", BLOCKED),
    ("failed", "cancel", ("cancelled", 1, False)),
    ("failed", "run", READY),
    ("cancelled", "wait", BLOCKED),
    ("cancelled", "cancel", ("cancelled", 1, False)),
    ("cancelled", "run", READY),
]


@pytest.mark.parametrize(("end_of_parent", "on_failure", "expected"), ENDS)
def test_what_becomes_of_a_child_does_not_depend_on_whether_its_parent_ends_before_or_after_it_is_added(
    database, end_of_parent, on_failure, expected
):
    parent, child = add_job(database), add_job(database)
    depend(database, child, parent, on_failure=on_failure)
    assert standing(database, child) == BLOCKED
    settle(database, parent, end_of_parent)
    assert standing(database, child)[:2] == expected[:2]

    late = add_job(database)
    depend(database, late, parent, on_failure=on_failure)
    assert standing(database, late)[:2] == expected[:2]
    for each in (child, late):
        stored = job(database, each)
        if expected[0] == "cancelled":
            assert stored.cancel_reason == f"job {parent}, which it depends on, is {end_of_parent}"
            assert stored.completed_at is not None
        else:
            assert (stored.ready, stored.cancel_requested_at) == (expected[2], None)


@pytest.mark.parametrize("parent_commits_first", [True, False])
@pytest.mark.parametrize(("end_of_parent", "on_failure", "expected"), ENDS)
def test_adding_a_child_while_its_parent_ends_comes_to_the_same_in_both_orders(
    database, end_of_parent, on_failure, expected, parent_commits_first
):
    parent, child = add_job(database), add_job(database)
    works = [
        lambda c: settle(c, parent, end_of_parent),
        lambda c: depend(c, child, parent, on_failure=on_failure),
    ]
    first, second = works if parent_commits_first else works[::-1]
    with database.transaction() as connection:
        first(connection)
        with rival(database, second) as other:
            other.waits()
            connection.commit()
            other.answer()
    assert standing(database, child)[:2] == expected[:2]


def test_a_parent_whose_end_is_rolled_back_still_blocks(database):
    parent, child = add_job(database), add_job(database)
    with database.transaction() as connection:
        settle(connection, parent, "completed")
        with rival(database, lambda c: depend(c, child, parent)) as other:
            other.waits()
            connection.rollback()
            other.answer()
    assert standing(database, child) == BLOCKED


def test_a_child_waits_for_every_parent(database):
    parents = [add_job(database) for _ in range(4)]
    child = add_job(database)
    depend(database, child, *parents)
    for left, parent in zip((3, 2, 1), parents, strict=False):
        settle(database, parent, "completed")
        assert standing(database, child) == ("pending", left, False)
    settle(database, parents[-1], "completed")
    assert standing(database, child) == READY


def test_a_chain_runs_link_by_link(database):
    chain = [add_job(database) for _ in range(4)]
    for parent, child in pairwise(chain):
        depend(database, child, parent)
    for link in chain:
        assert dispatch_all(database) == [link]
        settle(database, link, "completed")


def test_a_very_long_chain_is_cancelled_to_its_end(database):
    """Cancelled one level at a time, each from the trigger of the one above, it would be deeper than the stack."""
    numbered = "(lpad(to_hex(%s), 32, '0'))::uuid"
    with database.transaction() as connection:
        sql = f"INSERT INTO jobs (id, job_type) SELECT {numbered % 'n'}, 'x' FROM generate_series(0, 1000) n"
        rows(connection, sql)
        rows(
            connection,
            "INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)"
            f" SELECT {numbered % 'n'}, {numbered % '(n - 1)'}, 'cancel' FROM generate_series(1, 1000) n",
        )
    with database.connection() as connection:
        jobs.cancel(connection, UUID(int=0))
    assert rows(database, "SELECT status::text, count(*) FROM jobs GROUP BY 1") == [("cancelled", 1001)]
    assert job(database, UUID(int=1000)).cancel_reason == f"job {UUID(int=999)}, which it depends on, is cancelled"


def test_a_failure_runs_down_a_tree_as_each_edge_says(database):
    root, cancelled, below, waiting, running_on = (add_job(database) for _ in range(5))
    depend(database, cancelled, root, on_failure="cancel")
    depend(database, below, cancelled, on_failure="cancel")
    depend(database, waiting, cancelled, on_failure="wait")
    depend(database, running_on, cancelled, on_failure="run")
    settle(database, root, "failed")
    assert [job(database, each).status for each in (cancelled, below, waiting, running_on)] == [
        "cancelled",
        "cancelled",
        "pending",
        "pending",
    ]
    assert dispatch_all(database) == [running_on]
    assert job(database, below).cancel_reason == f"job {cancelled}, which it depends on, is cancelled"


def test_a_circle_that_somebody_made_with_psql_is_cancelled_and_does_not_turn_for_ever(database):
    root, one, other = (add_job(database) for _ in range(3))
    for child, parent in [(one, root), (other, one), (one, other)]:
        depend(database, child, parent, on_failure="cancel")
    settle(database, root, "failed")
    assert [job(database, each).status for each in (one, other)] == ["cancelled", "cancelled"]


def test_a_job_cannot_wait_for_itself(database):
    from sqlalchemy.exc import IntegrityError

    job_id = add_job(database)
    with pytest.raises(IntegrityError):
        depend(database, job_id, job_id)


def test_deleting_a_parent_releases_its_children_and_deleting_a_child_its_parent(database):
    parent, child = add_job(database), add_job(database)
    depend(database, child, parent)
    rows(database, "DELETE FROM jobs WHERE id = :id", id=parent)
    assert standing(database, child) == READY

    parent = add_job(database)
    depend(database, child, parent)
    rows(database, "DELETE FROM jobs WHERE id = ANY(:ids)", ids=[parent, child])
    assert value(database, "SELECT count(*) FROM jobs") == 0


def test_deleting_a_dependency_releases_the_child(database):
    parent, child = add_job(database), add_job(database)
    depend(database, child, parent)
    rows(database, "DELETE FROM job_dependencies")
    assert standing(database, child) == READY


def test_a_dependency_that_is_there_already_is_not_counted_again(database):
    parent, child = add_job(database), add_job(database)
    depend(database, child, parent)
    depend(database, child, parent, more="ON CONFLICT DO NOTHING")
    assert standing(database, child) == BLOCKED
    settle(database, parent, "completed")
    assert standing(database, child) == READY


def test_a_parent_that_is_requeued_and_ends_again_releases_once(database):
    running = running_job(database)
    child, other = add_job(database), add_job(database)
    depend(database, child, running.id, on_failure="run")
    depend(database, child, other)
    end(database, running, states.failed(FAILURE, retries_left=0, delay_ms=0))
    assert standing(database, child) == BLOCKED
    with database.transaction() as connection:
        dead_letters.requeue(connection, running.id)
    for status in ("running", "completed"):
        settle(database, running.id, status)
    assert standing(database, child) == BLOCKED


def test_a_child_that_waits_for_a_failed_parent_is_released_when_the_parent_completes_in_its_next_life(database):
    running = running_job(database)
    child = add_job(database)
    depend(database, child, running.id)
    end(database, running, states.failed(FAILURE, retries_left=0, delay_ms=0))
    with database.transaction() as connection:
        dead_letters.requeue(connection, running.id)
    settle(database, running.id, "completed")
    assert standing(database, child) == READY


def test_recording_a_parent_releases_its_child_in_the_same_transaction(database):
    running = running_job(database)
    child = add_job(database)
    depend(database, child, running.id)
    with database.transaction() as connection:
        end(connection, running, states.completed(1))
        assert [entry.id for entry in dispatch_queues(connection, {"default": 5})] == [child]
        connection.rollback()
    assert standing(database, child) == BLOCKED


def test_two_parents_recorded_at_once_release_their_common_child_together(database):
    one, other = running_job(database), running_job(database)
    child = add_job(database)
    depend(database, child, one.id, other.id)
    with database.transaction() as connection:
        end(connection, one, states.completed(1))
        with rival(database, lambda c: end(c, other, states.completed(1))) as second:
            second.waits()  # at the child
            connection.commit()
            assert second.answer()
    assert standing(database, child) == READY


def test_a_child_scheduled_for_later_waits_for_both(database):
    parent = add_job(database)
    later = "INSERT INTO jobs (job_type, scheduled_at) VALUES ('x', now() + interval '1 h') RETURNING id"
    child = value(database, later)
    depend(database, child, parent)
    settle(database, parent, "completed")
    assert standing(database, child) == ("pending", 0, False)
    rows(database, "UPDATE jobs SET scheduled_at = now() WHERE id = :id", id=child)
    assert standing(database, child) == READY


def test_submitting_with_parents_blocks_and_a_parent_named_twice_counts_once(database):
    parent = add_job(database)
    with database.transaction() as connection:
        new = NewJob(job_type="note", depends_on=[parent, parent])
        submitted = jobs.submit_many(connection, [new, new])
    assert [standing(database, each.id) for each in submitted] == [BLOCKED, BLOCKED]


def test_the_answer_to_a_submission_says_when_its_parent_has_cancelled_it(database):
    parent = add_job(database, status="failed")
    with database.transaction() as connection:
        new = NewJob(job_type="note", depends_on=[parent], on_dependency_failure="cancel")
        assert jobs.submit(connection, new).status == "cancelled"
        assert jobs.submit_many(connection, [new])[0].status == "cancelled"


def test_a_rescued_parent_does_not_release_its_child(database):
    running = running_job(database)
    child = add_job(database)
    depend(database, child, running.id, on_failure="run")
    with database.connection() as connection:
        executions.rescue(connection, dead_workers=["w1"], max_deaths=9)
    assert standing(database, child) == BLOCKED


JOBS = st.integers(0, 4)
STEPS = st.one_of(
    st.tuples(st.just("depend"), JOBS, JOBS, st.sampled_from(["wait", "cancel", "run"])),
    st.tuples(st.just("undo"), JOBS, JOBS, st.none()),
    st.tuples(
        st.just("settle"),
        JOBS,
        st.none(),
        st.sampled_from(["pending", "queued", "running", "completed", "failed", "cancelled"]),
    ),
    st.tuples(st.just("delete"), JOBS, st.none(), st.none()),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=25))
def test_blocked_by_is_always_the_number_of_unsatisfied_dependencies(database, steps):
    with database.transaction() as connection:
        ids = [add_job(connection) for _ in range(5)]
        for verb, one, other, what in steps:
            if verb == "depend" and one != other:
                sql = (
                    "INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)"
                    " SELECT c.id, p.id, :f FROM jobs c, jobs p WHERE c.id = :c AND p.id = :p ON CONFLICT DO NOTHING"
                )
                rows(connection, sql, c=ids[one], p=ids[other], f=what)
            elif verb == "undo":
                sql = "DELETE FROM job_dependencies WHERE job_id = :c AND depends_on_job_id = :p"
                rows(connection, sql, c=ids[one], p=ids[other])
            elif verb == "settle":
                settle(connection, ids[one], what)
            elif verb == "delete":
                rows(connection, "DELETE FROM jobs WHERE id = :id", id=ids[one])
            assert miscounted(connection) == []
            assert overlooked(connection) == []
        connection.rollback()


def miscounted(connection: Connection) -> list[object]:
    return rows(
        connection,
        "SELECT id, blocked_by FROM jobs WHERE blocked_by <> (SELECT count(*) FROM job_dependencies d"
        " WHERE d.job_id = jobs.id AND d.satisfied_at IS NULL)"
        " OR (status = 'pending' AND ready <> (blocked_by = 0))",
    )


def overlooked(connection: Connection) -> list[object]:
    """Dependencies that wait for what has happened."""
    return rows(
        connection,
        "SELECT d.* FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id WHERE satisfied_at IS NULL"
        " AND (p.status = 'completed' OR (p.status IN ('failed', 'cancelled') AND on_failure = 'run'))",
    )
