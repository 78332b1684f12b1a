"""Whose table `jobs` is: a schema of ours beside a foreign one, and a role whose search path finds a foreign one first."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
import redis
from sqlalchemy import make_url, text

from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.settings import Settings, get_settings
from aeon_jobs.persistence.queue import jobs
from aeon_jobs.persistence.queue.states import Backoff
from tests.harness import Harness, open_harness

SOON = Backoff(base_ms=1, multiplier=1)


@pytest.fixture
def ours(environment: Settings, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    """JOB_SCHEMA=aeon; `public`, where the handlers' tables are, has a `jobs` that is somebody else's."""
    monkeypatch.setenv("JOB_SCHEMA", "aeon")
    get_settings.cache_clear()
    with open_harness() as harness:
        migrate.up(harness.database)
        harness.execute("CREATE TABLE bookings (job_id uuid, attempt integer)")
        yield harness


@pytest.fixture
def theirs_first(
    environment: Settings, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Harness]:
    """Our tables are in `public`; the role looks into `theirs` first, which has tables of the same names."""
    url = make_url(environment.postgres_dsn).update_query_dict({"options": "-c search_path=theirs,public"})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    get_settings.cache_clear()
    with open_harness() as harness:
        harness.execute("CREATE SCHEMA theirs")
        for name in ("jobs", "job_types", "workers", "job_executions", "job_queues", "job_counters"):
            harness.execute(f"CREATE TABLE theirs.{name} (LIKE public.{name} INCLUDING ALL)")
        harness.execute("CREATE TABLE theirs.bookings (job_id uuid, attempt integer)")
        yield harness


def test_a_handler_writes_its_tables_and_sends_jobs_in_the_one_transaction_of_its_completion(ours: Harness) -> None:
    @ours.job
    def follow_up(n: int) -> int:
        return n

    @ours.job(backoff=SOON)
    def book() -> None:
        with current_job().transaction() as session:
            booking = text("INSERT INTO bookings VALUES (:id, :attempt)")
            session.execute(booking, {"id": current_job().id, "attempt": current_job().attempt})
            sent = follow_up.send_with_options(kwargs={"n": 7}, session=session)
            # Theirs again: sending has left the search path as it was.
            session.execute(booking, {"id": current_job().id, "attempt": current_job().attempt})
            if current_job().attempt == 1:
                raise ConnectionError("half way")
            current_job().result = {"sent": sent.message_id}

    with ours.working():
        job = ours.finished(book.send())
        child = ours.finished(UUID(job.result["sent"]))

    assert ours.outcomes(job.id) == ["retried", "completed"]
    assert child.result == 7
    assert ours.execute("SELECT attempt FROM bookings") == [(2,), (2,)]
    assert ours.execute("SELECT count(*) FROM aeon.jobs") == [(2,)]
    assert ours.execute("SELECT 1 FROM public.jobs") == []


def test_a_role_that_finds_somebody_elses_jobs_first_uses_ours_all_the_same(theirs_first: Harness) -> None:
    harness = theirs_first

    @harness.job(backoff=SOON)
    def book() -> None:
        if current_job().attempt == 1:
            raise ConnectionError("again")
        with current_job().transaction() as session:
            # The handler's own tables are where the role's path says.
            session.execute(text("INSERT INTO bookings (attempt) VALUES (2)"))
            current_job().progress(1, "booked")

    parent = book.send()
    child = book.send_with_options(depends_on=[parent])
    unwanted = book.send_with_options(delay=3_600_000)
    with harness.database.connection() as connection:
        jobs.cancel(connection, UUID(unwanted.message_id), "no")
    with harness.working():
        assert harness.finished(child).status == "completed"

    assert harness.outcomes(parent) == harness.outcomes(child) == ["retried", "completed"]
    assert harness.job_of(unwanted).status == "cancelled"
    assert len(harness.execute("SELECT 1 FROM theirs.bookings")) == 2
    assert len(harness.execute("SELECT 1 FROM public.jobs")) == 3
    for name in ("jobs", "job_types", "workers", "job_executions", "job_queues", "job_counters"):
        assert harness.execute(f"SELECT 1 FROM theirs.{name}") == []
