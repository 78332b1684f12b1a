"""The registry of job types. Workers write it when they boot; producers add types that no worker has."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import UnknownJobType
from aeon_jobs.persistence.core.examples import payload_example

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.persistence.core.models import JobType
    from aeon_jobs.persistence.queue.submissions import Defaults


def get(connection: Connection, name: str) -> JobType:
    """
    Raises:
        UnknownJobType: nobody has registered it.
    """
    if found := get_many(connection, [name]):
        return found[name]
    raise UnknownJobType(f"{name:.100}" if isinstance(name, str) else repr(name)[:100])


def get_many(connection: Connection, names: Collection[str]) -> dict[str, JobType]:
    """Those of `names` that are registered."""
    # What cannot be stored cannot even be asked for.
    from sqlmodel import select

    from aeon_jobs.persistence.core.models import JobType

    wanted = {name for name in names if isinstance(name, str) and payloads.is_storable(name)}
    rows = connection.execute(select(JobType).where(JobType.name.in_(wanted))).mappings()  # type: ignore[attr-defined]
    return {row["name"]: JobType(**row) for row in rows}


def every(connection: Connection) -> list[JobType]:
    """All registered job types, by name."""
    from sqlmodel import select

    from aeon_jobs.persistence.core.models import JobType

    return [JobType(**row) for row in connection.execute(select(JobType).order_by(JobType.name)).mappings()]


def register(connection: Connection, definitions: Sequence[Defaults]) -> None:
    """Write definitions into the registry; the last to register a name defines it. Unchanged rows are not touched."""
    run(
        connection,
        "queue/register_types",
        {"types": json.dumps([_as_row(definition) for definition in definitions])},
    )


def introduce(connection: Connection, definition: Defaults) -> None:
    """Register a job type that its producer sends before any worker has registered it."""
    run(connection, "queue/introduce_type", {"types": json.dumps([_as_row(definition)])})


def _as_row(definition: Defaults) -> dict[str, Any]:
    return {
        "name": definition.name,
        "queue_name": definition.queue_name,
        "description": getattr(definition, "description", ""),
        "payload_schema": definition.payload_schema,
        "example": getattr(definition, "example", None) or payload_example(definition.payload_schema),
        "priority": definition.priority,
        "max_retries": definition.max_retries,
        "timeout_ms": definition.timeout_ms,
        "limits": definition.limits,
    }
