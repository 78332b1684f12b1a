"""Claims and records of a process: fenced, even in groups, even inside a handler's transaction."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast
from uuid import UUID

import psycopg2
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

import aeon_jobs.middleware.execution.recorder
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import executions, states
from aeon_jobs.persistence.queue.executions import Claimed, Ended
from tests.rows import add_job, job, rows
from tests.waiting import wait_for

DONE = states.completed(None)


def recorder(database: Database, settings: Settings, name: str = "worker-a") -> Recorder:
    made = Recorder(database, settings)
    made.worker_id = name
    return made


def queued(database: Database) -> UUID:
    with database.connection() as connection:
        return cast(
            UUID,
            connection.execute(
                text(
                    "INSERT INTO jobs (job_type, status, dispatch_seq, queued_at)"
                    " VALUES ('x', 'queued', 1, now()) RETURNING id"
                )
            ).scalar_one(),
        )


def claimed(recorder: Recorder, job_id: UUID) -> Claimed:
    return recorder.claim([(job_id, 1)])[job_id, 1]


def test_a_transaction_of_a_released_attempt_is_refused(database: Database, settings: Settings) -> None:
    mine = recorder(database, settings)
    job = claimed(mine, queued(database))
    assert mine.record(Ended.of(job, states.released("the worker was stopped")))

    with database.foreign_transaction() as connection:
        assert not mine.record_in(connection, Ended.of(job, DONE))


def test_a_transaction_of_an_attempt_that_another_worker_completed_is_refused(
    database: Database, settings: Settings
) -> None:
    mine, other, job_id = recorder(database, settings), recorder(database, settings, "worker-b"), queued(database)
    first = claimed(mine, job_id)
    with database.connection() as connection:
        # PostgreSQL crashed before the claim was on its disk: the attempt's number is given again.
        connection.execute(text("UPDATE jobs SET status = 'queued', attempt = 0, started_at = NULL"))
    assert other.record(Ended.of(claimed(other, job_id), DONE))

    with database.foreign_transaction() as connection:
        assert not mine.record_in(connection, Ended.of(first, DONE))


def test_a_dispatch_that_came_twice_is_claimed_once(database: Database, settings: Settings) -> None:
    job_id = queued(database)

    mine = recorder(database, settings)
    assert [job.attempt for job in mine.claim([(job_id, 1), (job_id, 1)]).values()] == [1]
    assert mine.claim([(job_id, 1)]) == {}


@pytest.fixture
def lost_reply(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, the next claim is made, and its reply lost."""

    def arm() -> None:
        claim = executions.claim

        def claim_and_lose(*args: Any, **options: Any) -> None:
            monkeypatch.setattr(executions, "claim", claim)
            claim(*args, **options)
            raise OperationalError("claim", None, psycopg2.OperationalError("server closed the connection"))

        monkeypatch.setattr(executions, "claim", claim_and_lose)

    return arm


def test_a_claim_whose_reply_was_lost_is_still_ours(
    database: Database, settings: Settings, lost_reply: Callable[[], None]
) -> None:
    mine, job_id = recorder(database, settings), queued(database)
    lost_reply()
    job = claimed(mine, job_id)
    assert job.attempt == 1
    assert mine.record(Ended.of(job, DONE))
    assert mine._held == set()


def test_a_repeated_claim_leaves_a_thread_what_it_has(
    database: Database, settings: Settings, lost_reply: Callable[[], None]
) -> None:
    mine, job_id = recorder(database, settings), queued(database)
    claimed(mine, job_id)
    lost_reply()
    assert mine.claim([(job_id, 1)]) == {}
    lost_reply()
    assert recorder(database, settings, "worker-b").claim([(job_id, 1)]) == {}


def test_a_repeated_claim_leaves_alone_what_a_thread_records_meanwhile(
    database: Database, settings: Settings, lost_reply: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dispatch was delivered twice. Read as running, recorded a moment later: it must not run again."""
    mine, job_id, look = recorder(database, settings), queued(database), executions.claimed_before
    job = claimed(mine, job_id)

    def look_and_be_late(*args: Any, **options: Any) -> Any:
        found = look(*args, **options)
        assert mine.record(Ended.of(job, DONE))
        return found

    monkeypatch.setattr(executions, "claimed_before", look_and_be_late)
    lost_reply()
    assert mine.claim([(job_id, 1)]) == {}


def test_a_record_that_postgres_refuses_does_not_sink_the_others(database: Database, settings: Settings) -> None:
    mine = recorder(database, settings)
    jobs = [claimed(mine, queued(database)) for _ in range(3)]
    bad = dataclasses.replace(DONE, outcome=cast(Any, "nonsense"))

    answers = mine._record([Ended.of(jobs[0], bad), *(Ended.of(job, DONE) for job in jobs[1:])])

    assert answers == [False, True, True]


@pytest.fixture
def held(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[UUID], Connection]]:
    """Makes a job wait for the end of a client's transaction: it sent one that depends on it."""
    monkeypatch.setattr(aeon_jobs.middleware.execution.recorder, "LOCK_TIMEOUT_MS", 1)
    with database.transaction() as client:

        def hold(job_id: UUID) -> Connection:
            rows(
                client,
                "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:child, :parent)",
                child=add_job(client),
                parent=job_id,
            )
            return client

        yield hold


def test_a_job_that_somebody_holds_keeps_no_other_from_being_claimed(
    database: Database, settings: Settings, held: Callable[[UUID], Connection]
) -> None:
    one, other = queued(database), queued(database)
    held(one)
    assert list(recorder(database, settings).claim([(one, 1), (other, 1)])) == [(other, 1)]


def test_a_job_that_somebody_holds_is_recorded_when_it_is_free_and_keeps_no_other_waiting(
    database: Database, settings: Settings, held: Callable[[UUID], Connection]
) -> None:
    mine = recorder(database, settings)
    one, other = (claimed(mine, queued(database)) for _ in range(2))
    client = held(one.id)
    assert mine._record([Ended.of(one, DONE), Ended.of(other, DONE)]) == [None, True]

    class Commit(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            client.commit()
            return False

    mine.gave_up = Commit()
    assert mine.record(Ended.of(one, DONE))
    assert job(database, one.id).status == "completed"


def test_who_must_leave_waits_for_no_job_that_somebody_holds(
    database: Database, settings: Settings, held: Callable[[UUID], Connection]
) -> None:
    mine = recorder(database, settings)
    one = claimed(mine, queued(database))
    held(one.id)
    mine.gave_up.set()
    with pytest.raises(OperationalError):
        mine.record(Ended.of(one, DONE))


def test_a_process_that_freezes_before_the_commit_of_a_transaction_keeps_its_job_from_nobody(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "COMMIT_LIMIT_MS", 50)
    mine, job_id = recorder(database, settings), queued(database)
    job = claimed(mine, job_id)

    def rescued() -> list[UUID]:
        with database.connection() as other:
            return [r.id for r in executions.rescue(other, dead_workers=["worker-a"], max_deaths=3, expired=False)]

    def complete_and_freeze() -> None:
        with database.foreign_transaction() as connection:
            assert mine.record_in(connection, Ended.of(job, DONE))
            assert wait_for(rescued, "its job is free") == [job_id]

    with pytest.raises(DBAPIError):
        complete_and_freeze()
