"""What the supervisor decides, nothing started: when to restart, what runs, in which order it stops."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.ops import worker
from aeon_jobs.ops.programs import StopRank, programs
from aeon_jobs.ops.restart import Deaths, RestartPolicy
from aeon_jobs.persistence.core.settings import load_settings

POLICY = RestartPolicy(base=0.5, multiplier=2, limit=30, steady_after=60)


def deaths_after(*lifetimes: float) -> Deaths:
    deaths = Deaths()
    for lifetime in lifetimes:
        deaths = deaths.after(lifetime, POLICY)
    return deaths


def test_the_wait_doubles_with_each_death_in_a_row_up_to_the_limit() -> None:
    waits = [POLICY.delay(deaths_after(*[1.0] * count).in_a_row) for count in range(1, 9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_program_that_lived_long_enough_starts_afresh() -> None:
    assert deaths_after(1, 1, 1, 59.9).in_a_row == 4
    assert deaths_after(1, 1, 1, 60).in_a_row == 1


def test_the_next_start_is_the_wait_from_now() -> None:
    assert deaths_after(1, 1).next_start(100.0, POLICY) == 101.0


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=50), st.integers(1, 10_000))
def test_no_history_makes_it_wait_longer_than_the_limit_or_not_at_all(lifetimes: list[float], more: int) -> None:
    deaths = deaths_after(*lifetimes)
    assert POLICY.base <= POLICY.delay(deaths.in_a_row) <= POLICY.limit
    assert POLICY.delay(deaths.in_a_row + more) <= POLICY.limit


def test_everything_runs_and_what_takes_work_in_stops_before_what_runs_it() -> None:
    ranks = {program.name: program.rank for program in programs(load_settings())}
    assert ranks == {
        "api": StopRank.INTAKE,
        "scheduler": StopRank.INTAKE,
        "dispatcher": StopRank.DELIVERY,
        "worker": StopRank.WORK,
    }


def test_no_secret_is_in_a_command_line() -> None:
    settings = load_settings(database_url="postgresql://u:hush@h/d", redis_url="redis://:hush@h/0")
    assert "hush" not in repr(programs(settings))
    assert "hush" not in repr(worker.command(settings, []))


@pytest.mark.parametrize(("enabled", "expected"), [(True, 1), (False, 0)])
def test_no_worker_runs_where_workers_are_disabled(enabled: bool, expected: int) -> None:
    names = [program.name for program in programs(load_settings(worker_enabled=enabled))]
    assert names.count("worker") == expected


@pytest.mark.parametrize("restart", [True, False])
def test_worker_auto_restart_is_about_the_worker_alone(restart: bool) -> None:
    for program in programs(load_settings(worker_auto_restart=restart)):
        assert program.restart is (restart or program.name != "worker")


def test_a_worker_may_finish_its_jobs_before_it_is_killed() -> None:
    settings = load_settings(worker_shutdown_timeout=20_000)
    [limit] = [program.stop_limit for program in programs(settings) if program.name == "worker"]
    assert limit > 20


def test_the_worker_group_gets_its_size_from_the_settings() -> None:
    settings = load_settings(worker_processes=3, worker_concurrency=5, worker_shutdown_timeout=7_000)
    command = " ".join(worker.command(settings, ["their.jobs"]))
    assert "worker_group aeon_jobs.actors their.jobs" in command
    assert "--processes 3 --threads 5 --worker-shutdown-timeout 7000" in command
    assert Path(worker.command(settings, [])[0]).is_absolute()
