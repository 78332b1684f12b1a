"""`isolation="process"`: handlers that can be killed for real."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from tests.faults.conftest import System
from tests.group import Group
from tests.waiting import wait_for

MODULES = ("tests.handlers", "tests.isolated_handlers")


@pytest.fixture
def group(system: System) -> Iterator[Group]:
    with system.workers(processes=1, threads=2, modules=MODULES, JOB_INTERRUPT_GRACE="400") as group:
        yield group


def insert(system: System, job_type: str, payload: str = "{}", timeout_ms: int = 3_000) -> None:
    system.execute(
        "INSERT INTO jobs (job_type, payload, timeout_ms, max_retries) VALUES (:type, CAST(:payload AS jsonb), :ms, 0)",
        type=job_type,
        payload=payload,
        ms=timeout_ms,
    )


def pid_of(system: System) -> int:
    """The process id that the handler wrote down."""

    def look() -> str:
        return next((word for word in system.effects_log.read_text().split() if word.startswith("pid-")), "")

    return int(wait_for(look, "the handler wrote its pid").removeprefix("pid-"))


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_isolated_handler_runs_elsewhere_and_answers(system: System, group: Group) -> None:
    insert(system, "isolated", '{"n": 7}', 30_000)
    system.wait_until(completed=1)

    ((result, progress),) = system.execute("SELECT result, progress FROM jobs")
    assert (result["n"], result["attempt"]) == (7, 1)
    assert result["pid"] not in [process.pid for process in group.processes()[:2]]
    assert progress == {"fraction": 1, "message": "done"}


def test_its_errors_come_back_as_what_they_are(system: System, group: Group) -> None:
    insert(system, "isolated_failure", timeout_ms=30_000)
    system.wait_until(failed=1)

    ((reason, error_type, message, traceback),) = system.execute(
        "SELECT reason, error_type, error_message, traceback FROM dead_letter_jobs"
    )
    assert (reason, error_type, message) == ("permanent", "LookupError", "nothing there")
    assert "in isolated_failure" in traceback


def test_an_endless_c_loop_that_ignores_signals_is_killed(system: System, group: Group) -> None:
    insert(system, "spin")
    pid = pid_of(system)
    system.wait_until(failed=1)

    assert system.execute("SELECT reason FROM dead_letter_jobs")[0].reason == "timeout"
    wait_for(lambda: is_gone(pid), "the process is gone")
    system.submit("note", 4)
    system.wait_until(failed=1, completed=4)


def test_its_own_children_die_with_it(system: System, group: Group) -> None:
    insert(system, "parent")
    pid = pid_of(system)
    system.wait_until(failed=1)

    wait_for(lambda: is_gone(pid), "the grandchild is gone")


def test_a_crash_in_the_child_is_a_failed_attempt_and_no_more(system: System, group: Group) -> None:
    insert(system, "crash", timeout_ms=30_000)
    system.wait_until(failed=1)

    ((error_type, message),) = system.execute("SELECT error_type, error_message FROM dead_letter_jobs")
    assert error_type == "ChildDied"
    assert "SIGSEGV" in message
    assert len(group.processes()) >= 2


def test_a_worker_killed_with_minus_nine_takes_its_isolated_children_along(system: System) -> None:
    insert(system, "spin", timeout_ms=600_000)
    with system.workers(processes=1, threads=1, modules=MODULES) as group:
        pid = pid_of(system)
        group.processes()[1].kill()
        wait_for(lambda: is_gone(pid), "the child is gone")
