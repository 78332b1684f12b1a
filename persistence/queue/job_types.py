"""The registry of job types. Workers write it when they boot; producers add types that no worker has."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

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
    wanted = [name for name in names if isinstance(name, str) and payloads.is_storable(name)]
    return {row.name: cast("JobType", row) for row in run(connection, "queue/types_named", {"names": wanted})}


def every(connection: Connection) -> list[JobType]:
    """All registered job types, by name."""
    return cast("list[JobType]", run(connection, "queue/types").all())


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


def pause(connection: Connection, name: str, *, by: str, reason: str | None = None) -> bool:
    """Begin no more jobs of a type; what runs goes on. False: it was paused already.

    A dispatch that is under way at that moment may still start its jobs.
    """
    is_news = run(connection, "queue/pause_type", {"name": name, "by": by, "reason": reason}).rowcount > 0
    run(connection, "queue/take_back_type", {"name": name})
    return is_news


def resume(connection: Connection, name: str) -> bool:
    """Begin jobs of a type again. False: it was not paused."""
    return run(connection, "queue/resume_type", {"name": name}).rowcount > 0


def limit(connection: Connection, name: str, limits: Mapping[str, Any] | None) -> None:
    """Set limits instead of those of the code; see limits.override. None: those of the code hold again."""
    given = None if limits is None else json.dumps(dict(limits))
    run(connection, "queue/limit_type", {"name": name, "limits": given})
    run(connection, "queue/key_in_motion", {"name": name})


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
        "uniqueness": definition.uniqueness,
    }
