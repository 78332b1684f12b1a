"""From pending to queued and back: order, and who wins when two dispatchers come at once."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dispatch, executions, jobs, queues, workers
from aeon_jobs.persistence.queue.dispatch import Lane, lane_name, parse_message_id
from aeon_jobs.persistence.queue.workers import Host, Registration
from tests.races import at_once, rival
from tests.rows import add_job, dispatch_all, dispatch_queues, job, queue, rows, running_job, value


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
        (first,) = dispatch_queues(connection, {"default": 1})
        dispatch.take_back(connection, [(job_id, 1)])
        (second,) = dispatch_queues(connection, {"default": 1})
    assert (first.seq, second.seq, second.job_type, second.queue_name) == (1, 2, "note", "default")
    assert parse_message_id(second.message_id) == (job_id, 2)
    stored = job(database, job_id)
    assert (stored.status, stored.dispatch_seq, stored.queued_at is None) == ("queued", 2, False)


ID = "01a20133-946e-7c3a-a035-6e8448176f12"


@pytest.mark.parametrize("text", ["", ":", "x:1", ID, f"{ID}:", f"{ID}:one", "1:2:3"])
def test_what_is_no_message_id_of_ours_is_none(text):
    assert parse_message_id(text) is None


def test_no_more_are_taken_than_a_lane_has_free_and_each_lane_has_its_own_number(database):
    ids = {name: pending(database, 3, queue_name=name) for name in "abc"}
    with database.connection() as connection:
        taken = dispatch_queues(connection, {"a": 2, "b": 99, "nobody": 5})
    assert [entry.id for entry in taken] == [*ids["a"][:2], *ids["b"]]
    with database.connection() as connection:
        assert dispatch_queues(connection, {"a": 0}) == []


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
    with database.connection() as connection:
        assert dispatch.promote(connection) == 1
        assert dispatch.promote(connection) == 0
    assert dispatch_all(database) == [due, first]


@pytest.mark.parametrize("job_types", [("x",), ("x", "y")])
def test_a_walk_behind_a_job_takes_only_later_ones(database, job_types):
    ids = [add_job(database, job_type=job_types[index % len(job_types)]) for index in range(4)]
    lane = Lane("lane", ("default",), job_types)
    with database.connection() as connection:
        orders = [value(database, "SELECT seq FROM jobs WHERE id = :id", id=id_) for id_ in ids]
        assert [d.id for d in dispatch.dispatch(connection, {lane: 10}, after=orders[1])] == ids[2:]
        found = dispatch.dispatch(connection, {lane: 10})
    assert [(d.id, d.order) for d in found] == list(zip(ids[:2], orders[:2], strict=True))


def test_a_dispatch_promotes_what_came_due(database):
    due = add_job(database)
    rows(database, "ALTER TABLE jobs DISABLE TRIGGER USER")
    rows(database, "UPDATE jobs SET scheduled_at = now(), ready = false")
    rows(database, "ALTER TABLE jobs ENABLE TRIGGER USER")
    assert dispatch_all(database) == [due]


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
        first = dispatch_queues(connection, {"default": 6})
        # Not one of them waits: the second passes over what the first holds, uncommitted as it is.
        with rival(database, lambda other: dispatch_queues(other, {"default": 6})) as second:
            others = second.answer()
    assert [entry.id for entry in first] == ids[:6]
    assert [entry.id for entry in others] == ids[6:]


def test_many_dispatchers_take_every_job_once(database):
    ids = pending(database, 60)

    def take(connection):
        taken = []
        while batch := dispatch_queues(connection, {"default": 7}):
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


def test_a_lane_is_the_live_workers_that_can_run_the_same_jobs(database):
    work_on(database, "note", id="a", lane="one", threads=8)
    work_on(database, "note", id="b", lane="one", threads=4)
    work_on(database, "other", id="c", lane="two", threads=2)
    for id_, change in [
        ("stopping", "state = 'stopping'"),
        ("silent", "last_seen_at = now() - interval '1 min'"),
        ("quiet", "quieted_at = now()"),
    ]:
        work_on(database, id=id_, queues=["default"], lane="three")
        rows(database, f"UPDATE workers SET {change} WHERE id = :id", id=id_)
    work_on(database, id="dispatcher", kind="dispatcher")
    with database.connection() as connection:
        found = sorted(dispatch.lanes(connection, 20_000), key=lambda lane: lane.name)
    assert found == [
        Lane("one", ("default",), ("note",), threads=12, workers=2),
        Lane("two", ("default",), ("other",), threads=2, workers=1),
    ]


def test_the_name_of_a_lane_depends_on_what_its_workers_can_run_alone():
    assert lane_name(["a", "b"], ["x", "y"]) == lane_name(["b", "a"], ["y", "x"])
    different = {lane_name(["a"], ["b"]), lane_name(["b"], ["a"]), lane_name(["a", "b"], []), lane_name(["a b"], [])}
    assert len(different) == 4


def test_each_lane_gets_the_job_types_that_its_workers_know_and_the_rest_waits(database):
    known = [add_job(database, job_type="note", priority=10), add_job(database, job_type="note", priority=20)]
    others = [add_job(database, job_type="other", priority=priority) for priority in (90, 80, 70)]
    unknown = add_job(database, job_type="nobody knows", priority=100)
    free = {Lane("one", ("default",), ("note",)): 9, Lane("two", ("default",), ("other", "more")): 2}
    with database.connection() as connection:
        taken = [(entry.lane, entry.id) for entry in dispatch.dispatch(connection, free)]
    assert taken == [("two", others[0]), ("two", others[1]), ("one", known[1]), ("one", known[0])]
    waiting = rows(database, "SELECT id, dispatch_seq FROM jobs WHERE status = 'pending' ORDER BY priority DESC")
    assert [tuple(row) for row in waiting] == [(unknown, 0), (others[2], 0)]


def test_jobs_that_two_lanes_can_run_are_shared_by_both_and_each_goes_to_one(database):
    ids = pending(database, 6)
    free = {Lane("old", ("default",), ("note",)): 2, Lane("new", ("default",), ("note", "more")): 3}
    with database.connection() as connection:
        taken = dispatch.dispatch(connection, free)
    assert [entry.id for entry in taken] == ids[:5]
    assert Counter(entry.lane for entry in taken) == {"old": 2, "new": 3}


def test_a_job_that_two_lanes_can_run_goes_to_the_one_with_more_free_threads(database):
    """Otherwise it may wait for long jobs of one lane while the threads of the other have nothing to do."""
    pending(database, 3)
    busy, idle = (Lane(name, ("default",), ("note", name), threads=4) for name in ("busy", "idle"))
    with database.connection() as connection:
        assert {entry.lane for entry in dispatch.dispatch(connection, {busy: 4, idle: 8})} == {"idle"}


def test_a_job_that_only_one_lane_can_run_keeps_its_priority_beside_jobs_that_two_can_run(database):
    shared = pending(database, 4, priority=50)
    own = pending(database, 4, job_type="own", priority=60)
    free = {
        Lane("both", ("default",), ("note", "own"), threads=2): 2,
        Lane("one", ("default",), ("note",), threads=2): 2,
    }
    with database.connection() as connection:
        taken = {entry.id: entry.lane for entry in dispatch.dispatch(connection, free)}
    assert taken == {own[0]: "both", own[1]: "both", shared[0]: "one", shared[1]: "one"}


def test_priority_holds_over_all_job_types_of_a_lane(database):
    ids = {priority: add_job(database, job_type=f"type{priority % 5}", priority=priority) for priority in range(40)}
    with database.connection() as connection:
        taken = dispatch_queues(connection, {"default": 10})
    assert [entry.id for entry in taken] == [ids[priority] for priority in range(39, 29, -1)]


def test_priority_holds_over_very_many_job_types_of_which_each_has_a_backlog(database):
    for number in range(30):
        pending(database, 4, job_type=f"type{number}", priority=number)
    urgent = pending(database, 12, job_type="type3", priority=100)
    assert dispatch_all(database, 10) == urgent[:10]
    last = [job(database, id_).priority for id_ in dispatch_all(database, 10)]
    assert last == [100, 100, 29, 29, 29, 29, 28, 28, 28, 28]


def test_rows_that_another_transaction_has_locked_are_passed_over_however_many_they_are(database):
    locked, free = pending(database, 9, priority=90), pending(database, 2)
    with database.transaction() as other:
        rows(other, "SELECT FROM jobs WHERE id = ANY(:ids) FOR UPDATE", ids=locked)
        assert dispatch_all(database, 2) == free


def test_a_queue_at_its_limit_keeps_nothing_from_the_other_queues_of_its_lane(database):
    pending(database, 9, queue_name="limited", priority=90)
    (other,) = pending(database, 1, queue_name="other")
    lane = Lane("lane", ("limited", "other"), ("note",))
    with database.connection() as connection:
        queues.limit(connection, "limited", 1)
        assert [entry.queue_name for entry in dispatch.dispatch(connection, {lane: 4})] == ["limited", "other"]
        assert dispatch.dispatch(connection, {lane: 4}) == []
        assert jobs.get(connection, other).status == "queued"


def test_two_lanes_together_keep_to_the_limit_of_a_queue(database):
    pending(database, 9)
    free = {Lane(name, ("default",), ("note", name)): 5 for name in ("a", "b")}
    with database.connection() as connection:
        queues.limit(connection, "default", 3)
        assert len(dispatch.dispatch(connection, free)) == 3


def test_a_lane_of_very_many_pairs_is_filled_and_none_of_them_starves(database):
    for number in range(30):
        pending(database, 2, queue_name=f"q{number % 6}", job_type=f"type{number}")
    types = tuple(f"type{number}" for number in range(30))
    lane = Lane("wide", tuple(f"q{number}" for number in range(6)), types)
    taken = []
    with database.connection() as connection:
        while batch := dispatch.dispatch(connection, {lane: 7}):
            assert len(batch) <= 7
            taken += batch
    assert len({entry.id for entry in taken}) == 60


def test_a_limit_on_a_queue_leaves_what_is_not_in_motion_already(database):
    work_on(database)
    queue(database, *pending(database, 2))
    running_job(database)
    waiting = pending(database, 9)
    for limit, left in [(3, 0), (1, 0), (5, 2), (None, 7)]:
        with database.connection() as connection:
            queues.limit(connection, "default", limit)
            assert len(dispatch_queues(connection, {"default": 99})) == left
    assert {jobs.status for jobs in rows(database, "SELECT status FROM jobs")} == {"queued", "running"}
    assert len(waiting) == 9


def test_two_dispatchers_at_once_keep_to_the_limit_of_a_queue(database):
    work_on(database)
    pending(database, 5)
    with database.transaction() as first:
        queues.limit(first, "default", 3)
    with database.transaction() as first, database.connection() as second:
        assert len(dispatch_queues(first, {"default": 2})) == 2
        assert dispatch_queues(second, {"default": 5}) == []
        first.commit()
        assert len(dispatch_queues(second, {"default": 5})) == 1


def test_whoever_holds_a_queue_keeps_nobody_from_the_others(database):
    """A process that froze in the middle of a pause, or somebody's forgotten transaction."""
    work_on(database, queues=["default", "other"])
    pending(database, 1)
    (free,) = pending(database, 1, queue_name="other")
    with database.transaction() as first, database.connection() as second:
        queues.pause(first, "default", by="me")
        assert [entry.id for entry in dispatch_queues(second, {"default": 9, "other": 9})] == [free]


def test_a_look_that_finds_nothing_writes_nothing(database):
    work_on(database)
    with database.transaction() as connection:
        assert dispatch_queues(connection, {"default": 9}) == []
        assert value(connection, "SELECT pg_current_xact_id_if_assigned()") is None


def test_jobs_that_no_live_worker_can_run_cost_an_idle_look_no_write(database):
    """They may wait for days, and a dispatcher looks several times a second."""
    work_on(database)
    pending(database, 3, job_type="nobody knows")
    with database.transaction() as connection:
        assert dispatch.dispatch(connection, {Lane("lane", ("default",), ("note",)): 9}) == []
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
        assert ids[0] in [entry.id for entry in dispatch_queues(connection, {"default": 9})]


def test_a_pause_waits_for_a_dispatch_under_way_and_takes_it_back(database):
    work_on(database)
    (job_id,) = pending(database, 1)
    with database.transaction() as first:
        assert dispatch_queues(first, {"default": 9})
        with rival(database, lambda other: queues.pause(other, "default", by="me")) as second:
            second.waits()
            first.commit()
            assert second.answer()
    with database.connection() as connection:
        assert jobs.get(connection, job_id).status == "pending"
        assert dispatch_queues(connection, {"default": 9}) == []


def test_a_job_cancelled_while_it_is_being_dispatched_is_cancelled_whoever_comes_first(database):
    first, second = pending(database, 2)
    with database.transaction() as connection:
        jobs.cancel(connection, first)
        with rival(database, lambda other: dispatch_queues(other, {"default": 9})) as dispatcher:
            assert [entry.id for entry in dispatcher.answer()] == [second]
    third = add_job(database)
    with database.transaction() as connection:
        dispatch_queues(connection, {"default": 9})
        with rival(database, lambda other: jobs.cancel(other, third)) as canceller:
            canceller.waits()
            connection.commit()
            assert canceller.answer().status == "cancelled"
