"""Many threads, few statements; a thread alone pays nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from aeon_jobs.middleware.execution import group_commit
from aeon_jobs.middleware.execution.group_commit import GroupCommit
from tests.waiting import wait_for


def test_what_gathers_while_the_leader_is_away_is_one_statement():
    batches: list[list[int]] = []
    go_on = Event()

    def commit(items: list[int]) -> list[int]:
        batches.append(items)
        assert go_on.wait(10)
        return [item * 10 for item in items]

    commits = GroupCommit(commit)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(commits.submit, 0)
        wait_for(lambda: batches, "the first leads")
        others = [pool.submit(commits.submit, n) for n in range(1, 8)]
        wait_for(lambda: len(commits._waiting) == 7, "the others gather")
        go_on.set()
        assert first.result(10) == 0
        assert [other.result(10) for other in others] == [n * 10 for n in range(1, 8)]
    assert [sorted(batch) for batch in batches] == [[0], [1, 2, 3, 4, 5, 6, 7]]


def test_an_error_reaches_everybody_of_the_batch_and_nobody_of_the_next():
    def commit(items: list[str]) -> list[str]:
        if "bad" in items:
            raise ValueError("refused")
        return items

    commits = GroupCommit(commit)
    with pytest.raises(ValueError, match="refused"):
        commits.submit("bad")
    assert commits.submit("good") == "good"


def test_a_thread_alone_waits_for_nobody(monkeypatch):
    monkeypatch.setattr(group_commit, "PAUSE_S", 60)
    commits = GroupCommit[int, int](lambda items: items)
    began = time.monotonic()
    assert [commits.submit(n) for n in range(3)] == [0, 1, 2]
    assert time.monotonic() - began < 30
