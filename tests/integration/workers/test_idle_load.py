"""What a dispatcher and a worker process at rest ask of PostgreSQL and Redis: a minute of theirs, on a clock of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event

from aeon_jobs.middleware.dispatch import dispatcher as dispatcher_module
from aeon_jobs.middleware.dispatch import role as role_module
from aeon_jobs.middleware.dispatch import upkeep as upkeep_module
from aeon_jobs.middleware.dispatch.dispatcher import Dispatcher
from aeon_jobs.middleware.dispatch.role import DispatcherRole
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import workers
from aeon_jobs.persistence.queue.process import registration
from aeon_jobs.persistence.queue.workers import LiveDispatcher
from tests.harness import Harness
from tests.rows import add_job, job

MINUTE = 60


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    time = SimpleNamespace(now=1_000.0)
    time.monotonic = lambda: time.now
    time.time_ns = lambda: int(time.now * 1_000_000_000)
    for module in (dispatcher_module, role_module, upkeep_module):
        monkeypatch.setattr(module, "time", time)
    return time


@pytest.fixture
def transport(harness: Harness) -> RedisTransport:
    return RedisTransport(harness.broker.client, harness.broker.namespace)


@pytest.fixture
def dispatcher(harness: Harness, transport: RedisTransport, environment: Settings) -> Dispatcher:
    return Dispatcher(harness.database, transport, environment, registration("dispatcher", "d"))


@contextmanager
def statements(harness: Harness) -> Iterator[list[str]]:
    """Each is a transaction of its own."""
    sent = list[str]()

    def note(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        sent.append(sql)

    event.listen(harness.database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(harness.database.engine, "before_cursor_execute", note)


def announce_worker(harness: Harness) -> None:
    entry = registration("worker", "w", queues=["default"], job_types=["note"], lane="jobs-lane", threads=8)
    with harness.database.connection() as connection:
        workers.register(connection, entry)


def run_until(dispatcher: Dispatcher, clock: SimpleNamespace, end: float) -> None:
    """Both threads of a dispatcher, of which each has its clock."""
    stop, next_round = Event(), clock.now + 0.1

    def wait(seconds: float) -> bool:
        nonlocal next_round
        clock.now += min(seconds, max(0.0, next_round - clock.now))
        if clock.now >= next_round:
            dispatcher._upkeep.round(stop)
            next_round += upkeep_module.LOOK_EVERY_S
        return dispatcher._wakeup.is_set()

    dispatcher._wakeup.wait = wait  # type: ignore[method-assign]
    while clock.now < end:
        dispatcher._wakeup.clear()
        dispatcher.dispatch_once()
        dispatcher._rest(dispatcher._settings.dispatch_poll_interval / 1_000)


def test_a_dispatcher_at_rest_asks_postgres_four_times_a_second(
    harness: Harness, dispatcher: Dispatcher, clock: SimpleNamespace
) -> None:
    """So often because it promises to find a plain INSERT within DISPATCH_POLL_INTERVAL. All else is in these transactions."""
    announce_worker(harness)
    run_until(dispatcher, clock, clock.now + 1)
    commands = harness.broker.client.info("commandstats")
    with statements(harness) as sent:
        run_until(dispatcher, clock, clock.now + MINUTE)
    assert len(sent) / MINUTE <= 4.1
    assert _calls(harness.broker.client.info("commandstats")) - _calls(commands) <= 10 * MINUTE


def _calls(stats: dict[str, Any]) -> int:
    return sum(int(of["calls"]) for of in stats.values())


def test_a_worker_process_at_rest_asks_which_processes_there_are_every_two_seconds(
    harness: Harness, transport: RedisTransport, environment: Settings, dispatcher: Dispatcher, clock: SimpleNamespace
) -> None:
    dispatcher._upkeep.look()
    role = DispatcherRole(harness.database, transport, environment)
    role._registration = registration("dispatcher", "w")
    with statements(harness) as sent:
        for _ in range(MINUTE):
            role._look()
            clock.now += role_module.LOOK_S
    assert len(sent) == MINUTE / role_module.IN_SIGHT_S
    assert role._dispatching is None


def test_a_worker_asks_at_the_moment_when_the_last_dispatcher_may_have_gone_silent(
    harness: Harness,
    transport: RedisTransport,
    environment: Settings,
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    role = DispatcherRole(harness.database, transport, environment)
    role._registration = registration("dispatcher", "w")
    seen = [LiveDispatcher("a", True, 4_300), LiveDispatcher("b", True, 4_800)]
    monkeypatch.setattr(workers, "in_sight", lambda *_: (seen, []))
    role._look()
    assert role._ask_at - clock.now == pytest.approx(0.7)


def test_a_process_that_dies_is_noticed_before_postgres_is_asked_again(
    harness: Harness,
    transport: RedisTransport,
    environment: Settings,
    dispatcher: Dispatcher,
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatcher._upkeep.look()
    role = DispatcherRole(harness.database, transport, environment)
    role._registration = registration("dispatcher", "w")
    announce_worker(harness)
    role._look()
    monkeypatch.setattr(role_module, "is_dead", lambda peer: peer.kind == "worker")
    monkeypatch.setattr(upkeep_module, "is_dead", lambda peer: peer.kind == "worker")
    role._look()
    assert harness.execute("SELECT state FROM workers WHERE kind = 'worker'") == [("lost",)]


def test_a_job_that_the_look_of_upkeep_finds_is_dispatched_at_once(
    harness: Harness, dispatcher: Dispatcher, clock: SimpleNamespace
) -> None:
    announce_worker(harness)
    dispatcher.dispatch_once()
    job_id = add_job(harness.database)
    dispatcher._upkeep.look()
    assert dispatcher._wakeup.is_set()
    dispatcher.dispatch_once()
    assert job(harness.database, job_id).status == "queued"


def test_a_look_that_finds_nothing_stands_for_one_of_the_dispatchers_unless_redis_was_flushed(
    harness: Harness, dispatcher: Dispatcher, clock: SimpleNamespace
) -> None:
    announce_worker(harness)
    dispatcher.dispatch_once()
    clock.now += 0.1
    dispatcher._upkeep.look()
    assert (dispatcher._looked_at, dispatcher._wakeup.is_set()) == (clock.now, False)

    harness.broker.client.flushall()
    dispatcher._upkeep.look()
    assert dispatcher._wakeup.is_set()
