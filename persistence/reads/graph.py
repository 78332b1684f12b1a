"""The graph of a workflow as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAX_STEPS = 10_000


def steps_of(connection: Connection, workflow_id: UUID, limit: int = MAX_STEPS) -> tuple[list[dict[str, Any]], bool]:
    """Steps with their edges, in the order in which they were added; whether these are all."""
    first = {"id": workflow_id, "limit": limit + 1}
    found = run(connection, "reads/workflow_steps", first).mappings().all()
    steps = {row["job_id"]: {**row, "deps": []} for row in found[:limit]}
    for edge in run(connection, "reads/workflow_edges", first).mappings():
        if edge["job_id"] in steps:
            steps[edge["job_id"]]["deps"].append({name: edge[name] for name in ("step", "on_failure", "is_satisfied")})
    return list(steps.values()), len(found) <= limit
