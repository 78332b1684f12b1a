"""Jobs that a worker process has claimed and no thread has begun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import psycopg2
import pytest
from sqlalchemy.exc import OperationalError

from aeon_jobs.middleware.execution import isolation
from aeon_jobs.middleware.execution import recorder as recorder_module
from aeon_jobs.middleware.execution.claims import Claims
from aeon_jobs.middleware.execution.deadline import Deadline
from aeon_jobs.middleware.execution.heartbeat import Heartbeat
from aeon_jobs.middleware.execution.outcomes import JobCancelled, LeaseLost
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.running import Running
from aeon_jobs.middleware.transport import consumer
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import dead_letters, executions, jobs, queues
from tests.harness import Harness
from tests.rows import add_job, job, outcomes, queue, rows
from tests.waiting import wait_for


class Told:
    """Takes the place of the signals through Redis."""

    def __init__(self) -> None:
        self.ready = 0

    def job_ready(self) -> None:
        self.ready += 1

    def lower_cancel_flag(self, job_id: UUID) -> None: ...


class Process:
    """What a worker process claims with, without its threads."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.hints: Any = Told()
        self.running = Running()
        self.recorder = Recorder(database, settings)
        self.recorder.worker_id = "worker-a"
        self.claims = Claims(database, self.hints, self.recorder, self.running)


@pytest.fixture
def process(database: Database, settings: Settings) -> Process:
    return Process(database, settings)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From its call on, PostgreSQL does not answer a statement; the worker asks once."""
    monkeypatch.setattr(recorder_module, "CLAIM_TIMEOUT_S", 0)
    monkeypatch.setattr(recorder_module, "UNCLAIM_TIMEOUT_S", 0)

    def cut(name: str) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OperationalError(name, None, psycopg2.OperationalError("could not connect to server"))

        monkeypatch.setattr(executions, name, fail)

    return cut


def test_what_is_given_back_is_pending_at_once_and_is_not_begun(database: Database, process: Process) -> None:
    first, second = queue(database, add_job(database), add_job(database))
    assert process.claims.claim([first, second]) == {first: "note", second: "note"}
    process.claims.give_back([first])
    assert [job(database, id_).status for id_, _ in (first, second)] == ["pending", "running"]
    assert (job(database, first[0]).attempt, outcomes(database, first[0])) == (0, [])
    assert process.claims.begin(first) is None
    assert process.claims.begin(second) is not None
    assert (process.recorder.unrecorded, process.hints.ready) == (1, 1)


def test_what_a_thread_has_begun_is_not_given_back(database: Database, process: Process) -> None:
    (entry,) = queue(database, add_job(database))
    process.claims.claim([entry])
    assert process.claims.begin(entry) is not None
    process.claims.give_back([entry])
    assert job(database, entry[0]).status == "running"
    assert len(process.running.every()) == 1


def test_of_begin_and_give_back_at_once_one_wins(database: Database, process: Process) -> None:
    entries = queue(database, *(add_job(database) for _ in range(40)))
    process.claims.claim(entries)
    begun: list[UUID] = []
    start = threading.Barrier(2)

    def begin() -> None:
        start.wait(20)
        begun.extend(entry[0] for entry in entries if process.claims.begin(entry))

    thread = threading.Thread(target=begin)
    thread.start()
    start.wait(20)
    process.claims.give_back(reversed(entries))
    thread.join(20)
    assert sorted(begun) == sorted(id_ for id_, _ in entries if job(database, id_).status == "running")
    assert {held.id for held in process.running.every()} == set(begun)


def test_a_claim_that_postgres_does_not_hear_makes_its_messages_void(
    database: Database, process: Process, away: Callable[[str], None]
) -> None:
    (entry,) = queue(database, add_job(database))
    away("claim")
    assert process.claims.claim([entry]) == {}
    assert process.claims.begin(entry) is None
    assert job(database, entry[0]).status == "queued"


def test_what_postgres_does_not_take_back_is_renewed_not_begun_and_given_back_later(
    database: Database, process: Process, away: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = queue(database, add_job(database))
    process.claims.claim([entry])
    with monkeypatch.context():
        unclaim = executions.unclaim
        away("unclaim")
        process.claims.give_back([entry])
        assert process.claims.begin(entry) is None
        assert [held.id for held in process.running.every()] == [entry[0]]
        monkeypatch.setattr(executions, "unclaim", unclaim)
    process.claims.give_back([])
    assert job(database, entry[0]).status == "pending"
    assert (process.running.every(), process.recorder.unrecorded) == ([], 0)


def test_a_job_that_was_lost_while_it_waited_is_not_begun(database: Database, process: Process) -> None:
    (entry,) = queue(database, add_job(database))
    process.claims.claim([entry])
    (waiting,) = process.running.every()
    waiting.interrupt(LeaseLost)
    assert process.claims.begin(entry) is None
    assert (process.running.every(), process.recorder.unrecorded) == ([], 0)


def test_an_isolated_job_that_was_cancelled_while_it_waited_gets_no_child_process(
    database: Database, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = queue(database, add_job(database))
    process.claims.claim([entry])
    (waiting,) = process.running.every()
    waiting.interrupt(JobCancelled)
    begun = process.claims.begin(entry)
    assert begun is waiting
    monkeypatch.setattr(isolation, "_context", lambda: pytest.fail("a child was made"))
    with pytest.raises(JobCancelled):
        isolation.run_isolated(cast(Any, None), begun)


def test_two_processes_with_the_same_message_run_its_job_once(database: Database, settings: Settings) -> None:
    one, other = Process(database, settings), Process(database, settings)
    other.recorder.worker_id = "worker-b"
    entries = queue(database, *(add_job(database) for _ in range(20)))
    threads = [threading.Thread(target=entry.claims.claim, args=(entries,)) for entry in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    begun = [held for entry in entries for held in (one.claims.begin(entry), other.claims.begin(entry)) if held]
    assert sorted(held.id for held in begun) == sorted(id_ for id_, _ in entries)


def test_the_end_of_a_claim_that_a_crash_removed_leaves_the_next_one_of_that_number(
    database: Database, process: Process
) -> None:
    (entry,) = queue(database, add_job(database))
    process.claims.claim([entry])
    first = process.claims.begin(entry)
    assert first is not None
    rows(database, "UPDATE jobs SET status = 'queued', attempt = 0, started_at = NULL")
    process.claims.claim([entry])
    second = process.claims.begin(entry)
    assert second is not None
    process.running.remove(first)
    assert process.running.every() == [second]


# --- in a worker --------------------------------------------------------------------------------


@pytest.fixture
def ahead(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker claims three jobs more than it has threads, and they wait until a thread is free."""
    monkeypatch.setattr(harness.broker.prefetched.pace, "within", lambda seconds: 3)
    monkeypatch.setattr(consumer, "MOST_WAIT_S", 3_600)


class Waiting:
    """A worker of one thread: a handler blocks it, and three claimed jobs wait."""

    def __init__(self, harness: Harness, ids: Sequence[UUID], ran: list[int], free: threading.Event) -> None:
        self.harness, self.ids, self.ran, self.free = harness, ids, ran, free
        self.heartbeat = self._middleware(Heartbeat)
        self.deadline = self._middleware(Deadline)

    def _middleware(self, kind: type) -> Any:
        (found,) = (entry for entry in self.harness.broker.middleware if isinstance(entry, kind))
        return found

    def statuses(self) -> list[str]:
        return [str(self.harness.job_of(id_).status) for id_ in self.ids]


@pytest.fixture
def waiting(harness: Harness, monkeypatch: pytest.MonkeyPatch, ahead: None) -> Iterator[Callable[[], Any]]:
    @contextmanager
    def open_() -> Iterator[Waiting]:
        begun, free, ran = threading.Event(), threading.Event(), list[int]()

        @harness.job
        def step(n: int) -> None:
            ran.append(n)
            begun.set()
            free.wait(60)

        messages = [step.send(n) for n in range(4)]
        ids = [UUID(message.message_id) for message in messages]
        with harness.working(threads=1):
            try:
                begun.wait(20)
                found = Waiting(harness, ids, ran, free)
                wait_for(lambda: found.statuses() == ["running"] * 4, "one runs, three wait")
                yield found
            finally:
                free.set()

    return open_


def test_the_lease_of_a_job_that_waits_is_renewed(waiting: Callable[[], Any]) -> None:
    with waiting() as worker:
        rows(worker.harness.database, "UPDATE jobs SET lease_expires_at = now()")
        worker.heartbeat.renew()
        assert rows(worker.harness.database, "SELECT count(*) FROM jobs WHERE lease_expires_at > now()") == [(4,)]


def test_jobs_that_wait_are_no_busy_threads(waiting: Callable[[], Any]) -> None:
    with waiting() as worker:
        worker.heartbeat._beat()
        assert rows(worker.harness.database, "SELECT busy FROM workers WHERE kind = 'worker'") == [(1,)]


def test_a_job_that_is_rescued_while_it_waits_is_begun_by_its_next_claim_alone(waiting: Callable[[], Any]) -> None:
    with waiting() as worker:
        with worker.harness.database.connection() as connection:
            queues.pause(connection, "default", by="me")
            rows(
                connection, "UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE id = :id", id=worker.ids[1]
            )
            assert len(executions.rescue(connection, max_deaths=9)) == 1
        worker.heartbeat.renew()
        worker.free.set()
        wait_for(lambda: worker.statuses()[2:] == ["completed"] * 2, "the others ran")
        assert worker.ran == [0, 2, 3]
        with worker.harness.database.connection() as connection:
            queues.resume(connection, "default")
        worker.harness.finished(worker.ids[1])
    assert sorted(worker.ran) == [0, 1, 2, 3]
    assert worker.harness.outcomes(worker.ids[1]) == ["lost", "completed"]


def test_a_job_that_is_cancelled_while_it_waits_does_not_begin(waiting: Callable[[], Any]) -> None:
    with waiting() as worker:
        with worker.harness.database.connection() as connection:
            jobs.cancel(connection, worker.ids[1], reason="changed my mind")
        worker.heartbeat.renew()
        worker.free.set()
        for id_ in worker.ids:
            worker.harness.finished(id_)
    assert worker.statuses() == ["completed", "cancelled", "completed", "completed"]
    assert worker.ran == [0, 2, 3]


def test_a_job_that_is_cancelled_and_given_back_counts_as_no_stuck_thread(waiting: Callable[[], Any]) -> None:
    with waiting() as worker:
        with worker.harness.database.connection() as connection:
            jobs.cancel(connection, worker.ids[1])
        worker.heartbeat.renew()
        assert [job.id for job in worker.deadline._due] == [worker.ids[0]]


def test_a_stopping_worker_gives_back_what_waits_and_finishes_what_runs(waiting: Callable[[], Any]) -> None:
    with waiting() as worker:
        stopping = threading.Thread(target=worker.heartbeat._worker.stop)
        stopping.start()
        # While the handler still runs: nobody has to wait for it.
        wait_for(lambda: worker.statuses() == ["running", *["pending"] * 3], "they are given back")
        worker.free.set()
        stopping.join(30)
    assert (worker.statuses(), worker.ran) == (["completed", *["pending"] * 3], [0])
    assert (
        rows(worker.harness.database, "SELECT attempt, worker_deaths FROM jobs WHERE status = 'pending'")
        == [(0, 0)] * 3
    )
    assert rows(worker.harness.database, "SELECT outcome FROM job_executions") == [("completed",)]


def test_what_waits_longer_than_a_second_is_given_back(
    waiting: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with waiting() as worker:
        monkeypatch.setattr(worker.harness.broker.prefetched.pace, "within", lambda seconds: 0)
        monkeypatch.setattr(consumer, "MOST_WAIT_S", 0)
        wait_for(
            lambda: worker.statuses()[0] == "running" and "running" not in worker.statuses()[1:], "others can have them"
        )
        assert worker.ran == [0]


def test_a_job_that_was_cancelled_while_it_waited_and_is_requeued_runs(waiting: Callable[[], Any]) -> None:
    """The flag of the first cancellation is still up in Redis."""
    with waiting() as worker:
        with worker.harness.database.connection() as connection:
            jobs.cancel(connection, worker.ids[1])
        worker.harness.broker.claims.give_back([(worker.ids[1], worker.harness.job_of(worker.ids[1]).dispatch_seq)])
        assert worker.statuses()[1] == "cancelled"
        worker.harness.broker.hints.cancel(worker.ids[1])
        with worker.harness.database.connection() as connection:
            dead_letters.requeue(connection, worker.ids[1])
        worker.free.set()
        assert worker.harness.finished(worker.ids[1]).status == "completed"
        assert worker.harness.broker.client.exists(f"job:cancel:{worker.ids[1]}") == 0
