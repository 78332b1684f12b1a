"""A worker group that cannot reach one of the servers, while the others can: its jobs go on elsewhere, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from aeon_jobs.persistence.core.settings import Settings, load_settings
from tests.faults.conftest import System
from tests.faults.proxy import Proxy
from tests.group import Group
from tests.waiting import wait_for

QUICK = {"WORKER_LOCK_DURATION": "1500", "WORKER_HEARTBEAT_INTERVAL": "300"}


@dataclass
class Proxies:
    """From one group to the servers."""

    postgres: Proxy
    redis: Proxy
    settings: Settings


@pytest.fixture
def proxies(own_servers: Settings) -> Iterator[Proxies]:
    with ExitStack() as stack:
        postgres = stack.enter_context(Proxy(own_servers.postgres_dsn))
        redis = stack.enter_context(Proxy(own_servers.redis_dsn))
        yield Proxies(postgres, redis, load_settings(database_url=postgres.url, redis_url=redis.url))


@pytest.fixture
def own_servers(settings: Settings) -> Settings:
    if "127.0.0.1" in settings.postgres_dsn or "localhost" in settings.postgres_dsn:
        pytest.skip("the proxy knows embedded servers alone")
    return settings


def _far(system: System, proxies: Proxies, **options: object) -> Group:
    """The group at the end of the proxies."""
    return system.workers(settings=proxies.settings, processes=1, threads=4, WORKER_ID="far", **QUICK, **options)


def _near(system: System) -> Group:
    return system.workers(processes=1, threads=4, WORKER_ID="near", **QUICK)


def test_jobs_of_a_worker_that_postgres_does_not_hear_are_done_by_another_and_not_recorded_twice(
    system: System, proxies: Proxies
) -> None:
    system.submit("nap", 4, seconds=0.8)
    with _far(system, proxies):
        system.wait_for_running(4)
        proxies.postgres.hold()
        with _near(system):
            system.wait_until(completed=4)
            finished = system.execute("SELECT id, attempt, worker_id, completed_at, updated_at FROM jobs ORDER BY id")
            proxies.postgres.restore()
            wait_for(
                lambda: (
                    system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'superseded'")[0].count == 4
                ),
                "the far worker was told",
            )

    assert all(row.worker_id.startswith("near") for row in finished)
    assert system.execute("SELECT id, attempt, worker_id, completed_at, updated_at FROM jobs ORDER BY id") == finished
    outcomes = system.execute("SELECT outcome, count(*) FROM job_executions GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in outcomes] == [("completed", 4), ("lost", 4), ("superseded", 4)]


def test_a_worker_cut_off_from_postgres_records_when_it_can_if_nobody_else_took_its_jobs(
    system: System, proxies: Proxies
) -> None:
    system.submit("nap", 4, seconds=0.5)
    # Leases of 20 s: shorter cuts cost nothing.
    with system.workers(settings=proxies.settings, processes=1, threads=4):
        system.wait_for_running(4)
        proxies.postgres.cut()
        wait_for(lambda: len(system.effects()) == 4, "the handlers ended")
        assert system.statuses() == {"running": 4}
        proxies.postgres.restore()
        system.wait_until(completed=4)

    assert set(system.effects().values()) == {1}
    assert system.execute("SELECT 1 FROM job_executions WHERE outcome <> 'completed'") == []


def test_a_worker_cut_off_from_redis_ends_what_it_runs_and_fetches_again_afterwards(
    system: System, proxies: Proxies
) -> None:
    system.submit("nap", 4, seconds=0.5)
    with system.workers(settings=proxies.settings, processes=1, threads=4):
        system.wait_for_running(4)
        proxies.redis.cut()
        system.submit("note", 10)
        wait_for(lambda: system.statuses().get("completed") == 4, "what runs ends")
        proxies.redis.restore()
        system.wait_until(completed=14)

    assert set(system.effects().values()) == {1}


def test_jobs_fetched_before_a_partition_from_redis_run_on_another_worker(system: System, proxies: Proxies) -> None:
    system.submit("nap", 40, seconds=0.2)
    with _far(system, proxies), _near(system):
        wait_for(lambda: len(system.effects("began")) >= 10, "both work")
        proxies.redis.hold()
        system.wait_until(completed=40)
        proxies.redis.restore()

    assert len(system.effects()) == 40
    completions = system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'completed' GROUP BY job_id")
    assert {row.count for row in completions} == {1}


def test_a_slow_network_makes_jobs_slow_and_nothing_else(system: System, proxies: Proxies) -> None:
    proxies.postgres.slow(0.05)
    proxies.redis.slow(0.05)
    system.submit("note", 30)
    with _far(system, proxies):
        system.wait_until(completed=30)

    assert set(system.effects().values()) == {1}
    assert system.execute("SELECT 1 FROM job_executions WHERE outcome <> 'completed'") == []
