"""Two services, each with job types and workers of its own, on one queue; and one service with very many queues."""

from __future__ import annotations

import os
from contextlib import ExitStack

from tests import many_queues
from tests.faults.conftest import System
from tests.waiting import wait_for

# The bound of the promise is 2,000 of each; `make faults` sets it.
JOBS = int(os.environ.get("FAULT_JOBS", "500"))
OTHERS = ("-m", "dramatiq", "tests.other_handlers", "-p", "1", "-t", "4")


def test_two_services_on_one_queue_run_their_own_jobs_and_none_is_passed_around(system: System) -> None:
    system.submit("note", JOBS, n=1)
    system.submit("other_note", JOBS, n=2)
    with system.workers(processes=1, threads=4) as ours, system.group(*OTHERS) as others:
        system.wait_until(completed=2 * JOBS)
        logs = ours.log() + others.log()

    dispatches = system.execute(
        "SELECT job_type, max(dispatch_seq) AS most, max(attempt) FROM jobs GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in dispatches] == [("note", 1, 1), ("other_note", 1, 1)]
    ran_by = system.execute(
        "SELECT DISTINCT job_type, w.job_types FROM jobs JOIN workers w ON w.id = worker_id ORDER BY job_type"
    )
    assert ["note" in row.job_types for row in ran_by] == [True, False]
    assert len(system.effects()) == 2 * JOBS
    assert "Traceback" not in logs
    assert "error" not in logs.lower()


def test_jobs_of_a_service_that_is_down_keep_nobody_elses_waiting(system: System) -> None:
    """Its backlog is older and more urgent than all others'."""
    system.submit("other_note", JOBS)
    system.execute("UPDATE jobs SET priority = 100")
    system.submit("note", 50)
    with system.workers(processes=1, threads=4):
        system.wait_until(completed=50, pending=JOBS)
        with system.group(*OTHERS):
            system.wait_until(completed=50 + JOBS)
    assert system.execute("SELECT max(dispatch_seq) AS most FROM jobs")[0].most == 1


def test_each_service_keeps_the_order_of_priority_and_starts_beside_the_other(system: System) -> None:
    with system.ours("dispatcher"), ExitStack() as stack:
        # The only one: what two dispatchers send at the same time may arrive in another order.
        wait_for(lambda: system.execute("SELECT 1 FROM workers WHERE kind = 'dispatcher'"), "the dispatcher")
        stack.enter_context(system.workers(processes=1, threads=1))
        stack.enter_context(system.group(*OTHERS))
        system.wait_for_job_type("note")
        system.wait_for_job_type("other_note")
        system.execute(
            "INSERT INTO jobs (job_type, payload, priority) SELECT CASE n % 2 WHEN 0 THEN 'nap' ELSE 'other_note' END,"
            " CASE n % 2 WHEN 0 THEN jsonb_build_object('seconds', 0.03) ELSE '{}' END,"
            " CASE n % 2 WHEN 0 THEN 90 - n / 4 ELSE 0 END FROM generate_series(0, 199) AS n ORDER BY n DESC"
        )
        system.wait_until(completed=200)

    started = system.execute("SELECT job_type, priority, started_at FROM jobs ORDER BY started_at")
    priorities = [row.priority for row in started if row.job_type == "nap"]
    ideal = sorted(priorities, reverse=True)
    # Up to a window of 4 jobs of one thread may be sent already when others are.
    assert [p for place, p in enumerate(priorities) if p not in ideal[max(0, place - 5) : place + 6]] == []
    first = [row.job_type for row in started].index("other_note")
    assert first < 100, "the jobs of one service waited for all jobs of the other"


def test_a_worker_of_a_thousand_queues_has_one_consumer(system: System) -> None:
    def commands() -> int:
        """Of all tests that used this server."""
        return int(system.redis.info("stats")["total_commands_processed"])

    before = commands()
    with system.group("-m", "dramatiq", "tests.many_queues", "-p", "1", "-t", "4") as group:
        system.wait_for_job_type(f"in_queue_{many_queues.COUNT - 1}")
        system.execute(
            "INSERT INTO jobs (job_type) SELECT 'in_queue_' || n FROM generate_series(0, :last) AS n",
            last=many_queues.COUNT - 1,
        )
        system.wait_until(completed=many_queues.COUNT)
        threads = sum(process.num_threads() for process in group.processes())
        needed = commands() - before
        lanes = system.lanes()

    assert len(lanes) == 1
    assert threads < 100, "a thread for each queue"
    assert needed < 100 * many_queues.COUNT, "each queue is asked for"


def test_the_last_worker_of_a_kind_that_leaves_gives_its_jobs_to_others_that_know_them(system: System) -> None:
    """A deploy: the new workers know one job type more, so they are of another kind."""
    system.submit("nap", 40, seconds=0.2)
    old = ("-m", "dramatiq", "tests.handlers", "-p", "1", "-t", "4")
    with system.group(*old) as leaving:
        wait_for(lambda: len(system.effects()) > 4, "some ran")
        with system.group("-m", "dramatiq", "tests.handlers", "tests.other_handlers", "-p", "1", "-t", "4"):
            leaving.stop()
            system.wait_until(completed=40)
    assert len(system.effects()) == 40
