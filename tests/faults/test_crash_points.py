"""Killed between any two steps that cannot be one: every job completes, and nothing is doubled that must not be."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from aeon_jobs.persistence.core.crash_points import POINTS
from tests.faults.conftest import System
from tests.group import Group
from tests.waiting import wait_for

QUICK = {"WORKER_LOCK_DURATION": "1500", "WORKER_HEARTBEAT_INTERVAL": "300"}
JOBS = 12

IN_DISPATCHER = ["dispatch.committed", "dispatch.pushed", "epoch.filled"]
IN_WORKER = ["fetch.taken", "claim.committed", "handler.ended", "record.committed"]
IN_TRANSACTION = ["transaction.recorded", "transaction.committed"]
IN_REAPING = ["reaping.rescued", "reaping.taken_back"]
IN_ABANDONED_LANES = ["lane.taken_back"]
IN_SCHEDULER = ["schedule.submitted"]
IN_WORKFLOW = ["workflow.added"]
IN_PRODUCER = ["submit.stored", "submit.copied", "submit.committed"]

RUNS_TWICE = {"handler.ended"}
"""The work is done and nobody knows: the one place where a handler that is not transactional runs again."""


def test_every_crash_point_is_tried_here() -> None:
    groups = IN_DISPATCHER, IN_WORKER, IN_TRANSACTION, IN_REAPING, IN_ABANDONED_LANES
    groups += IN_WORKFLOW, IN_SCHEDULER, IN_PRODUCER
    assert sorted(point for group in groups for point in group) == sorted(POINTS)


@pytest.mark.parametrize("point", IN_DISPATCHER)
def test_a_dispatcher_that_dies_loses_and_doubles_nothing(system: System, point: str) -> None:
    with system.ours("dispatcher", AEON_CRASH=point) as dispatcher:
        # Else a worker has the role, and may dispatch everything before it gives the role back.
        registered = "SELECT 1 FROM workers WHERE kind = 'dispatcher'"
        wait_for(lambda: not dispatcher.is_alive or system.execute(registered), "the dispatcher has the role")
        with system.workers(processes=1, threads=2, **QUICK):
            system.submit("note", JOBS)
            _wait_for_crash(dispatcher)
            # No other is started: the worker takes the role.
            system.wait_until(completed=JOBS)

    assert _runs(system) == Counter({1: JOBS})


@pytest.mark.parametrize("point", IN_WORKER)
def test_a_worker_that_dies_repeats_at_most_what_it_had_in_hand(system: System, point: str) -> None:
    system.submit("note", JOBS)
    with system.workers(processes=1, threads=1, AEON_CRASH=f"{point}:3", **QUICK) as doomed:
        _wait_for_crash(doomed)
    with system.workers(processes=1, threads=2, **QUICK):
        system.wait_until(completed=JOBS)

    twice = 1 if point in RUNS_TWICE else 0
    assert _runs(system) == Counter({1: JOBS - twice}) + Counter({2: twice})
    assert _completions(system) == Counter({1: JOBS})


@pytest.mark.parametrize("point", IN_TRANSACTION)
def test_a_transactional_handler_that_dies_has_its_effect_exactly_once(system: System, point: str) -> None:
    system.execute("CREATE TABLE bookings (job_id uuid, attempt integer)")
    system.submit("booking", JOBS)
    with system.workers(processes=1, threads=1, AEON_CRASH=f"{point}:3", **QUICK) as doomed:
        _wait_for_crash(doomed)
    with system.workers(processes=1, threads=2, **QUICK):
        system.wait_until(completed=JOBS)

    booked = system.execute("SELECT job_id, count(*) FROM bookings GROUP BY 1")
    assert Counter(row.count for row in booked) == Counter({1: JOBS})
    assert _completions(system) == Counter({1: JOBS})


@pytest.mark.parametrize("point", IN_REAPING)
def test_a_process_that_dies_while_it_frees_jobs_leaves_the_rest_to_the_next(system: System, point: str) -> None:
    # The leases are long, and the jobs were fetched and not claimed: only who finds the worker dead frees them in time.
    system.submit("nap", JOBS, seconds=0.3)
    with system.workers(processes=1, threads=4, AEON_CRASH="fetch.taken:2") as dead:
        _wait_for_crash(dead)
    with system.ours("dispatcher", AEON_CRASH=point) as dispatcher:
        _wait_for_crash(dispatcher)
    with system.workers(processes=1, threads=4):
        system.wait_until(completed=JOBS, timeout_s=15)

    assert _completions(system) == Counter({1: JOBS})


@pytest.mark.parametrize("point", IN_ABANDONED_LANES)
def test_a_dispatcher_that_dies_while_it_empties_a_lane_leaves_the_rest_to_the_next(system: System, point: str) -> None:
    """The new workers know other job types than the old ones: what waited for the old ones goes to the new ones."""
    system.submit("nap", JOBS, seconds=0.3)
    with system.workers(processes=1, threads=2) as old:
        system.wait_for_running(2)
        old.kill()
    assert system.statuses()["queued"] > 0
    with system.ours("dispatcher", AEON_CRASH=point) as dispatcher:
        _wait_for_crash(dispatcher)
    with system.group("-m", "dramatiq", "tests.handlers", "-p", "1", "-t", "2") as new:
        system.wait_until(completed=JOBS, timeout_s=30)
        assert new.is_alive

    assert _completions(system) == Counter({1: JOBS})
    assert system.unacked() == 0


@pytest.mark.parametrize("point", IN_SCHEDULER)
def test_a_tick_that_dies_half_way_makes_each_moment_one_job(system: System, point: str) -> None:
    with system.workers(processes=1, threads=1, **QUICK):
        system.wait_for_job_type("note")
    system.schedule("note", due_times=5)
    with system.ours("scheduler", AEON_CRASH=point) as doomed:
        _wait_for_crash(doomed)
    assert system.execute("SELECT 1 FROM jobs") == []
    with system.workers(processes=1, threads=2, **QUICK), system.ours("scheduler"):
        wait_for(lambda: system.execute("SELECT 1 FROM job_schedules WHERE last_run_at IS NOT NULL"), "the tick", 80)
        wait_for(lambda: set(system.statuses()) == {"completed"}, "all ran")

    moments = system.execute("SELECT count(*), count(DISTINCT schedule_run_at) AS moments FROM jobs")[0]
    assert moments.count == moments.moments >= 5
    assert _runs(system) == Counter({1: moments.count})


PRODUCER_OF_STEPS = """
from aeon_jobs import Workflow
from tests.handlers import joined, split
Workflow("crash").add("split", split.job(parts=3)).add("join", joined.job(), deps=["split"]).submit()
"""


@pytest.mark.parametrize("plan", ["workflow.added:2", "handler.ended:1", "record.committed:1"])
def test_a_worker_that_dies_in_a_workflow_leaves_its_steps_to_the_next(system: System, plan: str) -> None:
    """Between two steps that it adds; before the record that releases what waits; after it."""
    with system.group("-c", PRODUCER_OF_STEPS) as producer:
        assert producer.wait() == 0
    with system.workers(processes=1, threads=1, AEON_CRASH=plan, **QUICK) as doomed:
        _wait_for_crash(doomed)
    with system.workers(processes=1, threads=2, **QUICK):
        system.wait_until(completed=5)

    assert _completions(system) == Counter({1: 5})
    ((result,),) = system.execute("SELECT result FROM jobs WHERE step_name = 'join'")
    assert result == {"part-0": 0, "part-1": 1, "part-2": 2, "split": None}
    began = "(SELECT started_at FROM jobs WHERE step_name = 'join')"
    assert system.execute(f"SELECT 1 FROM jobs WHERE step_name <> 'join' AND completed_at > {began}") == []


PRODUCER = """
from tests.handlers import note
parent = note.send_with_options(kwargs={"n": 1}, idempotency_key="parent", idempotency_window_s=60)
note.send_with_options(kwargs={"n": 2}, idempotency_key="child", idempotency_window_s=60, depends_on=[parent])
"""

PRODUCER_OF_MANY = """
from aeon_jobs.persistence.queue.batches import PORTION
from tests.handlers import note
note.send_many({"n": n} for n in range(2 * PORTION + 1))
"""


@pytest.mark.parametrize(("passage", "stored"), [(1, 1), (2, 1)])
def test_a_producer_that_dies_before_its_commit_may_just_send_again(system: System, passage: int, stored: int) -> None:
    """The first is a single statement, which is its own commit; the second, with a dependency, a transaction."""
    _send(system, f"submit.stored:{passage}")
    assert system.statuses() == {"pending": stored}
    _send_again(system)


@pytest.mark.parametrize("passage", [1, 2])
def test_a_producer_that_dies_before_its_answer_may_just_send_again(system: System, passage: int) -> None:
    _send(system, f"submit.committed:{passage}")
    assert system.statuses() == {"pending": passage}
    _send_again(system)


def test_a_producer_that_dies_between_two_portions_of_many_has_stored_none(system: System) -> None:
    _send(system, "submit.copied:2", PRODUCER_OF_MANY)
    assert system.statuses() == {}


def _send(system: System, plan: str, code: str = PRODUCER) -> None:
    with system.group("-c", code, AEON_CRASH=plan) as producer:
        assert producer.wait() == -signal.SIGKILL


def _send_again(system: System) -> None:
    with system.group("-c", PRODUCER) as producer:
        assert producer.wait() == 0
    assert system.statuses() == {"pending": 2}
    with system.workers(processes=1, threads=2, **QUICK):
        system.wait_until(completed=2)
    assert _runs(system) == Counter({1: 2})


def _wait_for_crash(group: Group) -> None:
    wait_for(lambda: not group.is_alive, "it crashed", 60)


def _runs(system: System) -> Counter[int]:
    """How many jobs had their effect how often."""
    return Counter(system.effects().values())


def _completions(system: System) -> Counter[int]:
    completions = system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'completed' GROUP BY job_id")
    return Counter(row.count for row in completions)
