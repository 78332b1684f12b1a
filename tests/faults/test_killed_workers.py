"""Workers that are killed, frozen and restarted, with nothing else started: a bare dramatiq group."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from aeon_jobs.persistence.queue import jobs, workflows
from aeon_jobs.persistence.queue.submissions import NewJob
from aeon_jobs.persistence.queue.workflows import Callback, NewWorkflow
from tests.faults.conftest import System
from tests.waiting import wait_for


def test_a_bare_group_runs_jobs_that_psql_inserted(system: System) -> None:
    system.submit("note", 20, n=1)

    with system.workers():
        system.wait_until(completed=20)

    assert set(system.effects().values()) == {1}


def test_killing_a_worker_process_amid_two_thousand_jobs_loses_and_doubles_nothing(system: System) -> None:
    system.submit("note", 2_000)
    with system.workers() as group:
        wait_for(lambda: len(system.effects()) > 200, "some ran")
        group.processes()[-1].kill()
        group.kill()
    with system.workers():
        system.wait_until(completed=2_000)

    assert len(system.effects()) == 2_000
    completions = system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'completed' GROUP BY job_id")
    assert {row.count for row in completions} == {1}
    # Every run that had its effect and no record is in the history as lost.
    lost = system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'lost'")[0].count
    assert sum(system.effects().values()) <= 2_000 + lost


def test_interrupted_jobs_run_again_at_once_after_a_restart(system: System) -> None:
    long_leases = {"WORKER_LOCK_DURATION": "300000"}
    system.submit("nap", 8, seconds=2)
    with system.workers(threads=4, **long_leases) as group:
        system.wait_for_running(4)
        group.kill()
    # Not the lease, which has minutes to go, but the death itself frees the jobs.
    assert system.execute(
        "SELECT min(lease_expires_at) > now() + interval '200 s' AS far FROM jobs WHERE status = 'running'"
    )[0].far
    with system.workers(threads=4, **long_leases):
        system.wait_until(completed=8)

    assert system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'lost'")[0].count >= 4
    assert system.execute("SELECT 1 FROM dead_letter_jobs") == []


def test_a_frozen_worker_that_continues_changes_nothing(system: System) -> None:
    quick = {"WORKER_LOCK_DURATION": "1500", "WORKER_HEARTBEAT_INTERVAL": "300"}
    system.submit("nap", 4, seconds=1)
    with system.workers(processes=1, threads=4, **quick) as frozen:
        system.wait_for_running(4)
        frozen.signal(signal.SIGSTOP)
        with system.workers(processes=1, threads=4, **quick):
            system.wait_until(completed=4)
            finished = system.execute("SELECT id, attempt, completed_at, updated_at FROM jobs ORDER BY id")
            frozen.signal(signal.SIGCONT)
            wait_for(
                lambda: (
                    system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'superseded'")[0].count == 4
                ),
                "the zombies were told",
            )

    assert system.execute("SELECT id, attempt, completed_at, updated_at FROM jobs ORDER BY id") == finished
    outcomes = system.execute("SELECT outcome, count(*) FROM job_executions GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in outcomes] == [("completed", 4), ("lost", 4), ("superseded", 4)]


def test_a_job_that_kills_its_workers_is_dead_lettered_as_poison(system: System) -> None:
    system.submit("kills_its_process", 1)

    for life in (1, 2, 3):
        with system.workers(processes=1, threads=1):
            wait_for(lambda life=life: sum(system.effects("began").values()) == life, f"run number {life}")  # type: ignore[misc]
    with system.workers(processes=1, threads=1):
        system.wait_until(failed=1)

    assert sum(system.effects("began").values()) == 3
    ((reason, attempts, message),) = system.execute("SELECT reason, attempts, error_message FROM dead_letter_jobs")
    assert (reason, attempts) == ("poison", 3)
    assert "3 workers died" in message


def test_a_stuck_thread_is_settled_and_stops_nobody_else(system: System, pipe: Path) -> None:
    system.submit("blocked_until", 1, pipe=str(pipe))
    system.execute("UPDATE jobs SET timeout_ms = 1000, max_retries = 0")
    with system.workers(processes=1, threads=2, is_traced=False, JOB_INTERRUPT_GRACE="300"):
        system.wait_until(failed=1)
        system.submit("note", 10)
        system.wait_until(completed=10, failed=1)
        assert system.execute("SELECT reason FROM dead_letter_jobs")[0].reason == "timeout"
        pipe.open("w").close()


def test_a_handler_that_ignores_its_cancellation_loses_its_job(system: System, pipe: Path) -> None:
    system.submit("blocked_until", 1, pipe=str(pipe))
    with system.workers(processes=1, threads=2, is_traced=False, JOB_INTERRUPT_GRACE="300"):
        system.wait_for_running(1)
        ((job_id,),) = system.execute("SELECT id FROM jobs")
        with system.database.connection() as connection:
            jobs.cancel(connection, job_id, "enough")
        system.redis.set(f"job:cancel:{job_id}", "1")
        system.wait_until(cancelled=1)
        pipe.open("w").close()

    assert system.execute("SELECT outcome FROM job_executions")[0].outcome == "cancelled"


def test_a_process_whose_threads_are_all_stuck_is_replaced(system: System) -> None:
    system.execute(
        """INSERT INTO jobs (job_type, payload, timeout_ms, max_retries)
           SELECT 'blocked', '{"seconds": 600}', 1000, 0 FROM generate_series(1, 2)"""
    )
    with system.workers(processes=1, threads=2, is_traced=False, JOB_INTERRUPT_GRACE="300") as group:
        system.wait_until(failed=2)
        # Its supervisor starts the group again; this one has none.
        wait_for(lambda: not group.processes() or group.processes()[0].status() == "zombie", "the group ended")

    system.submit("note", 3)
    with system.workers(processes=1, threads=2):
        system.wait_until(failed=2, completed=3)


def test_a_term_lets_running_jobs_finish_and_gives_the_rest_back(system: System) -> None:
    system.submit("nap", 30, seconds=0.5)
    with system.workers(processes=1, threads=4) as group:
        system.wait_for_running(4)
        assert group.stop() == 0
    statuses = system.statuses()
    assert "running" not in statuses
    with system.workers(processes=1, threads=8):
        system.wait_until(completed=30)

    assert set(system.effects("began").values()) == {1}
    assert system.execute("SELECT 1 FROM jobs WHERE worker_deaths > 0 OR retry_count > 0") == []


def test_fewer_than_two_handlers_for_each_thread_run_again_when_a_worker_is_killed_before_their_records(
    system: System,
) -> None:
    """A thread leaves an outcome and goes on, until there is no room; then it waits."""
    threads, jobs = 4, 40
    system.submit("note", jobs)
    with system.workers(processes=1, threads=threads) as group:
        with system.database.transaction() as rival:
            # Claims go on, and no record does.
            rival.exec_driver_sql("LOCK TABLE job_executions IN SHARE MODE")
            most = 2 * threads - 1
            wait_for(lambda: len(system.effects()) == most, f"{most} handlers ended")
            # What was claimed and cannot begin is given back: only those that wait for their records are left.
            wait_for(lambda: system.statuses().get("running") == most, "nothing else is held")
            group.kill()
            waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            wait_for(lambda: not system.execute(waiting), "the last try to record has ended too")
        ended = system.effects()
    assert Counter(ended.values()) == {1: most}
    with system.workers(processes=1, threads=threads):
        system.wait_until(completed=jobs)
    assert Counter(system.effects().values()) == {1: jobs - most, 2: most}
    completions = system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'completed' GROUP BY job_id")
    assert [row.count for row in completions] == [1] * jobs


def test_a_second_term_ends_a_group_at_once_and_its_jobs_are_freed(system: System) -> None:
    system.submit("nap", 2, seconds=600)
    with system.workers(processes=1, threads=2) as group:
        system.wait_for_running(2)
        group.processes()[0].terminate()
        wait_for(lambda: "given_back" in group.log(), "it is stopping")
        group.processes()[0].terminate()
        group.wait()
    with system.ours("dispatcher"):
        system.wait_until(pending=2)


def test_a_job_that_outlives_the_time_of_a_shutdown_is_given_back_by_the_worker_itself(system: System) -> None:
    system.submit("nap", 2, seconds=600)
    command = [
        "-m",
        "dramatiq",
        "aeon_jobs.actors",
        "tests.handlers",
        "-p",
        "1",
        "-t",
        "2",
        "--worker-shutdown-timeout",
        "100",
    ]
    with system.group(*command) as group:
        system.wait_for_running(2)
        assert group.stop() == 0
    assert system.statuses() == {"pending": 2}
    system.execute("""UPDATE jobs SET payload = '{"seconds": 0}'""")
    with system.workers(processes=1, threads=2):
        system.wait_until(completed=2)

    outcomes = system.execute("SELECT outcome, count(*) FROM job_executions GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in outcomes] == [("completed", 2), ("released", 2)]
    assert system.execute("SELECT 1 FROM jobs WHERE worker_deaths > 0 OR retry_count > 0") == []


def test_the_role_goes_to_a_dispatcher_process_and_comes_back_when_that_dies(system: System) -> None:
    def helper_is(state: str) -> bool:
        sql = "SELECT 1 FROM workers WHERE kind = 'dispatcher' AND threads > 0 AND state = :state"
        return bool(system.execute(sql, state=state))

    with system.workers(processes=1, threads=2):
        wait_for(lambda: helper_is("running"), "the worker dispatches")
        with system.ours("dispatcher") as dispatcher:
            wait_for(lambda: helper_is("stopped"), "the worker gave the role back")
            system.submit("note", 5)
            system.wait_until(completed=5)
            dispatcher.kill()
            wait_for(lambda: helper_is("running"), "the worker has the role again")
        system.submit("note", 5)
        system.wait_until(completed=10)

    assert set(system.effects().values()) == {1}


def test_a_worker_whose_master_was_killed_ends_itself(system: System) -> None:
    with system.workers(processes=1, threads=1) as group:
        wait_for(lambda: system.execute("SELECT 1 FROM workers WHERE kind = 'worker'"), "the worker is up")
        master, *below = group.processes()
        os.kill(master.pid, signal.SIGKILL)
        wait_for(
            lambda: not [process for process in below if process.is_running() and process.status() != "zombie"],
            "the orphans ended",
        )


def test_a_limit_holds_while_workers_are_killed_and_the_places_of_the_dead_are_given_to_others(system: System) -> None:
    jobs = 45
    with system.workers(processes=1, threads=4) as group:
        system.wait_for_job_type("few")
        system.submit("few", jobs, seconds=60)
        system.wait_for_running(3)
        group.kill()
    system.execute("""UPDATE jobs SET payload = '{"seconds": 0.05}'""")
    with system.workers(processes=1, threads=4) as group, system.workers(processes=1, threads=4):
        wait_for(lambda: len(system.effects()) > jobs / 3, "the places of the dead were given to others")
        group.kill()
        system.wait_until(completed=jobs)

    assert system.most_at_once() == 3
    assert system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'lost'")[0].count >= 3


def test_a_loop_whose_worker_is_killed_goes_on_from_its_cursor_and_its_batch_calls_back_once(system: System) -> None:
    upto, checkpoint = 100, "SELECT (checkpoint ->> '')::integer AS done FROM jobs WHERE job_type = 'counts'"
    with system.workers(processes=1, threads=2) as group:
        system.wait_for_job_type("counts")
        with system.database.transaction() as connection:
            new = NewWorkflow(name="import", kind="batch", on_finished=Callback("note", {"n": 1}))
            batch, _ = workflows.create(connection, new)
            loop = NewJob(job_type="counts", payload={"upto": upto, "seconds": 0.03}, workflow_id=batch.id)
            loop_id = jobs.submit(connection, loop).id
            for _ in range(3):
                jobs.submit(connection, NewJob(job_type="note", workflow_id=batch.id))
            workflows.close(connection, batch.id)
        # The first cursor is stored at once, the second one a second later.
        wait_for(lambda: (system.execute(checkpoint)[0].done or 0) > 5, "a cursor is stored")
        group.kill()
    ((done,),) = system.execute(checkpoint)
    with system.workers(processes=1, threads=2):
        system.wait_until(completed=1 + 3 + 1)

    lines = (line.split() for line in system.effects_log.read_text().splitlines())
    did = [(int(attempt), what) for job_id, attempt, what in lines if job_id == str(loop_id)]
    assert [what for attempt, what in did if attempt == 2] == [f"did-{n}" for n in range(done, upto)]
    assert {what for _, what in did} == {f"did-{n}" for n in range(upto)}
    ended = "SELECT state, total, completed FROM workflows"
    assert [tuple(row) for row in system.execute(ended)] == [("completed", 4, 4)]
    called_back = "SELECT metadata -> 'workflow' ->> 'state' AS state FROM jobs WHERE workflow_id IS NULL"
    assert [row.state for row in system.execute(called_back)] == ["completed"]
