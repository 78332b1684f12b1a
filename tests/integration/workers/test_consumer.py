"""The waking consumer against a real Redis: what is done goes with the next fetch, and is never forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import redis
from dramatiq.errors import ConnectionClosed

from aeon_jobs.middleware.execution.shutdown import Shutdown
from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.middleware.transport.consumer import WakingConsumer
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.queue.dispatch import Dispatch
from tests.harness import Harness

QUEUE = "default"


@pytest.fixture
def broker(harness: Harness) -> JobBroker:
    return harness.broker


@pytest.fixture
def consumer(broker: JobBroker) -> Iterator[WakingConsumer]:
    made = broker.consume(QUEUE, prefetch=4, timeout=50)
    yield made
    made.close()


def push(broker: JobBroker, count: int, queue: str = QUEUE) -> None:
    RedisTransport(broker.client, broker.namespace).push(Dispatch(uuid4(), 1, queue, "note") for _ in range(count))
    broker.wake(queue)


def stored(broker: JobBroker) -> int:
    """Messages that are not acked."""
    count: Any = broker.client.hlen(f"{broker.namespace}:{QUEUE}.msgs")
    return int(count)


def take(consumer: WakingConsumer, count: int) -> list[Any]:
    return [next(consumer) for _ in range(count)]


def test_acks_go_with_the_next_fetch_which_fills_the_room_they_made(broker, consumer):
    push(broker, 6)
    messages = take(consumer, 4)
    assert next(consumer) is None  # full
    for message in messages[:2]:
        consumer.ack(message)
    assert stored(broker) == 6

    assert None not in take(consumer, 2)
    assert stored(broker) == 4


def test_an_ack_is_told_without_anything_left_to_fetch(broker, consumer):
    push(broker, 1)
    consumer.ack(next(consumer))
    assert next(consumer) is None
    assert stored(broker) == 0


def test_closing_sends_the_last_acks_and_gives_back_what_was_not_begun(broker):
    consumer = broker.consume(QUEUE, prefetch=4, timeout=50)
    push(broker, 3)
    consumer.ack(next(consumer))
    broker.is_stopping = True
    consumer.close()
    assert stored(broker) == 2
    assert broker.client.llen(f"{broker.namespace}:{QUEUE}") == 2


def test_what_was_handed_to_the_threads_and_not_begun_is_given_back_when_the_worker_stops(broker, consumer):
    push(broker, 3)
    work: Queue[Any] = Queue()
    for message in take(consumer, 3):
        work.put(SimpleNamespace(message=message))
    thread = SimpleNamespace(requeue_messages=consumer.requeue)
    (shutdown,) = [entry for entry in broker.middleware if isinstance(entry, Shutdown)]
    shutdown.before_worker_shutdown(broker, SimpleNamespace(work_queue=work, consumers={QUEUE: thread}))
    assert broker.client.llen(f"{broker.namespace}:{QUEUE}") == 3
    assert next(consumer) is None  # and nothing is fetched any more


def test_acks_outlive_a_redis_that_was_away(broker, consumer, monkeypatch):
    push(broker, 1)
    message = next(consumer)
    with monkeypatch.context() as away:

        def refuse(*_: object, **__: object) -> None:
            raise redis.ConnectionError("away")

        away.setattr(broker, "ack_and_fetch", refuse)
        consumer.ack(message)
        with pytest.raises(ConnectionClosed):
            next(consumer)
        consumer.close()
    successor = broker.consume(QUEUE, prefetch=4, timeout=50)
    assert next(successor) is None
    assert stored(broker) == 0
    successor.close()


def test_what_was_fetched_outlives_a_consumer_that_is_replaced(broker, consumer):
    push(broker, 3)
    first = next(consumer)
    consumer.close()
    successor = broker.consume(QUEUE, prefetch=3, timeout=50)
    push(broker, 5)
    rest = take(successor, 2)
    assert len({message.options["redis_message_id"] for message in [first, *rest]}) == 3
    assert next(successor) is None  # full: the messages of its predecessor count
    successor.ack(first)
    assert next(successor) is not None
    successor.close()


def test_a_process_holds_no_more_than_its_threads_can_begin_however_many_queues_it_serves(broker, consumer):
    other = broker.consume("other", prefetch=4, timeout=50)
    push(broker, 3)
    push(broker, 6, "other")
    held = [*take(consumer, 3), next(other)]
    assert None not in held
    assert next(other) is None
    consumer.ack(held[0])
    assert [next(other) is None, next(other) is None] == [False, True]
    other.close()


def test_room_that_one_queue_makes_wakes_the_queue_that_waits_for_it_and_no_other(broker, consumer):
    waiting, empty = (broker.consume(name, prefetch=4, timeout=50) for name in ("waiting", "empty"))
    assert next(empty) is None
    push(broker, 4)
    messages = take(consumer, 4)
    push(broker, 1, "waiting")
    assert next(waiting) is None
    consumer.ack(messages[0])
    assert (waiting._wake.is_set(), empty._wake.is_set()) == (True, False)
    assert next(waiting) is not None
    waiting.close()
    empty.close()


def test_a_ring_wakes_the_consumers_of_its_queue_alone(broker, consumer):
    other = broker.consume("other", prefetch=4, timeout=50)
    next(consumer), next(other)
    assert not consumer._wake.is_set()
    broker.wake(QUEUE)
    assert (consumer._wake.is_set(), other._wake.is_set()) == (True, False)
    broker.wake()
    assert other._wake.is_set()
    other.close()
