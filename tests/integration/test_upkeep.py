"""What keeps the promise when something died, each task alone, against real servers."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import redis
from sqlalchemy.exc import OperationalError

from middleware import upkeep as module
from middleware.dispatcher import Dispatcher
from middleware.process import registration
from middleware.upkeep import Upkeep, _Task
from middleware.wire import Wire
from persistence import dispatch, executions, workers
from persistence.dispatch import Dispatch
from persistence.settings import Settings
from persistence.workers import Host
from tests.rows import add_job, job, queue, rows, value
from tests.workshop import Workshop

QUEUE = "default"


@pytest.fixture
def wire(workshop: Workshop) -> Wire:
    return Wire(workshop.broker.client, workshop.broker.namespace)


@pytest.fixture
def upkeep(workshop: Workshop, wire: Wire, environment: Settings) -> Upkeep:
    return Upkeep(workshop.database, wire, environment, registration("dispatcher", "d"))


@pytest.fixture
def dispatcher(workshop: Workshop, wire: Wire, environment: Settings) -> Dispatcher:
    return Dispatcher(workshop.database, wire, environment, registration("dispatcher", "d"))


def announce(workshop: Workshop) -> None:
    """A worker on another host, whose messages are those that the workshop's broker fetches."""
    entry = registration("worker", "far", broker_id=workshop.broker.broker_id, queues=[QUEUE], threads=4)
    with workshop.database.connection() as connection:
        workers.register(connection, replace(entry, id="far", host=Host("far", "boot", "ns")))


def in_redis(workshop: Workshop) -> int:
    """Messages waiting, or in somebody's hands."""
    return int(workshop.broker.client.hlen(f"{workshop.broker.namespace}:{QUEUE}.msgs"))


def test_what_a_silent_process_had_fetched_is_dispatched_anew(workshop: Workshop, wire: Wire, upkeep: Upkeep) -> None:
    announce(workshop)
    ((job_id, seq),) = queue(workshop.database, add_job(workshop.database))
    wire.push([Dispatch(job_id, seq, QUEUE, "note")])
    assert len(workshop.broker.exchange(QUEUE, [], 1, int(time.time() * 1_000))) == 2
    upkeep.silent()
    assert job(workshop.database, job_id).status == "queued"

    rows(workshop.database, "UPDATE workers SET last_seen_at = now() - interval '1 min'")
    upkeep.silent()

    assert (job(workshop.database, job_id).status, in_redis(workshop)) == ("pending", 0)


def test_after_an_outage_of_postgres_the_living_get_two_heartbeats_to_speak_first(
    workshop: Workshop, upkeep: Upkeep, environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(workshop)
    entries = queue(workshop.database, add_job(workshop.database))
    with workshop.database.connection() as connection:
        executions.claim(connection, entries, worker_id="far", lease_ms=1_000)
    rows(workshop.database, "UPDATE workers SET last_seen_at = now() - interval '1 min'")
    rows(workshop.database, "UPDATE jobs SET lease_expires_at = now() - interval '1 min'")
    now = time.monotonic()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))

    def away() -> None:
        raise OperationalError("SELECT 1", None, Exception("the server closed the connection"))

    def states() -> tuple[str, str]:
        upkeep.rescue()
        upkeep.silent()
        return job(workshop.database, entries[0][0]).status, value(workshop.database, "SELECT state FROM workers")

    upkeep._attempt(_Task(away, 1))
    now += 2 * environment.worker_heartbeat_interval / 1_000 - 0.001
    assert states() == ("running", "running")
    now += 0.001
    assert states() == ("pending", "lost")


def test_what_redis_lost_is_pushed_again_by_the_next_round_after_a_flush(
    workshop: Workshop, dispatcher: Dispatcher
) -> None:
    announce(workshop)
    add_job(workshop.database)
    assert dispatcher.dispatch_once()[0] == 1
    workshop.broker.client.flushall()
    dispatcher.dispatch_once()
    assert in_redis(workshop) == 1


def test_what_could_not_be_pushed_is_pushed_first_when_redis_is_back(
    workshop: Workshop, wire: Wire, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(workshop)
    dispatcher.dispatch_once()
    add_job(workshop.database)
    with monkeypatch.context() as full:

        def refuse(_: object) -> int:
            raise redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'")

        full.setattr(wire, "push", refuse)
        with pytest.raises(redis.ResponseError):
            dispatcher.dispatch_once()
    assert in_redis(workshop) == 0
    dispatcher.dispatch_once()
    assert in_redis(workshop) == 1


def test_a_dispatch_that_redis_lacks_is_pushed_again_and_one_that_nobody_takes_is_made_anew(
    workshop: Workshop, wire: Wire, upkeep: Upkeep
) -> None:
    fresh, absent, stale = queue(workshop.database, *(add_job(workshop.database) for _ in range(3)))
    age = "UPDATE jobs SET queued_at = now() - :s * interval '1 s' WHERE id = :id"
    rows(workshop.database, age, s=4, id=absent[0])
    rows(workshop.database, age, s=61, id=stale[0])
    wire.push([Dispatch(*stale, QUEUE, "note")])

    upkeep.reconcile()

    with workshop.database.connection() as connection:
        waiting = {entry.id for entry in dispatch.queued_since(connection, 0)}
    assert waiting == {fresh[0], absent[0]}
    assert workshop.broker.client.hkeys(f"{workshop.broker.namespace}:{QUEUE}.msgs") == [f"{absent[0]}:1".encode()]
