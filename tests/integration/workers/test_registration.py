"""Workers that start: one that cannot register yet, and one after another in one program."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
import pytest
from sqlalchemy.exc import OperationalError

from aeon_jobs.middleware.execution.heartbeat import Heartbeat
from aeon_jobs.middleware.execution.shutdown import Shutdown
from aeon_jobs.persistence.queue import workers
from tests.harness import Harness
from tests.rows import value
from tests.waiting import wait_for


def test_a_job_waits_for_the_registration_and_an_ordinary_message_does_not(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    is_refused = True
    register = workers.register

    @harness.job
    def note() -> None:
        ran.append("job")

    @dramatiq.actor(broker=harness.broker, queue_name="plain")
    def plain() -> None:
        ran.append("ordinary")

    def refused(*arguments: Any) -> None:
        if is_refused and arguments[1].kind == "worker":
            raise OperationalError("INSERT", {}, Exception("away"))
        register(*arguments)

    asked_for: list[int] = []
    fetch = harness.broker.ack_and_fetch

    def noted(lane: str, done: list[str], count: int, *arguments: int) -> list[Any]:
        asked_for.append(count)
        return fetch(lane, done, count, *arguments)

    monkeypatch.setattr(workers, "register", refused)
    monkeypatch.setattr(harness.broker, "ack_and_fetch", noted)
    message = note.send()
    plain.send()
    with harness.working():
        wait_for(lambda: ran and asked_for, "the ordinary message, and a look")
        assert (ran, set(asked_for)) == (["ordinary"], {0})
        is_refused = False
        harness.finished(message)
    assert ran == ["ordinary", "job"]
    assert max(asked_for) > 0


def test_a_program_runs_one_worker_after_another(harness: Harness) -> None:
    @harness.job
    async def note() -> None: ...

    @harness.job(max_retries=0)
    def bad() -> None:
        raise ValueError

    (shutdown,) = (entry for entry in harness.broker.middleware if isinstance(entry, Shutdown))
    (heartbeat,) = (entry for entry in harness.broker.middleware if isinstance(entry, Heartbeat))
    for _ in range(3):
        with harness.working():
            statuses = [harness.finished(job_type.send()).status for job_type in (note, bad)]
            threads = {thread.name for thread in threading.enumerate()}
            assert not shutdown._recorder.gave_up.is_set()
            assert not heartbeat._is_ending
        assert statuses == ["completed", "failed"]
        assert threads >= {"aeon-heartbeat", "aeon-cancellation", "aeon-deadline", "aeon-role", "aeon-outbox"}
    stopped = "SELECT count(*) FROM workers WHERE kind = 'worker' AND state = 'stopped'"
    with harness.database.connection() as connection:
        assert value(connection, stopped) == 3
