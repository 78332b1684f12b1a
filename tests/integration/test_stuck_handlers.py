"""Handlers that do not stop when they are told to: what the process owes the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from dramatiq.threading import Interrupt

from middleware import heartbeat
from middleware.heartbeat import Heartbeat
from middleware.interrupts import _raise_in
from middleware.ledger import Ledger
from persistence.executions import Ended
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
