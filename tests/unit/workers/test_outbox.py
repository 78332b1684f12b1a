"""Outcomes gather while a commit is away, threads wait when there is no space, and nothing is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from queue import Queue
from uuid import UUID

import pytest

from aeon_jobs.middleware.execution import outbox as module
from aeon_jobs.middleware.execution.outbox import Outbox, Won
from aeon_jobs.persistence.queue import states
from aeon_jobs.persistence.queue.executions import Ended

Answer = Callable[[list[Ended]], Sequence[Won]]


def ended(number: int) -> Ended:
    return Ended(UUID(int=number), 1, datetime(2026, 1, 1, tzinfo=UTC), states.completed(None))


class Commits:
    """Commits that the test answers, one after the other."""

    def __init__(self) -> None:
        self.asked: Queue[list[int]] = Queue()
        self.answers: Queue[Sequence[Won] | Exception] = Queue()

    def __call__(self, batch: list[Ended]) -> Sequence[Won]:
        self.asked.put([entry.job_id.int for entry in batch])
        answer = self.answers.get(timeout=20)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
def outbox(commits: Commits) -> Iterator[Outbox]:
    made = Outbox(commits)
    made.open(threads=4)
    yield made
    made.close()


def put(outbox: Outbox, number: int, settled: Queue[tuple[int, Won]]) -> None:
    outbox.put(ended(number), lambda won: settled.put((number, won)))


def test_what_comes_while_a_commit_is_away_shares_the_next_one(outbox: Outbox, commits: Commits) -> None:
    settled: Queue[tuple[int, Won]] = Queue()
    put(outbox, 1, settled)
    assert commits.asked.get(timeout=20) == [1]
    put(outbox, 2, settled)
    put(outbox, 3, settled)
    assert not outbox.flush(0)
    commits.answers.put([True])
    assert commits.asked.get(timeout=20) == [2, 3]
    commits.answers.put([False, True])
    assert outbox.flush(20)
    assert [settled.get(timeout=20) for _ in range(3)] == [(1, True), (2, False), (3, True)]


def test_a_thread_waits_while_there_is_no_room_and_its_outcome_is_in_the_next_commit(
    outbox: Outbox, commits: Commits
) -> None:
    settled: Queue[tuple[int, Won]] = Queue()
    put(outbox, 1, settled)
    seen = commits.asked.get(timeout=20)
    put(outbox, 2, settled)
    put(outbox, 3, settled)
    fourth = threading.Thread(target=put, args=(outbox, 4, settled))
    fourth.start()
    fourth.join(0.05)
    assert fourth.is_alive()
    commits.answers.put([True])
    while len(seen) < 4:
        batch = commits.asked.get(timeout=20)
        commits.answers.put([True] * len(batch))
        seen += batch
    fourth.join(20)
    assert seen == [1, 2, 3, 4]


def test_an_outcome_whose_job_is_locked_is_tried_again(
    outbox: Outbox, commits: Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_PAUSE_S", 0)
    settled: Queue[tuple[int, Won]] = Queue()
    put(outbox, 1, settled)
    for answer in (None, None, True):
        assert commits.asked.get(timeout=20) == [1]
        commits.answers.put([answer])
    assert settled.get(timeout=20) == (1, True)


def test_an_outcome_that_cannot_be_recorded_stops_no_other(outbox: Outbox, commits: Commits) -> None:
    settled: Queue[tuple[int, Won]] = Queue()
    put(outbox, 1, settled)
    commits.answers.put(RuntimeError("away for good"))
    assert settled.get(timeout=20) == (1, None)
    outbox.put(ended(2), lambda won: 1 / 0)
    commits.answers.put([True])
    assert outbox.flush(20)
    put(outbox, 3, settled)
    commits.answers.put([True])
    assert settled.get(timeout=20) == (3, True)


def test_closing_records_what_is_there(commits: Commits) -> None:
    settled: Queue[tuple[int, Won]] = Queue()
    outbox = Outbox(commits)
    outbox.open(threads=4)
    put(outbox, 1, settled)
    commits.answers.put([True])
    outbox.close()
    assert settled.get(timeout=20) == (1, True)
