"""`current_job().transaction()`: the handler's writes and the completion are one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest
from sqlalchemy import text

from aeon_jobs.middleware.execution.outbox import Outbox, Won
from aeon_jobs.middleware.execution.outcomes import JobCancelled
from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.persistence.queue import jobs
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.states import Backoff
from tests.harness import Harness

SOON = Backoff(base_ms=1, multiplier=1)


@pytest.fixture(autouse=True)
def _ledger_table(harness: Harness) -> None:
    harness.execute("CREATE TABLE bookings (job_id uuid, attempt integer)")
    return


def _book(session: object) -> None:
    job = current_job()
    session.execute(  # type: ignore[attr-defined]
        text("INSERT INTO bookings VALUES (:id, :attempt)"), {"id": job.id, "attempt": job.attempt}
    )


def test_writes_and_completion_commit_together(harness: Harness) -> None:
    @harness.job
    def book() -> None:
        with current_job().transaction() as session:
            _book(session)
            current_job().result = {"booked": True}

    with harness.working():
        job = harness.finished(book.send())

    assert (job.status, job.result) == ("completed", {"booked": True})
    assert harness.outcomes(job.id) == ["completed"]
    assert harness.execute("SELECT attempt FROM bookings") == [(1,)]


def test_what_the_handlers_transaction_completed_is_not_recorded_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, posted = Outbox.put, list[Ended]()

    def watched(outbox: Outbox, ended: Ended, then: Callable[[Won], None]) -> None:
        posted.append(ended)
        put(outbox, ended, then)

    monkeypatch.setattr(Outbox, "put", watched)

    @harness.job
    def book(in_transaction: bool) -> None:
        if in_transaction:
            with current_job().transaction() as session:
                _book(session)

    with harness.working():
        for in_transaction in (True, False):
            last = harness.finished(book.send(in_transaction=in_transaction))

    assert [ended.job_id for ended in posted] == [last.id]
    assert harness.execute("SELECT sum(value) FROM job_counters WHERE metric = 'processed'") == [(2,)]


def test_an_error_in_the_block_keeps_nothing_and_is_retried(harness: Harness) -> None:
    @harness.job(backoff=SOON)
    def book() -> None:
        with current_job().transaction() as session:
            _book(session)
            session.commit()  # commits nothing: the block's end does
            if current_job().attempt == 1:
                raise ConnectionError("half way")

    with harness.working():
        job = harness.finished(book.send())

    assert harness.outcomes(job.id) == ["retried", "completed"]
    assert harness.execute("SELECT attempt FROM bookings") == [(2,)]


def test_an_error_after_the_block_changes_nothing_any_more(harness: Harness) -> None:
    @harness.job
    def book() -> None:
        with current_job().transaction() as session:
            _book(session)
        raise RuntimeError("too late")

    with harness.working():
        job = harness.finished(book.send())

    assert (job.status, harness.outcomes(job.id)) == ("completed", ["completed"])
    assert len(harness.execute("SELECT 1 FROM bookings")) == 1


def test_a_job_that_was_taken_away_keeps_none_of_its_writes(harness: Harness) -> None:
    wrote, go_on = threading.Event(), threading.Event()

    @harness.job
    def book() -> None:
        with current_job().transaction() as session:
            _book(session)
            if current_job().attempt == 1:
                wrote.set()
                go_on.wait(20)

    with harness.working():
        message = book.send()
        wrote.wait(20)
        # What rescue does to a job whose worker it gave up.
        harness.execute("UPDATE jobs SET status = 'pending', worker_deaths = 1 WHERE status = 'running'")
        harness.finished(message)
        go_on.set()

    assert harness.execute("SELECT attempt FROM bookings") == [(2,)]
    assert sorted(harness.outcomes(message)) == ["completed", "superseded"]


def test_a_cancelled_job_keeps_none_of_its_writes(harness: Harness) -> None:
    wrote, never = threading.Event(), threading.Event()

    @harness.job
    def book() -> None:
        with current_job().transaction() as session:
            _book(session)
            wrote.set()
            while True:
                never.wait(0.01)

    with harness.working():
        message = book.send()
        wrote.wait(20)
        with harness.database.connection() as connection:
            jobs.cancel(connection, UUID(message.message_id), "stop")
        harness.broker.hints.cancel(UUID(message.message_id))
        job = harness.finished(message)

    assert job.status == "cancelled"
    assert harness.execute("SELECT 1 FROM bookings") == []


def test_a_cancelled_job_whose_handler_does_not_listen_keeps_none_of_its_writes(harness: Harness) -> None:
    wrote, never = threading.Event(), threading.Event()

    @harness.job
    def book() -> None:
        with current_job().transaction() as session:
            _book(session)
            wrote.set()
            with suppress(JobCancelled):
                while True:
                    never.wait(0.01)

    with harness.working():
        message = book.send()
        wrote.wait(20)
        with harness.database.connection() as connection:
            jobs.cancel(connection, UUID(message.message_id), "stop")
        harness.broker.hints.cancel(UUID(message.message_id))
        job = harness.finished(message)

    assert job.status == "cancelled"
    assert harness.execute("SELECT 1 FROM bookings") == []


def test_a_commit_that_fails_completes_nothing(harness: Harness) -> None:
    """The last moment at which the two could part: everything was said, and PostgreSQL refuses at the commit."""
    harness.execute("ALTER TABLE bookings ADD UNIQUE (attempt) DEFERRABLE INITIALLY DEFERRED")
    harness.execute("INSERT INTO bookings (attempt) VALUES (1)")

    @harness.job(backoff=SOON)
    def book() -> None:
        with current_job().transaction() as session:
            _book(session)

    with harness.working():
        job = harness.finished(book.send())

    assert harness.outcomes(job.id) == ["retried", "completed"]
    assert harness.execute("SELECT attempt FROM bookings WHERE job_id IS NOT NULL") == [(2,)]
