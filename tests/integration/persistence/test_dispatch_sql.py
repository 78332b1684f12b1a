"""From pending to queued and back: order, and who wins when two dispatchers come at once."""

from __future__ import annotations

from uuid import uuid4

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dispatch, executions, jobs, queues, workers
from aeon_jobs.persistence.queue.dispatch import parse_message_id
from aeon_jobs.persistence.queue.workers import Host, Registration
from tests.races import at_once, rival
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import add_job, dispatch_all, job, queue, rows, running_job, value


def pending(database: Database, count: int, **columns: object) -> list[object]:
    return [add_job(database, **columns) for _ in range(count)]


def work_on(database: Database, *job_types: str, id: str = "w1", **details: object) -> None:
    """A live worker for these job types."""
    with database.connection() as connection:
        host = Host("h", "boot", "ns")
        details = {"queues": ["default"], "threads": 8, "kind": "worker", **details}
        entry = Registration(id=id, host=host, pid=1, process_started_at=0, version="1", job_types=job_types, **details)
        workers.register(connection, entry)


def test_jobs_are_dispatched_by_priority_and_within_one_in_order_of_submission(database):
    order = [(50, 0), (100, 1), (0, 2), (50, 3), (100, 4), (50, 5)]
    ids = {add_job(database, priority=priority): entry for entry in order for priority in entry[:1]}
    taken = [ids[job_id] for job_id in dispatch_all(database)]
    assert taken == [(100, 1), (100, 4), (50, 0), (50, 3), (50, 5), (0, 2)]


def test_each_dispatch_raises_the_number_and_names_the_message(database):
    job_id = add_job(database)
    with database.connection() as connection:
        (first,) = dispatch.dispatch(connection, {"default": 1})
        dispatch.take_back(connection, [(job_id, 1)])
        (second,) = dispatch.dispatch(connection, {"default": 1})
    assert (first.seq, second.seq, second.job_type, second.queue_name) == (1, 2, "note", "default")
    assert parse_message_id(second.message_id) == (job_id, 2)
    stored = job(database, job_id)
    assert (stored.status, stored.dispatch_seq, stored.queued_at is None) == ("queued", 2, False)


ID = "01a20133-946e-7c3a-a035-6e8448176f12"


@pytest.mark.parametrize("text", ["", ":", "x:1", ID, f"{ID}:", f"{ID}:one", "1:2:3"])
def test_what_is_no_message_id_of_ours_is_none(text):
    assert parse_message_id(text) is None


def test_no_more_are_taken_than_a_queue_has_room_for_and_each_queue_has_its_own(database):
    ids = {name: pending(database, 3, queue_name=name) for name in "abc"}
    with database.connection() as connection:
        taken = dispatch.dispatch(connection, {"a": 2, "b": 99, "nobody": 5})
    assert [entry.id for entry in taken] == [*ids["a"][:2], *ids["b"]]
    with database.connection() as connection:
        assert dispatch.dispatch(connection, {"a": 0}) == []


def test_a_paused_queue_gives_nothing_until_it_is_resumed(database):
    (job_id,) = pending(database, 1)
    rows(database, "INSERT INTO job_queues (name, paused_at) VALUES ('default', now())")
    assert dispatch_all(database) == []
    rows(database, "UPDATE job_queues SET paused_at = NULL")
    assert dispatch_all(database) == [job_id]


def test_neither_future_nor_cancelled_nor_blocked_jobs_are_taken(database):
    rows(database, "INSERT INTO jobs (job_type, scheduled_at) VALUES ('x', now() + interval '1 h')")
    rows(database, "INSERT INTO jobs (job_type, cancel_requested_at) VALUES ('x', now())")
    rows(database, "INSERT INTO jobs (job_type, blocked_by) VALUES ('x', 1)")
    assert dispatch_all(database) == []


def test_a_job_that_comes_due_is_promoted_once_and_then_taken_by_its_priority(database):
    first = add_job(database, priority=10)
    sql = "INSERT INTO jobs (job_type, priority, scheduled_at) VALUES ('x', 90, now() + interval '1 h') RETURNING id"
    due = value(database, sql)
    with database.connection() as connection:
        assert dispatch.promote(connection) == 0
    # The hour passes: the trigger would mark the job ready at once if it saw the change.
    rows(database, "ALTER TABLE jobs DISABLE TRIGGER USER")
    rows(database, "UPDATE jobs SET scheduled_at = now() WHERE id = :id", id=due)
    rows(database, "ALTER TABLE jobs ENABLE TRIGGER USER")
    assert dispatch_all(database, 0) == []
    with database.connection() as connection:
        assert dispatch.promote(connection) == 1
        assert dispatch.promote(connection) == 0
    assert dispatch_all(database) == [due, first]


def test_a_job_scheduled_in_the_past_is_ready_at_once_and_one_moved_there_too(database):
    sql = "INSERT INTO jobs (job_type, scheduled_at) VALUES ('x', now() + :later * interval '1 s') RETURNING id"
    past, future = value(database, sql, later=-1), value(database, sql, later=3_600)
    assert [job(database, job_id).ready for job_id in (past, future)] == [True, False]
    rows(database, "UPDATE jobs SET scheduled_at = NULL WHERE id = :id", id=future)
    assert job(database, future).ready
    rows(database, "UPDATE jobs SET scheduled_at = now() + interval '1 h'")
    assert not job(database, past).ready


def test_two_dispatchers_at_once_never_take_the_same_job(database):
    ids = pending(database, 10)
    with database.transaction() as connection:
        first = dispatch.dispatch(connection, {"default": 6})
        # Not one of them waits: the second passes over what the first holds, uncommitted as it is.
        with rival(database, lambda other: dispatch.dispatch(other, {"default": 6})) as second:
            others = second.answer()
    assert [entry.id for entry in first] == ids[:6]
    assert [entry.id for entry in others] == ids[6:]


def test_many_dispatchers_take_every_job_once(database):
    ids = pending(database, 60)

    def take(connection):
        taken = []
        while batch := dispatch.dispatch(connection, {"default": 7}):
            taken += batch
        return taken

    taken = [entry for answer in at_once(database, [take] * 4) for entry in answer]
    assert sorted(entry.id for entry in taken) == sorted(ids)
    assert {entry.seq for entry in taken} == {1}


def test_two_that_promote_at_once_do_not_wait_for_each_other(database):
    pending(database, 4)
    rows(database, "ALTER TABLE jobs DISABLE TRIGGER USER")
    rows(database, "UPDATE jobs SET ready = false, scheduled_at = now()")
    with database.transaction() as connection:
        assert dispatch.promote(connection) == 4
        with rival(database, dispatch.promote) as second:
            assert second.answer() == 0


def test_what_is_taken_back_is_pending_again_and_its_message_void(database):
    (entry,) = queue(database, add_job(database))
    with database.connection() as connection:
        assert dispatch.take_back(connection, [entry, (uuid4(), 1)]) == 1
        assert dispatch.take_back(connection, [entry]) == 0
        assert dispatch.take_back(connection, []) == 0
    stored = job(database, entry[0])
    assert (stored.status, stored.ready, stored.queued_at) == ("pending", True, None)


def test_taking_back_an_older_dispatch_leaves_the_newer_one_alone(database):
    job_id = add_job(database)
    queue(database, job_id)
    rows(database, "UPDATE jobs SET status = 'pending'")
    queue(database, job_id)
    with database.connection() as connection:
        assert dispatch.take_back(connection, [(job_id, 1)]) == 0
    assert job(database, job_id).status == "queued"


def test_what_runs_is_not_taken_back(database):
    running = running_job(database)
    with database.connection() as connection:
        assert dispatch.take_back(connection, [(running.id, running.dispatch_seq)]) == 0
    assert job(database, running.id).status == "running"


def test_dispatches_that_wait_are_found_oldest_first(database):
    ids = pending(database, 3)
    for minutes, job_id in enumerate(reversed(ids), start=1):
        queue(database, job_id)
        rows(database, "UPDATE jobs SET queued_at = now() - :m * interval '1 min' WHERE id = :id", m=minutes, id=job_id)
    with database.connection() as connection:
        waiting = dispatch.queued_since(connection, 90_000)
        assert [entry.id for entry in waiting] == ids[:2]
        assert [int(entry.age_ms / 60_000) for entry in waiting] == [3, 2]
        assert len(dispatch.queued_since(connection, 0, limit=1)) == 1


def test_a_dispatch_is_passed_on_while_any_worker_has_registered_its_type(database):
    (entry,) = queue(database, add_job(database))
    rows(database, "DELETE FROM job_types WHERE name = 'note'")
    with database.connection() as connection:
        assert not dispatch.pass_on(connection, entry)
        # No worker that runs it lives at the moment: a rolling restart must not dead-letter the backlog.
        rows(connection, "INSERT INTO job_types (name) VALUES ('note')")
        assert not dispatch.pass_on(connection, (entry[0], entry[1] + 1))
        assert dispatch.pass_on(connection, entry)
    # A moment later, so that the two do not play ping-pong.
    assert (job(database, entry[0]).status, job(database, entry[0]).ready) == ("pending", False)


def test_the_capacity_of_a_queue_is_the_threads_of_its_live_workers(database):
    work_on(database, id="a", queues=["default", "slow"], threads=8)
    work_on(database, id="b", queues=["default"], threads=4)
    for id_, change in [("stopping", "state = 'stopping'"), ("silent", "last_seen_at = now() - interval '1 min'")]:
        work_on(database, id=id_, queues=["default"])
        rows(database, f"UPDATE workers SET {change} WHERE id = :id", id=id_)
    work_on(database, id="dispatcher", kind="dispatcher")
    with database.connection() as connection:
        found = dispatch.capacity(connection, 20_000)
    assert {name: (served.threads, served.workers, served.allowed) for name, served in found.items()} == {
        "default": (12, 2, None),
        "slow": (8, 1, None),
    }


def test_a_limit_on_a_queue_leaves_what_is_not_in_motion_already(database):
    work_on(database)
    queue(database, *pending(database, 2))
    running_job(database)
    for limit, left in [(5, 2), (3, 0), (1, 0), (None, None)]:
        sql = (
            "INSERT INTO job_queues (name, max_running) VALUES ('default', :limit)"
            " ON CONFLICT (name) DO UPDATE SET max_running = excluded.max_running"
        )
        rows(database, sql, limit=limit)
        with database.connection() as connection:
            assert dispatch.capacity(connection, 20_000)["default"].allowed == left


def test_two_dispatchers_at_once_keep_to_the_limit_of_a_queue(database):
    work_on(database)
    pending(database, 5)
    with database.transaction() as first:
        queues.limit(first, "default", 3)
    with database.transaction() as first, database.connection() as second:
        assert len(dispatch.dispatch(first, {"default": 2})) == 2
        assert dispatch.dispatch(second, {"default": 5}) == []
        first.commit()
        assert len(dispatch.dispatch(second, {"default": 5})) == 1


def test_whoever_holds_a_queue_keeps_nobody_from_the_others(database):
    """A process that froze in the middle of a pause, or somebody's forgotten transaction."""
    work_on(database, queues=["default", "other"])
    pending(database, 1)
    (free,) = pending(database, 1, queue_name="other")
    with database.transaction() as first, database.connection() as second:
        queues.pause(first, "default", by="me")
        assert [entry.id for entry in dispatch.dispatch(second, {"default": 9, "other": 9})] == [free]


def test_a_look_that_finds_nothing_writes_nothing(database):
    work_on(database)
    with database.transaction() as connection:
        assert dispatch.dispatch(connection, {"default": 9}) == []
        assert value(connection, "SELECT pg_current_xact_id_if_assigned()") is None


def test_what_is_queued_when_its_queue_is_paused_is_taken_back_and_what_runs_goes_on(database):
    work_on(database)
    ids = pending(database, 3)
    queue(database, ids[0])
    running = running_job(database).id
    with database.connection() as connection:
        assert queues.pause(connection, "default", by="me")
        assert not queues.pause(connection, "default", by="me")
        assert {jobs.get(connection, id_).status for id_ in ids} == {"pending"}
        assert jobs.get(connection, running).status == "running"
        assert executions.claim(connection, [(ids[0], 1)], worker_id="w", lease_ms=1_000) == {}
        assert queues.resume(connection, "default")
        assert ids[0] in [entry.id for entry in dispatch.dispatch(connection, {"default": 9})]


def test_a_pause_waits_for_a_dispatch_under_way_and_takes_it_back(database):
    work_on(database)
    (job_id,) = pending(database, 1)
    with database.transaction() as first:
        assert dispatch.dispatch(first, {"default": 9})
        with rival(database, lambda other: queues.pause(other, "default", by="me")) as second:
            second.waits()
            first.commit()
            assert second.answer()
    with database.connection() as connection:
        assert jobs.get(connection, job_id).status == "pending"
        assert dispatch.dispatch(connection, {"default": 9}) == []


def test_a_job_cancelled_while_it_is_being_dispatched_is_cancelled_whoever_comes_first(database):
    first, second = pending(database, 2)
    with database.transaction() as connection:
        jobs.cancel(connection, first)
        with rival(database, lambda other: dispatch.dispatch(other, {"default": 9})) as dispatcher:
            assert [entry.id for entry in dispatcher.answer()] == [second]
    third = add_job(database)
    with database.transaction() as connection:
        dispatch.dispatch(connection, {"default": 9})
        with rival(database, lambda other: jobs.cancel(other, third)) as canceller:
            canceller.waits()
            connection.commit()
            assert canceller.answer().status == "cancelled"
