"""Who dispatches goes on, whatever happens to one round."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from threading import Event
from uuid import uuid4

import pytest
import redis

from aeon_jobs.middleware.dispatch import role
from aeon_jobs.middleware.dispatch.dispatcher import Dispatcher, Round
from aeon_jobs.middleware.dispatch.role import DispatcherRole
from aeon_jobs.middleware.dispatch.upkeep import reap_dead
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import workers
from aeon_jobs.persistence.queue.dispatch import Dispatch
from aeon_jobs.persistence.queue.process import registration
from tests.rows import add_job, start, value


def test_a_round_that_fails_in_a_way_nobody_thought_of_is_not_the_last(
    database: Database, redis_client: redis.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dispatcher that stops while its upkeep says that it lives keeps everybody else from the role."""
    dispatcher = Dispatcher(database, RedisTransport(redis_client, "test"), settings, registration("dispatcher", "d"))
    stop, rounds = Event(), list[int]()

    def fail_once() -> Round:
        rounds.append(1)
        if len(rounds) == 1:
            raise KeyError("default")
        stop.set()
        return Round(0, has_more=False, is_full=True)

    monkeypatch.setattr(dispatcher, "dispatch_once", fail_once)
    dispatcher._loop(stop)
    assert len(rounds) == 2


def test_if_none_is_known_to_wait_all_are_woken_for_the_first_message_of_an_empty_lane_and_not_for_each_push(
    redis_client: redis.Redis,
) -> None:
    transport = RedisTransport(redis_client, "test")
    one, two, three = (Dispatch(uuid4(), 1, "default", "note", "jobs-lane") for _ in range(3))
    with redis_client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe("test:fetch:jobs-lane")
        transport.push([one])
        transport.push([one, two])
        redis_client.delete("test:jobs-lane")  # as if a worker had fetched both
        transport.push([three])
        redis_client.publish("test:fetch:jobs-lane", "end")
        heard = list(takewhile(lambda data: data != b"end", (m["data"] for m in channel.listen() if m)))
    assert heard == [b"", b""]


def test_a_look_at_the_role_that_fails_in_a_way_nobody_thought_of_is_not_the_last(
    database: Database, redis_client: redis.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, looks = DispatcherRole(database, RedisTransport(redis_client, "test"), settings), list[int]()

    def fail_once() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise ProcessLookupError
        watch._stop.set()

    monkeypatch.setattr(role, "LOOK_S", 0)
    monkeypatch.setattr(watch, "_ask", fail_once)
    watch._watch()
    assert len(looks) == 2


def test_all_jobs_of_a_dead_process_are_freed_however_many(
    database: Database, redis_client: redis.Redis, settings: Settings
) -> None:
    dead = replace(registration("worker", "w"), process_started_at=0.0)
    with database.connection() as connection:
        workers.register(connection, dead)
    start(database, *(add_job(database) for _ in range(501)), worker_id=dead.id)
    reap_dead(database, RedisTransport(redis_client, "test"), settings)
    assert value(database, "SELECT count(*) FROM jobs WHERE status = 'pending'") == 501
