"""Handlers that do not stop when they are told to: what the process owes the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from dramatiq.threading import Interrupt

from middleware import deadline, heartbeat
from middleware.deadline import Deadline
from middleware.heartbeat import Heartbeat
from middleware.interrupts import _raise_in
from middleware.ledger import Ledger
from middleware.running import CurrentJob, Running, current_job, set_current
from persistence.executions import Ended
from persistence.settings import get_settings
from tests.rows import job, running_job
from tests.waiting import wait_for
from tests.workshop import Workshop


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
    workshop: Workshop, release: threading.Event, answers: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL is away for one record."""
    record, held = Ledger.record, list[Ended]()

    def away(ledger: Ledger, ended: Ended) -> bool:
        if not held:
            held.append(ended)
            answers.wait()
        return record(ledger, ended)

    monkeypatch.setattr(Ledger, "record", away)

    @workshop.job(timeout=timedelta(seconds=1), max_retries=0)
    def deaf(n: int) -> None:
        sit(release)

    with workshop.working():
        try:
            sent = {UUID(deaf.send(n).message_id) for n in (1, 2)}
            wait_for(lambda: held, "one is abandoned")
            (other,) = sent - {held[0].job_id}
            assert workshop.finished(other).status == "failed"
            answers.set()
            assert workshop.finished(held[0].job_id).status == "failed"
        finally:
            answers.set()
            release.set()


def test_a_process_whose_threads_are_all_stuck_does_not_end_before_their_outcomes_are_recorded(
    workshop: Workshop, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, record, held, exits = threading.Event(), Ledger.record, list[Ended](), list[int]()

    def away(ledger: Ledger, ended: Ended) -> bool:
        held.append(ended)
        answers.wait(20)
        return record(ledger, ended)

    monkeypatch.setattr(Ledger, "record", away)
    monkeypatch.setattr("os._exit", exits.append)

    @workshop.job(timeout=timedelta(seconds=1), max_retries=0)
    def deaf() -> None:
        sit(release)

    (heart,) = (middleware for middleware in workshop.broker.middleware if isinstance(middleware, Heartbeat))
    with workshop.working(threads=1):
        message = deaf.send()
        wait_for(lambda: held, "it is abandoned")
        heart._look_after_process()
        assert exits == []
        answers.set()
        assert workshop.finished(message).status == "failed"
        wait_for(lambda: exits, "the process ends")
        release.set()


def test_leases_are_renewed_though_handlers_have_every_connection_of_the_pool(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", "1")
    workshop, database, leases = request.getfixturevalue("workshop"), request.getfixturevalue("database"), []
    (heart,) = (middleware for middleware in workshop.broker.middleware if isinstance(middleware, Heartbeat))

    @workshop.job
    def greedy() -> None:
        with current_job().transaction() as session:
            session.connection()
            for _ in range(2):
                heart.renew()
                leases.append(job(database, current_job().id).lease_expires_at)

    with workshop.working(threads=1):
        assert workshop.finished(greedy.send()).status == "completed"
    assert leases[0] < leases[1]


def test_a_handler_that_ends_while_it_is_given_up_is_not_counted_among_the_stuck(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with as many as it has threads would be replaced."""
    workshop.job(name="note")(lambda: None)
    running, settled = CurrentJob(running_job(workshop.database)), threading.Event()
    watch = Deadline(Ledger(workshop.database, get_settings()), Running(), get_settings())
    abandon = watch._abandon

    def end_just_before(job: CurrentJob) -> None:
        set_current(job)
        watch.after_process_message(workshop.broker, cast(Any, None))
        set_current(None)
        abandon(job)

    monkeypatch.setattr(watch, "_abandon", end_just_before)
    monkeypatch.setattr(deadline, "settle", lambda *_: settled.set())
    watch.before_worker_boot(workshop.broker, cast(Any, None))
    watch.see_to(running)
    assert settled.wait(20)
    watch.after_worker_shutdown(workshop.broker, cast(Any, None))
    assert watch.stuck == set()


def test_a_process_whose_event_loop_is_blocked_ends_when_the_attempt_that_blocks_it_is_over_and_not_before(
    workshop: Workshop, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[tuple[str, str]] = []
    monkeypatch.setattr(heartbeat, "LOOP_PATIENCE_S", 0.0)

    @workshop.job(timeout=timedelta(seconds=3), max_retries=0)
    async def blocking() -> None:
        sit(release)

    message = blocking.send()

    def note(_: Heartbeat, why: str) -> None:
        ends.append((why, workshop.job_of(message).status))
        release.set()

    monkeypatch.setattr(Heartbeat, "_end", note)
    with workshop.working():
        wait_for(lambda: ends, "the process gives up")

    why, status = ends[0]
    assert "event loop" in why
    assert status == "failed"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_one_of_whose_threads_died_ends(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    monkeypatch.setattr(Heartbeat, "_end", lambda _, why: ends.append(why))
    with workshop.working(threads=2) as worker:
        victim = worker.workers[0]
        assert victim.ident
        _raise_in(victim.ident, SystemExit)
        wait_for(lambda: ends, "the process gives up")
    assert "worker thread" in ends[0]
