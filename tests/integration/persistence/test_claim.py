"""An attempt from claim to record: fenced, replayed, raced, counted."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from aeon_jobs.persistence.queue import dispatch, executions, jobs, states
from aeon_jobs.persistence.queue.executions import Claimed
from aeon_jobs.persistence.queue.states import Failure
from tests.races import at_once, rival
from tests.rows import (
    add_job,
    end,
    end_all,
    job,
    outcomes,
    queue,
    rows,
    running_job,
    start,
    value,
)

FAILURE = Failure.of("ConnectionError", "refused", "Traceback …", job_type="note", place="here")


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def retried(delay_ms: int = 1_000):
    return states.failed(FAILURE, retries_left=1, delay_ms=delay_ms)


def exhausted():
    return states.failed(FAILURE, retries_left=0, delay_ms=0)


def claim(connection, *dispatches, worker_id: str = "w1", lease_ms: int = 60_000):
    return executions.claim(connection, dispatches, worker_id=worker_id, lease_ms=lease_ms)


# --- claim --------------------------------------------------------------------------------------


def test_a_claim_brings_the_job_as_it_stands_and_fences_it(database):
    job_id = add_job(
        database, payload='{"n": 1}', metadata='{"m": 2}', created_by="me", traceparent="t", timeout_ms=7_000
    )
    (entry,) = queue(database, job_id)
    with database.connection() as connection:
        claimed = claim(connection, entry, lease_ms=20_000)[entry]
    assert (claimed.id, claimed.dispatch_seq, claimed.attempt) == (job_id, 1, 1)
    assert (claimed.payload, claimed.metadata, claimed.created_by, claimed.traceparent) == (
        {"n": 1},
        {"m": 2},
        "me",
        "t",
    )
    assert (claimed.retries_left, claimed.timeout_ms) == (3, 7_000)
    stored = job(database, job_id)
    assert (stored.status, stored.attempt, stored.worker_id) == ("running", 1, "w1")
    assert (stored.lease_expires_at - stored.started_at).total_seconds() == 20
    assert stored.progress is None


def test_only_the_right_number_claims(database):
    job_id = add_job(database)
    queue(database, job_id)
    with database.connection() as connection:
        assert claim(connection, (job_id, 0), (job_id, 2), (uuid4(), 1)) == {}
    assert job(database, job_id).status == "queued"


def test_a_dispatch_is_claimed_once(database):
    (entry,) = queue(database, add_job(database))
    with database.connection() as connection:
        assert set(claim(connection, entry)) == {entry}
        assert claim(connection, entry) == {}
    assert job(database, entry[0]).attempt == 1


def test_a_cancelled_job_is_not_claimed(database):
    at_once_cancelled, flagged = queue(database, add_job(database), add_job(database))
    with database.connection() as connection:
        jobs.cancel(connection, at_once_cancelled[0])
        rows(connection, "UPDATE jobs SET cancel_requested_at = now() WHERE id = :id", id=flagged[0])
        assert claim(connection, at_once_cancelled, flagged) == {}


def test_of_two_claims_at_once_one_wins(database):
    (entry,) = queue(database, add_job(database))
    with database.transaction() as connection:
        first = claim(connection, entry)
        with rival(database, lambda other: claim(other, entry, worker_id="w2")) as second:
            second.waits()
            connection.commit()
            assert second.answer() == {}
    assert set(first) == {entry}
    assert job(database, entry[0]).worker_id == "w1"


def test_a_claim_that_is_rolled_back_leaves_the_job_to_the_next(database):
    (entry,) = queue(database, add_job(database))
    with database.transaction() as connection:
        claim(connection, entry)
        with rival(database, lambda other: claim(other, entry, worker_id="w2")) as second:
            second.waits()
            connection.rollback()
            assert set(second.answer()) == {entry}


def test_a_crowd_that_claims_the_same_dispatches_shares_them_out(database):
    entries = queue(database, *(add_job(database) for _ in range(30)))
    orders = [entries, entries[::-1], entries[15:] + entries[:15], entries[::2] + entries[1::2]]
    answers = at_once(database, [lambda c, order=order: claim(c, *order) for order in orders])
    assert sorted(entry for answer in answers for entry in answer) == sorted(entries)


def test_of_cancel_and_claim_at_once_one_wins(database):
    first, second = queue(database, add_job(database), add_job(database))
    with database.transaction() as connection:
        jobs.cancel(connection, first[0])
        with rival(database, lambda other: claim(other, first)) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() == {}
    with database.transaction() as connection:
        claim(connection, second)
        with rival(database, lambda other: jobs.cancel(other, second[0])) as canceller:
            canceller.waits()
            connection.commit()
            assert canceller.answer().status == "running"
    assert job(database, second[0]).cancel_requested_at is not None


def test_of_a_claim_and_the_end_of_its_dispatch_at_once_one_wins(database):
    first, second = queue(database, add_job(database), add_job(database))
    with database.transaction() as connection:
        dispatch.take_back(connection, [first])
        with rival(database, lambda other: claim(other, first)) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() == {}
    assert job(database, first[0]).status == "pending"
    with database.transaction() as connection:
        claim(connection, second)
        with rival(database, lambda other: dispatch.take_back(other, [second])) as dispatcher:
            dispatcher.waits()
            connection.commit()
            assert dispatcher.answer() == 0
    assert job(database, second[0]).status == "running"


def test_a_claim_leaves_its_session_as_it_was(database):
    """A transaction-mode pooler gives the session to others: what a function sets is gone with its transaction."""
    shown = "SELECT current_setting('synchronous_commit'), current_setting('plan_cache_mode'), current_setting('search_path')"
    (entry,) = queue(database, add_job(database))
    with database.connection() as connection:
        before = rows(connection, shown)
        assert set(claim(connection, entry)) == {entry}
        assert dispatch.dispatch(connection, {}) == []
        assert rows(connection, shown) == before


# --- unclaim ------------------------------------------------------------------------------------


def unclaim(where, *claimed: Claimed) -> int:
    return executions.unclaim(where, claimed)


def test_a_job_that_is_given_back_is_as_if_it_had_not_been_claimed(database):
    claimed = running_job(database)
    with database.connection() as connection:
        assert unclaim(connection, claimed) == 1
        assert unclaim(connection, claimed) == 0  # said again, because the reply was lost
    stored = job(database, claimed.id)
    assert (stored.status, stored.ready, stored.attempt, stored.retry_count, stored.worker_deaths) == (
        "pending",
        True,
        0,
        0,
        0,
    )
    assert (stored.worker_id, stored.started_at, stored.queued_at, stored.lease_expires_at) == (None,) * 4
    assert outcomes(database, claimed.id) == []
    (again,) = start(database, claimed.id, worker_id="w2")
    assert (again.attempt, again.dispatch_seq) == (1, 2)


def test_what_is_given_back_late_is_not_taken_from_the_next_worker(database):
    """The attempt has the same number: the time of the claim tells them apart."""
    first = running_job(database)
    with database.connection() as connection:
        unclaim(connection, first)
        (second,) = start(database, first.id, worker_id="w2")
        assert second.attempt == first.attempt
        assert unclaim(connection, first) == 0
        assert not end(connection, first, states.completed("stale"))
        assert end(connection, second, states.completed("fresh"), worker_id="w2")
    assert job(database, first.id).result == "fresh"


def test_a_cancelled_job_that_is_given_back_is_cancelled_and_keeps_the_number_of_its_attempt(database):
    claimed = running_job(database)
    with database.connection() as connection:
        jobs.cancel(connection, claimed.id, reason="changed my mind")
        assert unclaim(connection, claimed) == 1
    stored = job(database, claimed.id)
    assert (stored.status, stored.attempt, stored.cancel_reason) == ("cancelled", 1, "changed my mind")
    assert stored.completed_at is not None


def test_of_unclaim_and_rescue_at_once_the_first_decides(database):
    def rescue(connection):
        return executions.rescue(connection, dead_workers=["w1"], max_deaths=9)

    claimed = running_job(database)
    with database.transaction() as connection:
        unclaim(connection, claimed)
        with rival(database, rescue) as rescuer:
            assert rescuer.answer() == []
    assert (job(database, claimed.id).status, job(database, claimed.id).worker_deaths) == ("pending", 0)

    claimed = running_job(database)
    with database.transaction() as connection:
        assert len(rescue(connection)) == 1
        with rival(database, lambda other: unclaim(other, claimed)) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() == 0
    assert (job(database, claimed.id).attempt, outcomes(database, claimed.id)) == (1, [(1, "lost")])


def test_of_unclaim_and_renewal_at_once_the_first_decides(database):
    def renew(connection):
        return executions.renew(connection, [(claimed.id, 1)], lease_ms=60_000)

    claimed = running_job(database)
    with database.transaction() as connection:
        unclaim(connection, claimed)
        with rival(database, renew) as heartbeat:
            # It passes over a row that is locked, and the attempt counts as held until the commit.
            assert [renewal.id for renewal in heartbeat.answer()] == [claimed.id]
    with database.connection() as connection:
        assert renew(connection) == []
    assert job(database, claimed.id).lease_expires_at is None

    claimed = running_job(database)
    with database.transaction() as connection:
        assert len(renew(connection)) == 1
        with rival(database, lambda other: unclaim(other, claimed)) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() == 1
    assert job(database, claimed.id).status == "pending"


def test_of_unclaim_and_cancel_at_once_the_job_is_cancelled_in_any_order(database):
    claimed = running_job(database)
    with database.transaction() as connection:
        unclaim(connection, claimed)
        with rival(database, lambda other: jobs.cancel(other, claimed.id)) as canceller:
            canceller.waits()
            connection.commit()
            assert canceller.answer().status == "cancelled"

    claimed = running_job(database)
    with database.transaction() as connection:
        jobs.cancel(connection, claimed.id)
        with rival(database, lambda other: unclaim(other, claimed)) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() == 1
    assert job(database, claimed.id).status == "cancelled"


def test_of_unclaim_and_record_at_once_the_first_decides(database):
    """Two threads of one worker never do both; a worker whose claim came twice might."""
    claimed = running_job(database)
    with database.transaction() as connection:
        end(connection, claimed, states.completed(1))
        with rival(database, lambda other: unclaim(other, claimed)) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() == 0
    assert job(database, claimed.id).status == "completed"


# --- renew and progress -------------------------------------------------------------------------


def test_renewing_moves_the_lease_and_tells_of_a_cancellation(database):
    kept, doomed = running_job(database), running_job(database)
    with database.connection() as connection:
        jobs.cancel(connection, doomed.id, "enough")
        renewals = executions.renew(connection, [(kept.id, 1), (doomed.id, 1)], lease_ms=3_600_000)
    told = {renewal.id: (renewal.attempt, renewal.cancel_requested, renewal.cancel_reason) for renewal in renewals}
    assert told == {kept.id: (1, False, None), doomed.id: (1, True, "enough")}
    assert value(database, "SELECT min(lease_expires_at) > now() + interval '50 min' FROM jobs")


def test_a_lost_attempt_is_not_renewed(database):
    lost, ended = running_job(database), running_job(database)
    end(database, ended, states.completed(None))
    rows(database, "UPDATE jobs SET attempt = 2 WHERE id = :id", id=lost.id)
    with database.connection() as connection:
        attempts = [(lost.id, 1), (ended.id, 1), (uuid4(), 1)]
        assert executions.renew(connection, attempts, lease_ms=1_000) == []


def test_progress_is_stored_for_the_attempt_that_holds_the_job_alone(database):
    running = running_job(database)
    with database.connection() as connection:
        assert executions.report_progress(connection, running.id, 1, {"done": 1}) is False
        assert executions.report_progress(connection, running.id, 2, {"done": 2}) is None
        jobs.cancel(connection, running.id)
        assert executions.report_progress(connection, running.id, 1, {"done": 3}) is True
    assert job(database, running.id).progress == {"done": 3}
    end(database, running, states.completed(None))
    with database.connection() as connection:
        assert executions.report_progress(connection, running.id, 1, {}) is None


def test_a_renewal_waits_for_nobody_who_holds_one_of_its_jobs(database):
    """A client with a transaction open in which it sent a job that depends on the first."""
    first, second = (start(database, add_job(database), lease_ms=1_000)[0] for _ in range(2))
    before = job(database, second.id).lease_expires_at
    with database.transaction() as client, database.connection() as connection:
        child = add_job(client)
        rows(
            client,
            "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:child, :parent)",
            child=child,
            parent=first.id,
        )
        rows(connection, "SET lock_timeout = '1ms'")
        renewed = executions.renew(connection, [(first.id, 1), (second.id, 1)], lease_ms=60_000)
        rows(connection, "RESET lock_timeout")
        assert {renewal.id for renewal in renewed} == {first.id, second.id}
    assert job(database, second.id).lease_expires_at > before


def test_a_renewal_tells_of_an_attempt_that_is_over_though_another_job_is_held(database):
    first, second = running_job(database), running_job(database)
    assert end(database, second, states.completed(None))
    with database.transaction() as client, database.connection() as connection:
        rows(client, "SELECT FROM jobs WHERE id = :id FOR UPDATE", id=first.id)
        renewed = executions.renew(connection, [(first.id, 1), (second.id, 1)], lease_ms=60_000)
    assert [renewal.id for renewal in renewed] == [first.id]


def test_records_of_many_jobs_lock_them_in_one_order(database):
    """Three jobs, the middle one held: in opposite orders each would hold an end and want the other's."""
    first, middle, last = sorted(
        start(database, *(add_job(database) for _ in range(3))), key=lambda claimed: claimed.id
    )
    # As the planner goes about it when the table is large.
    by_key = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"

    def work(connection, order):
        rows(connection, by_key)
        end_all(connection, [(one, states.completed(None)) for one in order])

    with database.transaction() as connection:
        rows(connection, "SELECT FROM jobs WHERE id = :id FOR UPDATE", id=middle.id)
        with rival(database, lambda c: work(c, [first, middle, last])) as one:
            one.waits()
            with rival(database, lambda c: work(c, [last, middle, first])) as other:
                other.waits()
                connection.commit()
                one.answer()
                other.answer()
