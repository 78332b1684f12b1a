"""An attempt from claim to record: fenced, replayed, raced, counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dead_letters, dispatch, executions, jobs, states
from aeon_jobs.persistence.queue.dispatch import Dispatch, Lane
from aeon_jobs.persistence.queue.executions import Claimed, Ended
from aeon_jobs.persistence.queue.states import Failure
from tests.races import at_once, rival
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import (
    add_job,
    counted_seconds,
    counters,
    dead_letters_of,
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


# --- record -------------------------------------------------------------------------------------


def test_a_completion_is_recorded_with_its_result_and_its_execution(database):
    running = running_job(database)
    assert end(database, running, states.completed({"sum": [1, None]}))
    stored = job(database, running.id)
    assert (stored.status, stored.result, stored.error_message) == ("completed", {"sum": [1, None]}, None)
    assert stored.completed_at is not None
    assert stored.lease_expires_at is None
    (execution,) = rows(database, "SELECT * FROM job_executions")
    assert (execution.job_id, execution.attempt, execution.outcome) == (running.id, 1, "completed")
    assert (execution.worker_id, execution.started_at) == ("w1", running.started_at)
    assert execution.finished_at >= execution.started_at


@pytest.mark.parametrize("result", [None, 0, False, "", [], {}, "text", 1.5])
def test_any_result_is_stored_as_it_is(database, result):
    running = running_job(database)
    end(database, running, states.completed(result))
    assert job(database, running.id).result == result


def test_a_retry_uses_one_up_and_waits(database):
    running = running_job(database)
    assert end(database, running, retried(60_000))
    stored = job(database, running.id)
    assert (stored.status, stored.retry_count, stored.ready) == ("pending", 1, False)
    assert (stored.error_message, stored.completed_at) == ("refused", None)
    assert 59 < value(database, "SELECT extract(epoch FROM scheduled_at - now()) FROM jobs") <= 60
    assert dead_letters_of(database, running.id) == []
    (execution,) = rows(database, "SELECT * FROM job_executions")
    assert (execution.outcome, execution.error_type, execution.traceback) == (
        "retried",
        "ConnectionError",
        "Traceback …",
    )


@pytest.mark.parametrize("verdict", [states.snoozed(60_000, "later"), states.released("shutdown", 60_000)])
def test_a_snooze_and_a_release_wait_and_use_no_retry(database, verdict):
    running = running_job(database)
    end(database, running, verdict)
    stored = job(database, running.id)
    assert (stored.status, stored.retry_count, stored.ready) == ("pending", 0, False)
    assert outcomes(database, running.id) == [(1, verdict.outcome)]
    assert counters(database, "processed") == {}


def test_a_job_given_back_without_delay_is_ready_at_once(database):
    running = running_job(database)
    end(database, running, states.released("shutdown"))
    assert job(database, running.id).ready


def test_a_hopeless_job_fails_with_a_dead_letter(database):
    running = running_job(database, payload='{"n": 1}')
    end(database, running, exhausted())
    stored = job(database, running.id)
    assert (stored.status, stored.retry_count, stored.error_message) == ("failed", 0, "refused")
    (dead_letter,) = dead_letters_of(database, running.id)
    assert (dead_letter.reason, dead_letter.error_type, dead_letter.error_message) == (
        "exhausted",
        "ConnectionError",
        "refused",
    )
    assert (dead_letter.traceback, dead_letter.fingerprint) == (FAILURE.traceback, FAILURE.fingerprint)
    assert (dead_letter.payload, dead_letter.attempts, dead_letter.job_type, dead_letter.queue_name) == (
        {"n": 1},
        1,
        "note",
        "default",
    )
    assert dead_letter.resolved_at is None


def test_without_dead_letters_a_hopeless_job_just_fails(database):
    running = running_job(database)
    end(database, running, exhausted(), dlq_enabled=False)
    assert job(database, running.id).status == "failed"
    assert dead_letters_of(database, running.id) == []


def test_a_discarded_job_fails_without_a_dead_letter(database):
    running = running_job(database)
    end(database, running, states.discarded("too late"))
    assert (job(database, running.id).status, dead_letters_of(database, running.id)) == ("failed", [])


def test_a_failure_of_a_job_that_somebody_cancelled_is_its_end(database):
    for verdict in (retried(), states.snoozed(1_000), states.released("x")):
        running = running_job(database)
        with database.connection() as connection:
            jobs.cancel(connection, running.id, "enough")
        assert end(database, running, verdict)
        stored = job(database, running.id)
        assert (stored.status, stored.cancel_reason) == ("cancelled", "enough")
        assert stored.completed_at is not None
        assert outcomes(database, running.id) == [(1, "cancelled")]


def test_a_job_that_completed_all_the_same_is_completed(database):
    running = running_job(database)
    with database.connection() as connection:
        jobs.cancel(connection, running.id)
    end(database, running, states.completed(1))
    assert job(database, running.id).status == "completed"


def test_recording_again_when_the_reply_was_lost_changes_nothing_and_says_won(database):
    for verdict in (states.completed(1), retried(), exhausted(), states.snoozed(1), states.cancelled("x")):
        running = running_job(database)
        assert end(database, running, verdict)
        before, events = job(database, running.id), counters(database, "processed")
        assert end(database, running, verdict)
        assert job(database, running.id) == before
        assert len(outcomes(database, running.id)) == 1
        assert len(dead_letters_of(database, running.id)) <= 1
        assert counters(database, "processed") == events


def test_recording_again_after_the_next_attempt_has_begun_changes_nothing_and_says_won(database):
    running = running_job(database)
    end(database, running, retried(0))
    start(database, running.id, worker_id="w2")
    before = job(database, running.id)
    assert end(database, running, retried(0))
    assert job(database, running.id) == before
    assert outcomes(database, running.id) == [(1, "retried")]


def test_recording_again_while_the_first_try_still_works_changes_nothing_and_says_won(database):
    """The connection broke, but the server was still at it: the second try must wait and then see the first."""
    running = running_job(database)
    with database.transaction() as connection:
        assert end(connection, running, states.completed(1))
        with rival(database, lambda other: end_autonomously(database, running)) as again:
            _wait_for_a_waiter(database)
            connection.commit()
            assert again.answer() is True
    assert outcomes(database, running.id) == [(1, "completed")]


def end_autonomously(database: Database, running: Claimed) -> bool:
    """As the recorder does: every statement is a transaction of its own."""
    return end(database, running, states.completed(1))


def _wait_for_a_waiter(database: Database) -> None:
    from tests.waiting import wait_for

    sql = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
    )
    wait_for(lambda: value(database, sql) == 1, "a statement waits for a lock")


def zombie(database: Database) -> Claimed:
    """An attempt whose job was rescued and is run by another worker."""
    running = running_job(database)
    with database.connection() as connection:
        executions.rescue(connection, dead_workers=["w1"], max_deaths=9)
    start(database, running.id, worker_id="w2")
    return running


@pytest.mark.parametrize("verdict", [states.completed("zombie"), retried(), exhausted(), states.cancelled("x")])
def test_a_zombie_changes_nothing_and_its_outcome_is_kept_as_superseded(database, verdict):
    running = zombie(database)
    before = job(database, running.id)
    assert not end(database, running, verdict)
    assert job(database, running.id) == before
    assert outcomes(database, running.id) == [(1, "lost"), (1, "superseded")]
    assert dead_letters_of(database, running.id) == []
    assert counters(database, "processed") == {("note", "lost"): 1}


def test_a_zombie_that_repeats_itself_is_kept_once(database):
    running = zombie(database)
    for _ in range(2):
        assert not end(database, running, states.completed(1))
    assert outcomes(database, running.id) == [(1, "lost"), (1, "superseded")]


def test_a_zombie_of_a_job_that_was_rescued_and_waits_changes_nothing(database):
    running = running_job(database)
    with database.connection() as connection:
        executions.rescue(connection, dead_workers=["w1"], max_deaths=9)
    assert not end(database, running, states.completed(1))
    assert job(database, running.id).status == "pending"


def test_a_deleted_job_does_not_fail_the_others_of_its_batch(database):
    gone, zombied, good = running_job(database), zombie(database), running_job(database)
    rows(database, "DELETE FROM jobs WHERE id = :id", id=gone.id)
    verdicts = [(claimed, states.completed(1)) for claimed in (gone, zombied, good)]
    assert end_all(database, verdicts) == [False, False, True]
    assert job(database, good.id).status == "completed"


def test_of_cancel_and_record_at_once_the_first_decides(database):
    running = running_job(database)
    with database.transaction() as connection:
        end(connection, running, states.completed(1))
        with rival(database, lambda other: jobs.cancel(other, running.id)) as canceller:
            canceller.waits()
            connection.commit()
            with pytest.raises(jobs.WrongState, match="is completed"):
                canceller.answer()
    assert job(database, running.id).cancel_requested_at is None

    running = running_job(database)
    with database.transaction() as connection:
        jobs.cancel(connection, running.id)
        with rival(database, lambda other: end(other, running, retried())) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() is True
    assert job(database, running.id).status == "cancelled"


def test_of_rescue_and_record_at_once_the_first_decides(database):
    def rescue(connection):
        return executions.rescue(connection, dead_workers=["w1"], max_deaths=9)

    running = running_job(database)
    with database.transaction() as connection:
        end(connection, running, states.completed(1))
        with rival(database, rescue) as rescuer:
            assert rescuer.answer() == []  # passes over what is locked
    assert job(database, running.id).status == "completed"

    running = running_job(database)
    with database.transaction() as connection:
        assert len(rescue(connection)) == 1
        with rival(database, lambda other: end(other, running, states.completed(1))) as worker:
            worker.waits()
            connection.commit()
            assert worker.answer() is False
    assert job(database, running.id).status == "pending"
    assert outcomes(database, running.id) == [(1, "lost"), (1, "superseded")]


def test_of_renewal_and_rescue_at_once_the_first_decides(database):
    running = running_job(database, lease_ms=1)
    rows(database, "UPDATE jobs SET lease_expires_at = now() - interval '1 s'")
    with database.transaction() as connection:
        assert executions.renew(connection, [(running.id, 1)], lease_ms=60_000)
        with rival(database, lambda other: executions.rescue(other, max_deaths=9)) as rescuer:
            assert rescuer.answer() == []
    assert job(database, running.id).status == "running"


def test_every_finished_attempt_is_counted_once_under_its_outcome(database):
    verdicts = {
        "completed": states.completed(1),
        "retried": retried(),
        "failed": exhausted(),
        "discarded": states.discarded("x"),
        "cancelled": states.cancelled("x"),
        "snoozed": states.snoozed(1),
        "released": states.released("x"),
    }
    for verdict in verdicts.values():
        end(database, running_job(database), verdict)
    end_all(database, [(running_job(database), verdicts["completed"]) for _ in range(3)])
    counted = ("completed", "retried", "failed", "discarded", "cancelled")
    expected = {("note", outcome): 4 if outcome == "completed" else 1 for outcome in counted}
    assert counters(database, "processed") == expected
    assert counters(database, "failed") == {("note", "ConnectionError"): 2}
    assert sum(counters(database, "duration_bucket").values()) == 8


def test_a_duration_is_counted_in_the_bucket_of_its_seconds(database):
    for seconds in (0, 0.3, 3, 59, 3_600):
        running = running_job(database)
        sql = "UPDATE jobs SET started_at = now() - :s * interval '1 s' WHERE id = :id RETURNING started_at"
        ((started_at,),) = rows(database, sql, s=seconds, id=running.id)
        end(database, replace(running, started_at=started_at), states.completed(1))
    buckets = {label: count for (_, label), count in counters(database, "duration_bucket").items()}
    assert buckets == {"0": 1, "1": 1, "4": 1, "7": 1, "8": 1}
    assert counted_seconds(database, "duration_bucket")["note"] == pytest.approx(3_662.3, abs=5)


def test_a_record_that_is_rolled_back_leaves_no_trace_at_all(database):
    running = running_job(database)
    with database.transaction() as connection:
        end(connection, running, exhausted())
        connection.rollback()
    assert job(database, running.id).status == "running"
    assert (outcomes(database, running.id), dead_letters_of(database, running.id)) == ([], [])
    assert counters(database, "processed") == {}


def test_an_attempts_history_is_read_oldest_first(database):
    running = running_job(database)
    end(database, running, retried(0))
    (again,) = start(database, running.id)
    end(database, again, states.completed(1))
    with database.connection() as connection:
        history = executions.of_job(connection, running.id)
    assert [(entry.attempt, entry.outcome) for entry in history] == [(1, "retried"), (2, "completed")]
    assert again.retries_left == 2


def test_a_dead_letter_that_is_open_already_is_not_doubled(database):
    running = running_job(database)
    rows(database, "INSERT INTO dead_letter_jobs (job_id, reason) VALUES (:id, 'poison')", id=running.id)
    assert end(database, running, exhausted())
    assert [dead_letter.reason for dead_letter in dead_letters_of(database, running.id)] == ["poison"]
    with database.connection() as connection:
        assert len(dead_letters.of_job(connection, running.id)) == 1


def test_a_claim_can_be_told_from_its_copy_by_attempt_alone(database):
    """The fence is the attempt: everything else equal, an older number is nobody."""
    running = running_job(database)
    assert not end(database, replace(running, attempt=0), states.completed(1))
    assert job(database, running.id).status == "running"


def test_the_duration_of_a_job_is_its_handlers_alone(database):
    """Not the wait for a thread, nor the wait of its outcome while PostgreSQL was away."""
    running = running_job(database)
    rows(database, "UPDATE jobs SET started_at = started_at - interval '1 h'")
    (started,) = rows(database, "SELECT started_at FROM jobs")
    ended = Ended(running.id, running.attempt, started.started_at, states.completed(1), ran_s=0.7)
    with database.connection() as connection:
        executions.record(connection, [ended], worker_id="w1", shard=1)
    assert counted_seconds(database, "duration_bucket") == {"note": pytest.approx(0.7)}
    assert counters(database, "duration_bucket") == {("note", "2"): 1}


def test_plans_that_were_made_when_the_table_was_empty_serve_when_it_is_full(database):
    """Functions keep their plans. One for an empty table may walk a whole index, as long as that is empty for nothing."""
    read = "SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_index WHERE indrelid = 'jobs'::regclass"
    lane = Lane("lane", ("default",), ("note", "other"))

    def one_life(connection):
        for entry in dispatch.dispatch(connection, {lane: 1}) or [Dispatch(uuid4(), 1, "", "")]:
            claimed = executions.claim(connection, [(entry.id, entry.seq)], worker_id="w", lease_ms=1_000)
            ended = [Ended.of(job, states.completed(1)) for job in claimed.values()]
            executions.record(
                connection, ended or [Ended(entry.id, 1, NOW, states.completed(1))], worker_id="w", shard=1
            )

    rows(database, "TRUNCATE jobs CASCADE")
    with database.transaction() as connection:
        one_life(connection)
        rows(connection, "INSERT INTO jobs (job_type) SELECT 'note' FROM generate_series(1, 3000)")
        before = value(connection, read)
        one_life(connection)
        assert value(connection, read) - before < 100
        assert len(rows(connection, "SELECT FROM jobs WHERE status = 'completed'")) == 1
