"""What keeps the promise when something died, each task alone, against real servers."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from threading import Event
from types import SimpleNamespace
from uuid import UUID

import pytest
import redis
from sqlalchemy.exc import OperationalError

from aeon_jobs.middleware.dispatch import backlog
from aeon_jobs.middleware.dispatch import upkeep as module
from aeon_jobs.middleware.dispatch.dispatcher import Dispatcher
from aeon_jobs.middleware.dispatch.upkeep import Upkeep, _Task
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.admin import bulk_changes
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import dispatch, executions, workers
from aeon_jobs.persistence.queue.dispatch import Dispatch
from aeon_jobs.persistence.queue.process import registration
from aeon_jobs.persistence.queue.workers import Host
from aeon_jobs.persistence.reads.listing import Filter
from tests.harness import Harness
from tests.rows import add_job, job, queue, rows, value

QUEUE, LANE = "default", "jobs-lane"


@pytest.fixture
def transport(harness: Harness) -> RedisTransport:
    return RedisTransport(harness.broker.client, harness.broker.namespace)


@pytest.fixture
def upkeep(harness: Harness, transport: RedisTransport, environment: Settings) -> Upkeep:
    return Upkeep(harness.database, transport, environment, registration("dispatcher", "d"))


@pytest.fixture
def dispatcher(
    harness: Harness, transport: RedisTransport, environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> Dispatcher:
    # On a busy machine a look is slow: the next ones would begin behind the newest job.
    monkeypatch.setattr(backlog, "SLOW_S", 60)
    return Dispatcher(harness.database, transport, environment, registration("dispatcher", "d"))


def announce(harness: Harness) -> None:
    """A worker on another host, whose messages are those that the harness's broker fetches."""
    entry = registration("worker", "far", broker_id=harness.broker.broker_id, queues=[QUEUE], threads=4)
    entry = replace(entry, job_types=["note"], lane=LANE)
    with harness.database.connection() as connection:
        workers.register(connection, replace(entry, id="far", host=Host("far", "boot", "ns")))


def in_redis(harness: Harness) -> int:
    """Messages that wait, or that a broker fetched."""
    return int(harness.broker.client.hlen(f"{harness.broker.namespace}:{LANE}.msgs"))


def test_what_a_silent_process_had_fetched_is_dispatched_anew(
    harness: Harness, transport: RedisTransport, upkeep: Upkeep
) -> None:
    announce(harness)
    ((job_id, seq),) = queue(harness.database, add_job(harness.database))
    transport.push([Dispatch(job_id, seq, QUEUE, "note", LANE)])
    assert len(harness.broker.ack_and_fetch(LANE, [], 1, int(time.time() * 1_000))) == 1
    upkeep.silent()
    assert job(harness.database, job_id).status == "queued"

    rows(harness.database, "UPDATE workers SET last_seen_at = now() - interval '1 min'")
    upkeep.silent()

    assert (job(harness.database, job_id).status, in_redis(harness)) == ("pending", 0)


def test_after_an_outage_of_postgres_live_workers_have_two_heartbeats_to_renew(
    harness: Harness, upkeep: Upkeep, environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(harness)
    entries = queue(harness.database, add_job(harness.database))
    with harness.database.connection() as connection:
        executions.claim(connection, entries, worker_id="far", lease_ms=1_000)
    rows(harness.database, "UPDATE workers SET last_seen_at = now() - interval '1 min'")
    rows(harness.database, "UPDATE jobs SET lease_expires_at = now() - interval '1 min'")
    now = time.monotonic()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))

    def away() -> None:
        raise OperationalError("SELECT 1", None, Exception("the server closed the connection"))

    def states() -> tuple[str, str]:
        upkeep.rescue()
        upkeep.silent()
        return job(harness.database, entries[0][0]).status, value(harness.database, "SELECT state FROM workers")

    upkeep._attempt(_Task(away, 1))
    now += 2 * environment.worker_heartbeat_interval / 1_000 - 0.001
    assert states() == ("running", "running")
    now += 0.001
    assert states() == ("pending", "lost")


def test_what_redis_lost_is_dispatched_again_by_the_next_round_after_a_flush(
    harness: Harness, dispatcher: Dispatcher
) -> None:
    announce(harness)
    add_job(harness.database)
    assert dispatcher.dispatch_once().dispatched == 1
    harness.broker.client.flushall()
    assert dispatcher.dispatch_once().has_more
    assert dispatcher.dispatch_once().dispatched == 1
    assert in_redis(harness) == 1


def test_a_round_that_meets_a_new_redis_with_its_push_dispatches_all_again(
    harness: Harness, dispatcher: Dispatcher
) -> None:
    announce(harness)
    dispatcher.dispatch_once()
    lost = add_job(harness.database)
    assert dispatcher.dispatch_once().dispatched == 1
    harness.broker.client.flushall()
    found = add_job(harness.database)
    assert dispatcher.dispatch_once().dispatched == 1
    assert {harness.job_of(id_).status for id_ in (lost, found)} == {"pending"}
    assert dispatcher.dispatch_once().dispatched == 2


@pytest.fixture
def near_the_newest(dispatcher: Dispatcher, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    """Its rounds begin behind the newest job that it dispatched; there is a worker."""
    for name, value_ in {"SLOW_S": -1, "IN_A_ROW": 1, "OVERLAP": 0, "PAUSE": 1e9, "SHORT_PAUSE": 1e9}.items():
        monkeypatch.setattr(backlog, name, value_)
    monkeypatch.setattr(backlog, "MOST_S", 600)
    dispatcher._backlog = backlog.Backlog()
    announce(harness)
    return dispatcher


def test_a_round_that_began_near_the_newest_job_tells_when_to_look_for_older_ones(
    harness: Harness, near_the_newest: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    near_the_newest.dispatch_once()
    older, newer = add_job(harness.database), add_job(harness.database)
    assert (done := near_the_newest.dispatch_once()).dispatched == 2
    assert done.look_at == math.inf
    rows(harness.database, "UPDATE jobs SET status = 'pending' WHERE id = :id", id=older)

    done = near_the_newest.dispatch_once()

    assert done.dispatched == 0
    assert 500 < done.look_at - time.monotonic() < 600
    monkeypatch.setattr(backlog, "MOST_S", 0)
    monkeypatch.setattr(backlog, "SLOW_S", 60)
    assert near_the_newest.dispatch_once().dispatched == 1
    assert [harness.job_of(id_).status for id_ in (older, newer)] == ["queued", "queued"]


def test_the_dispatcher_rests_no_longer_than_until_it_looks_for_older_jobs(
    near_the_newest: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = list[float]()
    monkeypatch.setattr(near_the_newest._wakeup, "wait", lambda timeout_s: rests.append(timeout_s) or True)
    near_the_newest._looked_at = now = time.monotonic()
    near_the_newest._rest(10_000)
    near_the_newest._rest(10_000, look_at=now + 5_000)
    near_the_newest._rest(2_000, look_at=now + 5_000)
    near_the_newest._rest(10_000, look_at=now - 1)
    assert [math.ceil(rest / 1_000) for rest in rests] == [10, 5, 2]


def test_a_round_without_room_promotes_and_is_no_walk(harness: Harness, near_the_newest: Dispatcher) -> None:
    add_job(harness.database)
    due = add_job(harness.database)
    rows(harness.database, "ALTER TABLE jobs DISABLE TRIGGER USER")
    rows(harness.database, "UPDATE jobs SET scheduled_at = now(), ready = false WHERE id = :id", id=due)
    rows(harness.database, "ALTER TABLE jobs ENABLE TRIGGER USER")
    before = near_the_newest._backlog.__dict__.copy()
    assert near_the_newest._dispatch({}) == []
    assert job(harness.database, due).ready
    assert near_the_newest._backlog.__dict__ == before


def test_what_could_not_be_pushed_is_pushed_first_when_redis_is_back(
    harness: Harness, transport: RedisTransport, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(harness)
    dispatcher.dispatch_once()
    add_job(harness.database)
    with monkeypatch.context() as full:

        def refuse(_: object) -> int:
            raise redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'")

        full.setattr(transport, "push", refuse)
        with pytest.raises(redis.ResponseError):
            dispatcher.dispatch_once()
    assert in_redis(harness) == 0
    dispatcher.dispatch_once()
    assert in_redis(harness) == 1


def test_a_dispatch_that_redis_lacks_and_one_that_nobody_takes_are_made_anew(
    harness: Harness, transport: RedisTransport, upkeep: Upkeep
) -> None:
    fresh, absent, stale = queue(harness.database, *(add_job(harness.database) for _ in range(3)))
    age = "UPDATE jobs SET queued_at = now() - :s * interval '1 s' WHERE id = :id"
    rows(harness.database, age, s=4, id=absent[0])
    rows(harness.database, age, s=61, id=stale[0])
    transport.push([Dispatch(*stale, QUEUE, "note", LANE)])

    upkeep.reconcile()

    with harness.database.connection() as connection:
        waiting = {entry.id for entry in dispatch.queued_since(connection, 0)}
    assert waiting == {fresh[0]}
    assert harness.broker.client.hkeys(f"{harness.broker.namespace}:{LANE}.msgs") == []


def test_what_is_in_a_lane_without_a_live_worker_goes_back_to_postgresql(
    harness: Harness, transport: RedisTransport, upkeep: Upkeep
) -> None:
    """After a deploy: the old workers stopped, the new ones know other job types and have a lane of their own."""
    announce(harness)
    kept, abandoned, fetched = queue(harness.database, *(add_job(harness.database) for _ in range(3)))
    transport.push([Dispatch(*kept, QUEUE, "note", LANE), Dispatch(*fetched, QUEUE, "note", "jobs-old")])
    harness.broker.ack_and_fetch("jobs-old", [], 1, int(time.time() * 1_000))
    transport.push([Dispatch(*abandoned, QUEUE, "note", "jobs-old")])

    upkeep.abandoned()

    assert [job(harness.database, entry[0]).status for entry in (kept, abandoned, fetched)] == [
        "queued",
        "pending",
        "pending",
    ]
    assert (in_redis(harness), sorted(transport.lanes())) == (1, [LANE, "jobs-old"])
    upkeep.abandoned()
    assert transport.lanes() == [LANE]


def one_job_in_the_lane(harness: Harness, dispatcher: Dispatcher) -> UUID:
    """Of a worker that lives; the dispatcher knows it."""
    announce(harness)
    job_id = add_job(harness.database)
    assert dispatcher.dispatch_once().dispatched == 1
    return job_id


def test_what_a_dispatcher_pushes_into_the_lane_of_a_worker_that_just_stopped_comes_back(
    harness: Harness, upkeep: Upkeep, dispatcher: Dispatcher, transport: RedisTransport
) -> None:
    """It looks at the workers once a second."""
    one_job_in_the_lane(harness, dispatcher)
    rows(harness.database, "UPDATE workers SET state = 'stopped'")
    late = add_job(harness.database)
    assert dispatcher.dispatch_once().dispatched == 1
    assert job(harness.database, late).status == "queued"

    upkeep.abandoned()
    upkeep.abandoned()

    assert value(harness.database, "SELECT count(*) FROM jobs WHERE status = 'pending'") == 2
    assert (in_redis(harness), transport.lanes()) == (0, [])


def test_a_worker_that_comes_back_while_its_lane_is_emptied_gets_every_job(
    harness: Harness, upkeep: Upkeep, dispatcher: Dispatcher, transport: RedisTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = one_job_in_the_lane(harness, dispatcher)
    rows(harness.database, "UPDATE workers SET state = 'stopped'")
    look = transport.messages_of

    def come_back(lane: str) -> list[str]:
        ids = look(lane)
        announce(harness)
        add_job(harness.database)
        assert dispatcher.dispatch_once().dispatched == 1
        return ids

    monkeypatch.setattr(transport, "messages_of", come_back)
    upkeep.abandoned()
    assert job(harness.database, first).status == "pending"
    assert dispatcher.dispatch_once().dispatched == 1

    with harness.database.connection() as connection:
        queued = dispatch.queued_since(connection, 0)
    assert sorted(look(LANE)) == sorted(entry.message_id for entry in queued)
    assert len(queued) == 2


def test_a_lane_that_gets_messages_while_it_is_dropped_stays_known(
    harness: Harness, dispatcher: Dispatcher, transport: RedisTransport
) -> None:
    """Otherwise nobody would empty it when its workers are gone, and its messages would count as lost."""
    one_job_in_the_lane(harness, dispatcher)
    transport.drop_lane(LANE)
    assert transport.lanes() == [LANE]


def test_two_dispatchers_that_empty_a_lane_at_once_give_its_jobs_back_once(
    harness: Harness, upkeep: Upkeep, dispatcher: Dispatcher, transport: RedisTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = one_job_in_the_lane(harness, dispatcher)
    rows(harness.database, "UPDATE workers SET state = 'stopped'")
    forget = transport.forget

    def other_first(lane: str, ids: list[str]) -> None:
        """The other one is done, and the job dispatched again to workers that are new."""
        monkeypatch.setattr(transport, "forget", forget)
        upkeep.abandoned()
        rows(harness.database, "UPDATE workers SET state = 'running', lane = 'jobs-new'")
        dispatcher._lanes_until = 0
        assert dispatcher.dispatch_once().dispatched == 1
        forget(lane, ids)

    monkeypatch.setattr(transport, "forget", other_first)
    upkeep.abandoned()
    stored = job(harness.database, job_id)
    assert (stored.status, stored.dispatch_seq) == ("queued", 2)
    assert transport.messages_of("jobs-new") == [f"{job_id}:2"]


def test_messages_of_any_lane_are_not_taken_for_lost_however_many_they_are(
    harness: Harness, transport: RedisTransport
) -> None:
    dispatches = [Dispatch(UUID(int=n), 1, QUEUE, "note", f"jobs-{n % 3}") for n in range(1_000)]
    transport.push(dispatches[:-2])
    assert transport.absent(dispatches) == dispatches[-2:]


def test_tasks_that_did_their_work_are_noted_every_ten_seconds(
    harness: Harness, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=time.monotonic() + 100)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    sql = "SELECT name FROM job_background_tasks WHERE last_success_at IS NOT NULL"

    def noted() -> set[str]:
        upkeep.round(Event())
        return {name for (name,) in harness.execute(sql)}

    assert noted() == set()
    upkeep.succeeded("dispatch")
    clock.now += module.NOTE_EVERY_S - 1
    assert noted() == set()
    clock.now += 1
    assert noted() == {
        "look",
        "reap_dead",
        "rescue",
        "abandoned",
        "bulk_changes",
        "reconcile",
        "silent",
        "maintain",
        "forget",
        "archive",
        "partitions",
        "statistics",
        "workflows",
        "holds",
        "expire",
        "dispatch",
    }


def test_a_task_that_fails_is_not_noted(harness: Harness, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch) -> None:
    def rescue() -> None:
        raise OperationalError("", {}, Exception())

    upkeep._attempt(_Task(rescue, 1))
    assert upkeep._done == set()


def test_a_dispatcher_goes_on_with_bulk_changes_of_a_process_that_is_gone(harness: Harness, upkeep: Upkeep) -> None:
    ids = [add_job(harness.database, job_type="note") for _ in range(3)]
    with harness.database.transaction() as connection:
        bulk_changes.begin(connection, "cancel", Filter(job_type="note"), {}, by="ann", reason=None)
    upkeep.round(Event())
    assert {job(harness.database, job_id).status for job_id in ids} == {"cancelled"}
    upkeep.look()
    assert upkeep._seen
    assert not upkeep._seen.bulk_changes
