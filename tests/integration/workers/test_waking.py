"""Which workers a push wakes, and how a thread waits for it: against a real Redis."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import redis

from aeon_jobs.middleware.transport import wakeup as wakeup_module
from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.middleware.transport.wakeup import Wakeup
from aeon_jobs.ops.embedded import EmbeddedRedis
from aeon_jobs.persistence.hints import AGAIN
from aeon_jobs.persistence.queue.dispatch import Dispatch
from aeon_jobs.persistence.redis_clients import redis_client as redis_client_of
from tests.harness import Harness

SOON_S = 0.1
FOREVER_S = 30


@pytest.fixture
def broker(harness: Harness) -> JobBroker:
    @harness.job
    def note() -> None: ...

    harness.broker.join_lane(["default"])
    return harness.broker


class Worker:
    """What a worker process does with Redis, without its threads."""

    def __init__(self, broker: JobBroker, name: str) -> None:
        self._broker, self.name = broker, name
        self.wakeup = broker.wakeup = Wakeup()
        broker.broker_id = name
        broker.listen()
        # By its subscription, as by all that it may have missed.
        assert self.wakeup.wait(FOREVER_S)
        self.fetch(4)

    def fetch(self, room: int, held: int = 0) -> int:
        """How many it got, with so many that it had."""
        self.wakeup.clear()
        self._broker.broker_id = self.name
        return len(self._broker.ack_and_fetch(self._broker.lane or "", [], room, 0, held))

    def is_woken(self) -> bool:
        # Redis has answered what came after its messages: they are here.
        self._broker.client.ping()
        woken = self.wakeup.wait(SOON_S)
        self.wakeup.clear()
        return woken


Workers = Callable[[int], list[Worker]]


@pytest.fixture
def workers(broker: JobBroker) -> Iterator[Workers]:
    """So many workers that wait, the first one longest."""
    made = list[Worker]()

    def make(count: int) -> list[Worker]:
        made.extend(Worker(broker, f"w{number}") for number in range(count))
        return made

    yield make
    for worker in made:
        worker.wakeup.close()


def push(broker: JobBroker, count: int = 1, lane: str | None = None) -> None:
    dispatches = (Dispatch(uuid4(), 1, "default", "note", lane or broker.lane or "") for _ in range(count))
    RedisTransport(broker.client, broker.namespace).push(dispatches)


def woken(workers: list[Worker]) -> list[str]:
    return [worker.name for worker in workers if worker.is_woken()]


def test_a_push_wakes_as_many_workers_as_it_has_messages_first_those_that_wait_longest(
    broker: JobBroker, workers: Workers
) -> None:
    three = workers(3)
    push(broker)
    assert woken(three) == ["w0"]
    three[0].fetch(4)
    push(broker)
    assert woken(three) == ["w1"]
    push(broker, 2)
    assert woken(three) == ["w0", "w2"]


def test_a_push_wakes_a_worker_that_has_nothing_to_do_rather_than_a_busy_one(
    broker: JobBroker, workers: Workers
) -> None:
    three = workers(3)
    three[1].fetch(4, held=3)
    three[0].fetch(4, held=4)
    three[2].fetch(4)
    for name in ("w2", "w1", "w0"):
        push(broker)
        assert woken(three) == [name]


def test_a_worker_that_has_not_looked_for_long_is_woken_and_another_one_too(
    broker: JobBroker, workers: Workers, redis_client: redis.Redis
) -> None:
    """It may be frozen: Redis sends, and nobody listens."""
    three = workers(3)
    redis_client.zincrby(f"{broker.namespace}:{broker.lane}.waiting", -1_600_000, "w2")
    push(broker)
    assert woken(three) == ["w0", "w2"]


def test_a_push_to_another_lane_wakes_nobody_here(broker: JobBroker, workers: Workers) -> None:
    two = workers(2)
    push(broker, lane="jobs-of-others")
    assert woken(two) == []


def test_a_worker_that_is_gone_is_passed_over(broker: JobBroker, workers: Workers) -> None:
    gone, other = workers(2)
    gone.wakeup.close()
    push(broker)
    assert other.is_woken()


def test_a_worker_that_is_woken_and_leaves_messages_wakes_the_next(broker: JobBroker, workers: Workers) -> None:
    three = workers(3)
    push(broker)
    assert woken(three) == ["w0"]
    # It has become full, or quiet, or it stops.
    assert three[0].fetch(0) == 0
    assert woken(three) == ["w1"]
    push(broker, 2)
    assert woken(three) == ["w2"]
    # It takes one of three.
    assert three[1].fetch(1) == 1
    push(broker)
    assert woken(three) == [], "nobody is known to wait, and the lane was not empty"


def test_workers_that_a_new_redis_does_not_know_are_all_woken(
    broker: JobBroker, workers: Workers, redis_client: redis.Redis
) -> None:
    two = workers(2)
    redis_client.flushdb()
    push(broker)
    assert woken(two) == ["w0", "w1"]


def test_a_lane_that_is_dropped_has_no_workers_that_wait(
    broker: JobBroker, workers: Workers, redis_client: redis.Redis
) -> None:
    workers(1)
    RedisTransport(redis_client, broker.namespace).drop_lane(broker.lane or "")
    assert not redis_client.exists(f"{broker.namespace}:{broker.lane}.waiting")


def test_another_thread_wakes_the_one_that_waits() -> None:
    wakeup = Wakeup()
    assert not wakeup.wait(0)
    thread = Thread(target=wakeup.set)
    thread.start()
    assert wakeup.wait(FOREVER_S)
    thread.join()
    wakeup.set()
    wakeup.clear()
    assert not wakeup.wait(0)
    assert not wakeup.is_set()


def listening(client: redis.Redis, channel: str) -> Wakeup:
    wakeup = Wakeup()
    wakeup.listen(client, channel)
    assert wakeup.wait(FOREVER_S)
    wakeup.clear()
    return wakeup


def test_what_was_published_before_a_clear_is_forgotten_and_what_comes_after_it_is_not(
    redis_client: redis.Redis,
) -> None:
    wakeup = listening(redis_client, "test:c")
    assert redis_client.publish("test:c", "") == 1
    # Redis may have answered the one who publishes first.
    redis_client.ping()
    wakeup.clear()
    assert not wakeup.wait(SOON_S)
    assert redis_client.publish("test:c", "") == 1
    assert wakeup.wait(FOREVER_S)
    wakeup.close()


@pytest.mark.parametrize("heard_by", [lambda wakeup: wakeup.wait(FOREVER_S), Wakeup.clear])
def test_a_message_that_says_again_wakes_at_once_and_once_more(
    redis_client: redis.Redis, heard_by: Callable[[Wakeup], object]
) -> None:
    wakeup = listening(redis_client, "test:c")
    assert redis_client.publish("test:c", AGAIN) == 1
    redis_client.ping()
    heard_by(wakeup)
    wakeup._is_set = False
    assert wakeup.wait(FOREVER_S)
    wakeup.clear()
    assert not wakeup.wait(SOON_S)
    wakeup.close()


def test_who_was_told_to_look_again_does_not_before_its_time(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    wakeup = listening(redis_client, "test:again")
    monkeypatch.setattr(wakeup_module, "AGAIN_S", FOREVER_S)
    for message, again in (("1", math.inf), (AGAIN, pytest.approx(time.monotonic() + FOREVER_S, abs=FOREVER_S / 2))):
        wakeup.clear()
        assert redis_client.publish("test:again", message) == 1
        assert wakeup.wait(FOREVER_S)
        wakeup.clear()
        assert not wakeup.wait(SOON_S)
        assert wakeup._again_at == again
    wakeup.close()


def test_a_lost_connection_wakes_for_messages_may_be_lost_and_is_made_anew(redis_client: redis.Redis) -> None:
    wakeup = listening(redis_client, "test:c")
    redis_client.client_kill_filter(_type="pubsub")
    assert wakeup.wait(FOREVER_S)
    wakeup.clear()
    assert wakeup.wait(FOREVER_S), "by the new subscription"
    wakeup.clear()
    assert redis_client.publish("test:c", "") == 1
    assert wakeup.wait(FOREVER_S)
    wakeup.close()


def test_a_subscription_that_is_refused_is_tried_again(private_redis: EmbeddedRedis) -> None:
    """As when the rights of the Redis user are corrected."""
    client = redis_client_of(private_redis.url)
    client.execute_command("ACL", "SETUSER", "default", "resetchannels")
    wakeup = Wakeup()
    wakeup.listen(client, "test:c")
    assert wakeup.wait(FOREVER_S)
    client.execute_command("ACL", "SETUSER", "default", "allchannels")
    wakeup.clear()
    assert wakeup.wait(FOREVER_S)
    wakeup.clear()
    assert client.publish("test:c", "") == 1
    assert wakeup.wait(FOREVER_S)
    wakeup.close()
    client.close()


def test_a_wakeup_that_is_closed_gives_its_connection_back(redis_client: redis.Redis) -> None:
    before = connections(redis_client)
    for _ in range(3):
        wakeup = Wakeup()
        wakeup.listen(redis_client, "test:c")
        assert wakeup.wait(FOREVER_S)
        wakeup.close()
    assert connections(redis_client) == before


def connections(client: redis.Redis) -> int:
    """How many of its pool are in use."""
    pool: Any = client.connection_pool
    return len(pool._in_use_connections)


def test_without_redis_other_threads_wake_and_time_passes() -> None:
    wakeup = Wakeup()
    wakeup.listen(redis.Redis(port=1), "test:c")
    assert not wakeup.wait(SOON_S)
    wakeup.set()
    assert wakeup.wait(FOREVER_S)
    wakeup.close()
