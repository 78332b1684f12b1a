"""Handlers that do not stop when they are interrupted: the other jobs of the process must go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from dramatiq.threading import Interrupt

from aeon_jobs.middleware.execution import deadline, heartbeat
from aeon_jobs.middleware.execution.deadline import Deadline
from aeon_jobs.middleware.execution.heartbeat import Heartbeat
from aeon_jobs.middleware.execution.interrupts import _raise_in
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.running import CurrentJob, Running, current_job, set_current
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.queue.executions import Ended
from tests.harness import Harness
from tests.rows import job, running_job
from tests.waiting import wait_for


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What the stuck ones wait for."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def answers() -> threading.Event:
    """Set when PostgreSQL is back."""
    return threading.Event()


@pytest.fixture(autouse=True)
def _little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_INTERRUPT_GRACE", "100")


def sit(release: threading.Event) -> None:
    """Deaf to interrupts."""
    while not release.is_set():
        try:
            release.wait(0.05)
        except Interrupt:
            continue


def test_deadlines_hold_while_the_outcome_of_another_cannot_be_recorded(
    harness: Harness, release: threading.Event, answers: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL is away for one record."""
    record, held = Recorder.record, list[Ended]()

    def away(recorder: Recorder, ended: Ended) -> bool:
        if not held:
            held.append(ended)
            answers.wait()
        return record(recorder, ended)

    monkeypatch.setattr(Recorder, "record", away)

    @harness.job(timeout=timedelta(seconds=1), max_retries=0)
    def blocked(n: int) -> None:
        sit(release)

    with harness.working():
        try:
            sent = {UUID(blocked.send(n).message_id) for n in (1, 2)}
            wait_for(lambda: held, "one is abandoned")
            (other,) = sent - {held[0].job_id}
            assert harness.finished(other).status == "failed"
            answers.set()
            assert harness.finished(held[0].job_id).status == "failed"
        finally:
            answers.set()
            release.set()


def test_a_process_whose_threads_are_all_stuck_does_not_end_before_their_outcomes_are_recorded(
    harness: Harness, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, record, held, exits = threading.Event(), Recorder.record, list[Ended](), list[int]()

    def away(recorder: Recorder, ended: Ended) -> bool:
        held.append(ended)
        answers.wait(20)
        return record(recorder, ended)

    monkeypatch.setattr(Recorder, "record", away)
    monkeypatch.setattr("os._exit", exits.append)

    @harness.job(timeout=timedelta(seconds=1), max_retries=0)
    def blocked() -> None:
        sit(release)

    (heart,) = (middleware for middleware in harness.broker.middleware if isinstance(middleware, Heartbeat))
    with harness.working(threads=1):
        message = blocked.send()
        wait_for(lambda: held, "it is abandoned")
        heart._look_after_process()
        assert exits == []
        answers.set()
        assert harness.finished(message).status == "failed"
        wait_for(lambda: exits, "the process ends")
        release.set()


def test_leases_are_renewed_though_handlers_have_every_connection_of_the_pool(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", "1")
    harness, database, leases = request.getfixturevalue("harness"), request.getfixturevalue("database"), []
    (heart,) = (middleware for middleware in harness.broker.middleware if isinstance(middleware, Heartbeat))

    @harness.job
    def greedy() -> None:
        with current_job().transaction() as session:
            session.connection()
            for _ in range(2):
                heart.renew()
                leases.append(job(database, current_job().id).lease_expires_at)

    with harness.working(threads=1):
        assert harness.finished(greedy.send()).status == "completed"
    assert leases[0] < leases[1]


def test_a_handler_that_ends_while_it_is_given_up_is_not_counted_among_the_stuck(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with as many as it has threads would be replaced."""
    harness.job(name="note")(lambda: None)
    running, settled = CurrentJob(running_job(harness.database)), threading.Event()
    watch = Deadline(Recorder(harness.database, get_settings()), Running(), get_settings())
    abandon = watch._abandon

    def end_just_before(job: CurrentJob) -> None:
        set_current(job)
        watch.after_process_message(harness.broker, cast(Any, None))
        set_current(None)
        abandon(job)

    monkeypatch.setattr(watch, "_abandon", end_just_before)
    monkeypatch.setattr(deadline, "settle", lambda *_: settled.set())
    watch.before_worker_boot(harness.broker, cast(Any, None))
    watch.see_to(running)
    assert settled.wait(20)
    watch.after_worker_shutdown(harness.broker, cast(Any, None))
    assert watch.stuck == set()


def test_a_process_whose_event_loop_is_blocked_ends_when_the_attempt_that_blocks_it_is_over_and_not_before(
    harness: Harness, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[tuple[str, str]] = []
    monkeypatch.setattr(heartbeat, "LOOP_TIMEOUT_S", 0.0)

    @harness.job(timeout=timedelta(seconds=3), max_retries=0)
    async def blocking() -> None:
        sit(release)

    message = blocking.send()

    def note(_: Heartbeat, why: str) -> None:
        ends.append((why, harness.job_of(message).status))
        release.set()

    monkeypatch.setattr(Heartbeat, "_end", note)
    with harness.working():
        wait_for(lambda: ends, "the process gives up")

    why, status = ends[0]
    assert "event loop" in why
    assert status == "failed"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_one_of_whose_threads_died_ends(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr(Heartbeat, "_end", lambda _, why: ends.append(why))
    with harness.working(threads=2) as worker:
        victim = worker.workers[0]
        assert victim.ident
        _raise_in(victim.ident, SystemExit)
        wait_for(lambda: ends, "the process gives up")
    assert "worker thread" in ends[0]
