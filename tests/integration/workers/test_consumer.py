"""The consumer of a lane against a real Redis: what is done is acked with the next fetch, and is never forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from queue import Queue
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from dramatiq.errors import ConnectionClosed

from aeon_jobs.middleware.execution.shutdown import Shutdown
from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.middleware.transport.consumer import LaneConsumer
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.queue.dispatch import Dispatch, lane_name
from tests.harness import Harness


@pytest.fixture
def broker(harness: Harness) -> JobBroker:
    """Of a worker that knows two job types, in two queues."""

    @harness.job
    def note() -> None: ...

    @harness.job(queue="other")
    def more() -> None: ...

    harness.broker.join_lane(["default", "other"])
    harness.broker.claims = Claimed()
    harness.broker.is_registered = True
    return harness.broker


class Claimed:
    """Claims whatever is fetched, of one job type; the rows are of no interest here."""

    def __init__(self) -> None:
        self.job_type = "note"
        self.given_back: list[UUID] = []
        self.flushed = 0

    def claim(self, dispatches: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
        return dict.fromkeys(dispatches, self.job_type)

    def give_back(self, dispatches: Iterable[tuple[UUID, int]]) -> None:
        self.given_back += [job_id for job_id, _ in dispatches]

    def waiting_for(self, seconds: float) -> list[tuple[UUID, int]]:
        return []

    def flush(self, timeout_s: float) -> None:
        self.flushed += 1


@pytest.fixture
def consumer(broker: JobBroker) -> Iterator[LaneConsumer]:
    made = broker.consume(broker.lane, prefetch=4, timeout=50)
    yield made
    made.close()


def push(broker: JobBroker, count: int, job_type: str = "note") -> None:
    dispatches = (Dispatch(uuid4(), 1, "default", job_type, broker.lane) for _ in range(count))
    RedisTransport(broker.client, broker.namespace).push(dispatches)
    broker.wakeup.set()


def stored(broker: JobBroker) -> int:
    """Messages that are not acked."""
    count: Any = broker.client.hlen(f"{broker.namespace}:{broker.lane}.msgs")
    return int(count)


def take(consumer: LaneConsumer, count: int) -> list[Any]:
    return [next(consumer) for _ in range(count)]


def test_acks_go_with_the_next_fetch_which_takes_as_many_new_messages(broker, consumer):
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
    consumer = broker.consume(broker.lane, prefetch=4, timeout=50)
    push(broker, 3)
    consumer.ack(next(consumer))
    broker.is_stopping = True
    consumer.close()
    assert (len(broker.claims.given_back), broker.claims.flushed, stored(broker)) == (2, 1, 0)


def test_what_was_handed_to_the_threads_and_not_begun_is_given_back_when_the_worker_stops(broker, consumer):
    push(broker, 3)
    work: Queue[Any] = Queue()
    for message in take(consumer, 3):
        work.put(SimpleNamespace(message=message))
    thread = SimpleNamespace(requeue_messages=consumer.requeue)
    (shutdown,) = [entry for entry in broker.middleware if isinstance(entry, Shutdown)]
    shutdown.before_worker_shutdown(broker, SimpleNamespace(work_queue=work, consumers={broker.lane: thread}))
    assert len(broker.claims.given_back) == 3
    push(broker, 1)
    assert next(consumer) is None  # and nothing is fetched any more
    assert stored(broker) == 1


def test_a_worker_that_stops_waits_for_no_push(broker):
    consumer = broker.consume(broker.lane, prefetch=4, timeout=3_600_000)
    assert next(consumer) is None  # the first look is not waited for
    broker.is_stopping = True
    assert next(consumer) is None
    consumer.close()


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
    successor = broker.consume(broker.lane, prefetch=4, timeout=50)
    assert next(successor) is None
    assert stored(broker) == 0
    successor.close()


def test_what_was_fetched_outlives_a_consumer_that_is_replaced(broker, consumer):
    push(broker, 3)
    first = next(consumer)
    consumer.close()
    successor = broker.consume(broker.lane, prefetch=3, timeout=50)
    push(broker, 5)
    rest = take(successor, 2)
    assert len({message.options["redis_message_id"] for message in [first, *rest]}) == 3
    assert next(successor) is None  # full: the messages of its predecessor count
    successor.ack(first)
    assert next(successor) is not None
    successor.close()


def test_a_process_holds_no_more_than_its_threads_can_begin_however_many_queues_it_serves(broker, consumer):
    push(broker, 3)
    push(broker, 6, "more")
    held = take(consumer, 4)
    assert None not in held
    assert next(consumer) is None
    consumer.ack(held[0])
    assert [next(consumer) is None, next(consumer) is None] == [False, True]


def test_a_worker_that_becomes_quiet_gives_back_what_no_thread_has_begun(broker, consumer, monkeypatch):
    push(broker, 1)
    message = next(consumer)
    waiting = [(UUID(message.message_id), 1)]
    monkeypatch.setattr(broker.claims, "waiting_for", lambda seconds: [] if seconds else waiting)
    assert next(consumer) is None
    assert broker.claims.given_back == []
    broker.is_quiet = True
    assert next(consumer) is None
    assert broker.claims.given_back == [UUID(message.message_id)]


def test_a_worker_fetches_nothing_before_it_is_registered(broker, consumer):
    broker.is_registered = False
    push(broker, 1)
    assert next(consumer) is None
    assert not broker.client.exists(f"{broker.namespace}:__acks__.{broker.broker_id}.{broker.lane}")
    broker.is_registered = True
    broker.wakeup.set()
    assert next(consumer) is not None


def test_a_quiet_worker_fetches_nothing_and_acks_what_it_finishes(broker, consumer):
    push(broker, 2)
    first, second = next(consumer), next(consumer)
    push(broker, 1)
    broker.is_quiet = True
    consumer.ack(first)
    consumer.ack(second)
    assert next(consumer) is None
    assert stored(broker) == 1
    broker.is_quiet = False
    broker.wakeup.set()
    assert next(consumer) is not None


def test_a_job_of_a_type_that_this_process_does_not_know_is_given_back(broker, consumer):
    broker.claims.job_type = "of others"
    push(broker, 1)
    assert next(consumer) is None
    assert (len(broker.claims.given_back), stored(broker)) == (1, 0)


def test_a_message_that_is_no_dispatch_harms_no_other_of_its_fetch(broker, consumer):
    lane = f"{broker.namespace}:{broker.lane}"
    broker.client.hset(f"{lane}.msgs", "not-a-job", b"\xff")
    broker.client.rpush(lane, "not-a-job")
    push(broker, 1)
    assert next(consumer).actor_name == "note"
    assert broker.client.hget(f"{lane}.XQ.msgs", "not-a-job") == b"\xff"


def test_a_message_is_acked_when_its_outcome_is_recorded(broker, consumer):
    push(broker, 2)
    message = next(consumer)
    id_ = message.options["redis_message_id"]
    broker.prefetched.unrecorded.add(id_)
    assert next(consumer) is not None
    consumer.ack(message)
    assert next(consumer) is None  # it has fetched, and acked what may be
    assert stored(broker) == 2
    broker.prefetched.settle(id_)
    broker.wakeup.set()
    assert next(consumer) is None
    assert stored(broker) == 1


def test_a_void_message_is_acked_and_takes_no_thread(broker, consumer, monkeypatch):
    monkeypatch.setattr(broker.claims, "claim", lambda dispatches: {})
    push(broker, 1)
    assert (next(consumer), next(consumer)) == (None, None)
    assert (stored(broker), broker.prefetched.room) == (0, 4)


def test_a_fetch_whose_messages_are_void_is_followed_by_another_at_once(broker, consumer, monkeypatch):
    """As after many queued jobs were cancelled."""
    push(broker, 5)
    with monkeypatch.context() as patched:
        patched.setattr(broker.claims, "claim", lambda dispatches: {})
        assert next(consumer) is None
    assert broker.wakeup.is_set()
    assert next(consumer) is not None


def test_a_consumer_that_takes_the_place_of_another_passes_its_wake_up_on(broker, consumer, monkeypatch):
    """Redis was away. The one before waited for messages; this one has no room."""
    monkeypatch.setattr(broker.prefetched.pace, "within", lambda seconds: 48)
    push(broker, 5)
    assert None not in take(consumer, 5)
    waiting = f"{broker.namespace}:{broker.lane}.waiting"
    assert broker.client.zrange(waiting, 0, -1) == [broker.broker_id.encode()]
    monkeypatch.setattr(broker.prefetched.pace, "within", lambda seconds: 0)
    successor = broker.consume(broker.lane, prefetch=4, timeout=50)
    assert next(successor) is None
    assert not broker.client.exists(waiting)


def test_a_worker_joins_the_lane_of_its_queues_and_of_all_its_job_types_and_one_without_job_types_none(harness, broker):
    lanes = []
    for queues in (["default"], ["other"], ["default", "other"]):
        broker.join_lane(queues)
        lanes.append(broker.lane)
    assert lanes == [lane_name(queues, ["note", "more"]) for queues in (["default"], ["other"], ["default", "other"])]
    broker.actors.clear()
    broker.join_lane(["default"])
    assert broker.lane is None
    assert not [name for name in broker.get_declared_queues() if name.startswith("jobs-")]


def test_a_process_that_ends_many_jobs_a_second_claims_ahead(broker, consumer, monkeypatch):
    monkeypatch.setattr(broker.prefetched.pace, "within", lambda seconds: 6)
    push(broker, 20)
    messages = take(consumer, 10)
    assert None not in messages
    assert next(consumer) is None  # as many as there are threads, and six
    for message in messages[:3]:
        consumer.ack(message)
    # The threads have seven: half of what was ahead is left, and another fetch would bring three.
    assert not broker.wakeup.is_set()
    consumer.ack(messages[3])
    assert broker.wakeup.is_set()
    assert take(consumer, 5)[3:] != [None, None]
    assert stored(broker) == 16


def test_a_job_that_waits_too_long_for_a_thread_is_given_back(broker, consumer, monkeypatch):
    push(broker, 2)
    first, second = take(consumer, 2)
    late = [(UUID(second.message_id), 1)]
    monkeypatch.setattr(broker.claims, "waiting_for", lambda seconds: late)
    assert next(consumer) is None
    assert broker.claims.given_back == [UUID(second.message_id)]
    assert first.message_id != second.message_id


def test_acks_wait_for_the_next_fetch_while_the_threads_are_busy(broker, consumer, monkeypatch):
    monkeypatch.setattr(broker.prefetched.pace, "within", lambda seconds: 6)
    push(broker, 10)
    messages = take(consumer, 10)
    broker.wakeup.clear()
    consumer.ack(messages[0])
    assert not broker.wakeup.is_set()
    for message in messages[1:]:
        consumer.ack(message)
    # Nothing is left to do: nobody should see these messages as jobs that wait.
    assert broker.prefetched.must_ack
    assert next(consumer) is None
    assert stored(broker) == 0
