"""Jobs for the rehearsal beside those of the demo: some that succeed, and some that fail for good."""

from __future__ import annotations

import json

from sqlalchemy import text

from aeon_jobs.ops.demo.system import DemoSystem

INSERT = text("INSERT INTO jobs (job_type, payload) VALUES ('webhook_delivery', CAST(:payload AS jsonb))")
FORBIDDEN = "https://10.0.0.1/private"
"""No webhook may call a private address: a permanent error."""


def good(system: DemoSystem, number: int) -> None:
    """Webhooks that arrive."""
    _submit(system, f"http://{system.receiver.address}/steady", number)


def bad(system: DemoSystem, number: int) -> None:
    """Webhooks that are refused, and become dead letters."""
    _submit(system, FORBIDDEN, number)


def _submit(system: DemoSystem, url: str, number: int) -> None:
    payload = json.dumps({"url": url, "data": {"from": "rehearsal"}})
    with system.database.transaction() as connection:
        connection.execute(INSERT, [{"payload": payload}] * number)
