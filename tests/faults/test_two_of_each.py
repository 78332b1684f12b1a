"""No process is the only one of its kind: two of each at once, and one after the other under load."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

from tests.faults.conftest import System
from tests.waiting import wait_for

JOBS = 300
LOAD = 80


def test_two_dispatchers_at_once_have_every_job_run_once(system: System) -> None:
    system.submit("note", JOBS)
    with ExitStack() as stack:
        first, second = (stack.enter_context(system.ours("dispatcher", WORKER_ID=f"d{n}")) for n in range(2))
        stack.enter_context(system.workers(processes=2, threads=4))
        system.wait_until(completed=JOBS)
        assert first.is_alive
        assert second.is_alive

    assert Counter(system.effects().values()) == {1: JOBS}
    # Each claim was of the job's one dispatch: neither dispatcher took what the other had.
    assert system.execute("SELECT 1 FROM jobs WHERE dispatch_seq <> 1 OR attempt <> 1") == []


def test_two_schedulers_at_once_make_each_moment_one_job(system: System) -> None:
    with ExitStack() as stack:
        stack.enter_context(system.workers(processes=2, threads=2))
        system.wait_for_job_type("note")
        system.schedule("note", due_times=20)
        for number in range(2):
            stack.enter_context(system.ours("scheduler", WORKER_ID=f"s{number}"))
        wait_for(lambda: system.execute("SELECT 1 FROM job_schedules WHERE last_run_at IS NOT NULL"), "the tick", 80)
        wait_for(lambda: set(system.statuses()) == {"completed"}, "all ran")

    jobs = system.execute("SELECT count(*), count(DISTINCT schedule_run_at) AS moments FROM jobs")[0]
    assert jobs.count == jobs.moments >= 20
    assert Counter(system.effects().values()) == {1: jobs.count}


def test_a_rolling_restart_under_load_loses_and_repeats_nothing(system: System) -> None:
    with ExitStack() as stack:
        dispatchers = [stack.enter_context(system.ours("dispatcher", WORKER_ID=f"d{n}")) for n in range(2)]
        groups = [stack.enter_context(system.workers(processes=1, threads=4, WORKER_ID=f"w{n}")) for n in range(2)]
        rolled = (*groups, *dispatchers)
        for group in rolled:
            before = len(system.effects("began"))
            system.submit("nap", LOAD, seconds=0.05)
            wait_for(lambda before=before: len(system.effects("began")) > before + 10, "work goes on")  # type: ignore[misc]
            assert group.stop() == 0
            group.start()
        system.wait_until(completed=LOAD * len(rolled))

    assert Counter(system.effects("began").values()) == {1: LOAD * len(rolled)}
    assert Counter(system.effects().values()) == {1: LOAD * len(rolled)}
    outcomes = system.execute("SELECT outcome, count(*) FROM job_executions GROUP BY 1")
    assert [tuple(row) for row in outcomes] == [("completed", LOAD * len(rolled))]
