"""What counts as a change of a job: its version moves with every change, and with no renewed lease."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import executions
from tests.integration.conftest import ApiClients

RUN = "UPDATE jobs SET status = 'running', attempt = 1, lease_expires_at = now() WHERE id = :id"


def _run(api: ApiClients, database: Database) -> UUID:
    job_id = api.submitter.submit()
    with database.transaction() as connection:
        connection.execute(text(RUN), {"id": job_id})
    return job_id


def test_a_renewed_lease_leaves_the_version_and_a_change_moves_it(api: ApiClients, database: Database) -> None:
    job_id = _run(api, database)
    path = f"/api/jobs/{job_id}"
    running = api.viewer.get(path).headers["etag"]

    with database.transaction() as connection:
        assert executions.renew(connection, [(job_id, 1)], lease_ms=20_000)
    renewed = api.viewer.get(path)
    assert renewed.headers["etag"] == running
    assert renewed.json()["worker_id"] is None

    with database.transaction() as connection:
        executions.report_progress(connection, job_id, 1, {"done": 1})
    assert api.viewer.get(path).headers["etag"] != running


def test_a_renewed_lease_touches_no_index(api: ApiClients, database: Database) -> None:
    job_id = _run(api, database)
    hot = text("SELECT pg_stat_get_xact_tuples_hot_updated('jobs'::regclass)")
    with database.transaction() as connection:
        before = connection.execute(hot).scalar_one()
        for turn in range(5):  # the clock stands still in a transaction
            executions.renew(connection, [(job_id, 1)], lease_ms=20_000 + turn)
        assert connection.execute(hot).scalar_one() - before == 5
