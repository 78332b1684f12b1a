"""The wake-up of the dispatcher: sent at once, without waiting for Redis, and never left unsaid."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from aeon_jobs.ops.embedded import EmbeddedRedis
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.redis_clients import redis_client


@pytest.fixture
def hints(redis_url: str) -> Iterator[Hints]:
    client = redis_client(redis_url)
    yield Hints(client, "test-hints")
    client.close()


@pytest.fixture
def heard(redis_client: redis.Redis, hints: Hints) -> Iterator[redis.client.PubSub]:
    with redis_client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(hints.wake_channel)
        while not channel.subscribed or channel.get_message(timeout=0.05):
            pass
        yield channel


def _is_heard(channel: redis.client.PubSub) -> bool:
    """The first call may read the answer to the subscription, which is no message."""
    return any(channel.get_message(timeout=2) for _ in range(2))


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_each_message_is_published_and_its_answer_is_read_away_later(hints: Hints, heard: redis.client.PubSub) -> None:
    for _ in range(200):
        assert hints._publisher.publish("1")
        assert _is_heard(heard)


def test_hints_that_redis_has_no_time_to_read_are_left_out_and_none_that_matters_is(
    private_redis: EmbeddedRedis,
) -> None:
    client = redis_client(private_redis.url)
    hints = Hints(client, "test-hints")
    with client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(hints.wake_channel)
        hints.job_ready()
        assert _is_heard(channel)
        with _frozen(client.info("server")["process_id"]):
            for _ in range(100_000):
                hints._publisher.publish("1")
            assert not hints._publisher.publish("1")
        heard = sum(1 for _ in iter(lambda: channel.get_message(timeout=1), None))
        assert 0 < heard < 100_000
        hints.job_ready()
        assert _is_heard(channel)
    client.close()


def test_a_connection_that_redis_has_closed_is_made_anew(
    hints: Hints, heard: redis.client.PubSub, redis_client: redis.Redis
) -> None:
    hints.job_ready()
    assert _is_heard(heard)
    redis_client.client_kill_filter(_type="normal", skipme=True)
    hints.job_ready()
    assert _is_heard(heard)


def test_who_asks_while_another_thread_says_so_does_not_wait_and_is_said_after_it(hints: Hints) -> None:
    said, is_inside, may_go_on = [], threading.Event(), threading.Event()

    def publish(message: str) -> bool:
        said.append(message)
        is_inside.set()
        return may_go_on.wait(10)

    hints._publisher.publish = publish  # type: ignore[method-assign]
    first = threading.Thread(target=hints.job_ready)
    first.start()
    assert is_inside.wait(10)
    hints.job_ready()
    hints.job_ready()
    assert len(said) == 1
    may_go_on.set()
    first.join()
    assert len(said) == 2


def test_without_redis_nothing_is_raised_and_with_it_again_the_next_hint_is_published(
    private_redis: EmbeddedRedis,
) -> None:
    client = redis_client(private_redis.url)
    hints = Hints(client, "test-hints")
    hints.job_ready()
    private_redis.stop()
    hints.job_ready()
    hints.job_ready()
    private_redis.start()
    with client.pubsub() as channel:
        channel.subscribe(hints.wake_channel)
        assert channel.get_message(timeout=2)
        hints.job_ready()
        assert (channel.get_message(timeout=2) or {}).get("type") == "message"
    client.close()


def test_a_child_process_does_not_write_into_its_parents_connection(hints: Hints, heard: redis.client.PubSub) -> None:
    hints.job_ready()
    assert _is_heard(heard)
    if (child := os.fork()) == 0:
        try:
            hints.job_ready()
            os._exit(0 if hints._publisher._socket._pid == os.getpid() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _is_heard(heard)
    hints.job_ready()
    assert _is_heard(heard)


def test_a_child_that_was_forked_while_a_thread_gave_a_hint_gives_its_own(
    hints: Hints, heard: redis.client.PubSub
) -> None:
    with hints._saying:
        if (child := os.fork()) == 0:
            hints.job_ready()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _is_heard(heard)
