"""Payloads that a plain INSERT stored and that Python cannot read as a whole: every reader answers."""

from __future__ import annotations

from uuid import UUID

import pytest

from aeon_jobs import Jobs
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.core.stored_json import MARK
from aeon_jobs.persistence.queue.states import Failure, failed
from tests.integration.conftest import ApiClients
from tests.rows import end, rows, start, value
from tests.terminal import Terminal

ODD = {
    "deep": """CAST('{"text": ' || repeat('[', 1000) || repeat(']', 1000) || '}' AS jsonb)""",
    "long": "jsonb_build_object('text', CAST(repeat('9', 6000) AS numeric))",
}
TOLD = {"deep": f"{MARK}nested deeper than 200 levels", "long": f"{MARK}a number of 6,000 digits"}


@pytest.mark.parametrize("kind", ODD)
def test_every_read_survives(
    kind: str, api: ApiClients, environment: Settings, database: Database, terminal: Terminal
) -> None:
    sql = f"INSERT INTO jobs (job_type, payload, metadata) VALUES ('echo', {ODD[kind]}, {ODD[kind]}) RETURNING id"
    job_id: UUID = value(database, sql)
    (claimed,) = start(database, job_id)
    end(database, claimed, failed(Failure("Boom", "it broke", ""), retries_left=0, delay_ms=0))
    number = value(database, "SELECT id FROM dead_letter_jobs")

    addresses = (f"jobs/{job_id}", "jobs", f"jobs/by-prefix/{job_id}", f"dead-letters/{number}", "dead-letters/groups")
    for address in addresses:
        answer = api.operator.get(f"/api/{address}")
        assert answer.status_code == 200, address
        assert (TOLD[kind] in answer.text) == (address not in ("dead-letters/groups",)), address
    with Jobs.from_settings(environment) as jobs:
        assert TOLD[kind] in str(jobs.get(job_id).payload)
    for command in (["show", job_id], ["list"], ["dlq", "show", number], ["explain", job_id]):
        terminal.ok(*command)

    sql = f"INSERT INTO job_schedules (name, job_type, cron, payload) SELECT 'odd', 'echo', '0 3 * * *', {ODD[kind]}"
    rows(database, sql)
    assert TOLD[kind] in api.operator.get("/api/schedules").text
