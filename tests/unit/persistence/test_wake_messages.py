"""A stream of jobs needs few messages: each that says AGAIN speaks for the jobs of the next moment too."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import redis

from aeon_jobs.persistence import hints as hints_module
from aeon_jobs.persistence.hints import AGAIN, Hints

AGAIN_S = 16.0
"""Of this size the sums are exact."""


class Publisher:
    """Takes down what is said when."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str]] = []
        self.takes = True
        self.error: Exception | None = None

    def publish(self, message: str) -> bool:
        if self.error:
            raise self.error
        if self.takes:
            self.said.append((Clock.now, message))
        return self.takes


class Clock:
    now = 100.0


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def hints(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Hints:
    monkeypatch.setattr(hints_module, "AGAIN_S", AGAIN_S)
    monkeypatch.setattr(hints_module, "time", SimpleNamespace(monotonic=lambda: Clock.now))
    hints = Hints(Mock(redis.Redis), "test")
    hints._publisher = publisher  # type: ignore[assignment]
    return hints


def committed(hints: Hints, *, every_s: float, jobs: int) -> list[float]:
    """When jobs were committed, of each of which a hint was given."""
    times = []
    for _ in range(jobs):
        Clock.now += every_s
        times.append(Clock.now)
        hints.job_ready()
    return times


def test_a_job_now_and_then_is_told_once(hints: Hints, publisher: Publisher) -> None:
    committed(hints, every_s=AGAIN_S, jobs=5)
    assert [message for _, message in publisher.said] == ["1"] * 5


@pytest.mark.parametrize("every_s", [15, 8, 5, 1 / 8])
def test_in_a_stream_each_job_is_committed_before_a_look_that_its_messages_ask_for(
    hints: Hints, publisher: Publisher, every_s: float
) -> None:
    jobs = committed(hints, every_s=every_s, jobs=500)
    looks = [look for when, message in publisher.said for look in (when, when + AGAIN_S * (message == AGAIN))]
    assert all(any(job <= look <= job + AGAIN_S for look in looks) for job in jobs)


def test_in_a_stream_there_is_one_message_in_that_time(hints: Hints, publisher: Publisher) -> None:
    committed(hints, every_s=1, jobs=2 + 16 * 19)
    assert len(publisher.said) == 21


def test_after_a_stream_the_next_job_is_told_at_once(hints: Hints, publisher: Publisher) -> None:
    committed(hints, every_s=AGAIN_S / 4, jobs=50)
    publisher.said.clear()
    committed(hints, every_s=2 * AGAIN_S, jobs=1)
    assert publisher.said == [(Clock.now, "1")]


def test_a_message_that_was_not_sent_speaks_for_nobody(hints: Hints, publisher: Publisher) -> None:
    committed(hints, every_s=AGAIN_S / 10, jobs=1)
    publisher.takes = False
    committed(hints, every_s=AGAIN_S / 10, jobs=2)
    publisher.takes, publisher.error = True, redis.ConnectionError()
    committed(hints, every_s=AGAIN_S / 10, jobs=2)
    publisher.error = None
    committed(hints, every_s=AGAIN_S / 10, jobs=1)
    assert publisher.said[-1] == (Clock.now, AGAIN)
