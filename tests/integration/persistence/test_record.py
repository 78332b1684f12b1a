"""The record of an attempt: fenced, replayed, raced, counted."""

from __future__ import annotations

from uuid import uuid4

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dead_letters, dispatch, executions, jobs, states
from aeon_jobs.persistence.queue.dispatch import Dispatch, Lane
from aeon_jobs.persistence.queue.executions import Claimed, Ended
from tests.integration.persistence.test_claim import FAILURE, NOW, exhausted, retried
from tests.races import rival
from tests.rows import (
    counted_seconds,
    counters,
    dead_letters_of,
    end,
    end_all,
    job,
    outcomes,
    rows,
    running_job,
    start,
    value,
)


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
        end(database, running._replace(started_at=started_at), states.completed(1))
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
    assert not end(database, running._replace(attempt=0), states.completed(1))
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
