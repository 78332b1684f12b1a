"""`isolation="process"`: handlers that can be killed for real."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from tests.faults.conftest import Site
from tests.group import Group
from tests.waiting import wait_for


@pytest.fixture
def group(site: Site) -> Iterator[Group]:
    with site.workers(processes=1, threads=2, JOB_INTERRUPT_GRACE="400") as group:
        yield group


def insert(site: Site, job_type: str, payload: str = "{}", timeout_ms: int = 3_000) -> None:
    site.execute(
        "INSERT INTO jobs (job_type, payload, timeout_ms, max_retries) VALUES (:type, CAST(:payload AS jsonb), :ms, 0)",
        type=job_type,
        payload=payload,
        ms=timeout_ms,
    )


def pid_of(site: Site) -> int:
    """The process id that the handler wrote down."""

    def look() -> str:
        return next((word for word in site.effects_log.read_text().split() if word.startswith("pid-")), "")

    return int(wait_for(look, "the handler wrote its pid").removeprefix("pid-"))


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_isolated_handler_runs_elsewhere_and_answers(site: Site, group: Group) -> None:
    insert(site, "isolated", '{"n": 7}', 30_000)
    site.wait_until(completed=1)

    ((result, progress),) = site.execute("SELECT result, progress FROM jobs")
    assert (result["n"], result["attempt"]) == (7, 1)
    assert result["pid"] not in [process.pid for process in group.processes()[:2]]
    assert progress == {"fraction": 1, "message": "done"}


def test_its_errors_come_back_as_what_they_are(site: Site, group: Group) -> None:
    insert(site, "isolated_failure", timeout_ms=30_000)
    site.wait_until(failed=1)

    ((reason, error_type, message, traceback),) = site.execute(
        "SELECT reason, error_type, error_message, traceback FROM dead_letter_jobs"
    )
    assert (reason, error_type, message) == ("permanent", "LookupError", "nothing there")
    assert "in isolated_failure" in traceback


def test_an_endless_c_loop_that_ignores_signals_is_killed(site: Site, group: Group) -> None:
    insert(site, "spin")
    pid = pid_of(site)
    site.wait_until(failed=1)

    assert site.execute("SELECT reason FROM dead_letter_jobs")[0].reason == "timeout"
    wait_for(lambda: is_gone(pid), "the process is gone")
    site.submit("note", 4)
    site.wait_until(failed=1, completed=4)


def test_its_own_children_die_with_it(site: Site, group: Group) -> None:
    insert(site, "parent")
    pid = pid_of(site)
    site.wait_until(failed=1)

    wait_for(lambda: is_gone(pid), "the grandchild is gone")


def test_a_crash_in_the_child_is_a_failed_attempt_and_no_more(site: Site, group: Group) -> None:
    insert(site, "crash", timeout_ms=30_000)
    site.wait_until(failed=1)

    ((error_type, message),) = site.execute("SELECT error_type, error_message FROM dead_letter_jobs")
    assert error_type == "ChildDied"
    assert "SIGSEGV" in message
    assert len(group.processes()) >= 2


def test_a_worker_killed_with_minus_nine_takes_its_isolated_children_along(site: Site) -> None:
    insert(site, "spin", timeout_ms=600_000)
    with site.workers(processes=1, threads=1) as group:
        pid = pid_of(site)
        group.processes()[1].kill()
        wait_for(lambda: is_gone(pid), "the child is gone")
