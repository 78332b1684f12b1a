"""Server-sent events: the changes of one job, or of all that match."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter
from litestar.response import Stream

from aeon_jobs.api.callers import Role
from aeon_jobs.api.errors import ProblemError, refused, unavailable
from aeon_jobs.api.services import Given, Services
from aeon_jobs.api.streams import HEARTBEAT_S
from aeon_jobs.persistence.reads import changes
from aeon_jobs.persistence.reads.changes import Change
from aeon_jobs.persistence.reads.listing import Filter

LAG = timedelta(seconds=1)
"""Changes younger than this may not be visible in the order of their times yet."""
LOOK_EVERY_S = 0.5
LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", max_length=100, description="the last event that was received"),
]
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of an event; the event is named `progress` when nothing but that changed, else `state`."""

    job_id: UUID
    job_type: str
    queue_name: str
    status: str
    priority: int
    attempt: int
    retry_count: int
    progress: dict[str, object] | None
    error_message: str | None
    scheduled_at: datetime | None
    cancel_requested_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime


@get(
    "/api/jobs/{job_id:uuid}/events",
    opt={"role": Role.VIEWER, "stream": True},
    responses={204: ResponseSpec(None, description="There will be no more.")},
    summary="Changes of a job, live",
    tags=["Live"],
)
async def of_job(job_id: FromPath[UUID], services: Given, last_event_id: LastEventId = None) -> Response[bytes]:
    """`text/event-stream`: how it stands, then each change, until it is over. 204 when there will be no more: that
    tells an EventSource to stop."""
    after = position(last_event_id) if last_event_id else None
    now = await services.streams.state_of(job_id)
    if now.is_final and after is not None and now.position <= after:
        return Response(b"", status_code=204)
    return _stream(_events_of_job(services, job_id, after))


@get("/api/events", opt={"role": Role.VIEWER, "stream": True}, summary="Changes of all jobs, live", tags=["Live"])
async def of_all(which: NamedDependency[Filter], services: Given, last_event_id: LastEventId = None) -> Response[bytes]:
    """`text/event-stream` of what changes from now on, or after Last-Event-ID, about a second late. Changes in quick
    succession come as the last of them."""
    if services.streams.is_full:
        raise ProblemError(unavailable("too many clients listen to all events here", retry_after_s=10))
    after = position(last_event_id) if last_event_id else (datetime.now(UTC) - LAG, UUID(int=0))
    return _stream(_events_of_all(services, which, after))


def position(event_id: str) -> tuple[datetime, UUID]:
    """Where an event stands: its time in microseconds, and its job."""
    microseconds, _, job_id = event_id.partition("-")
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(microseconds)), UUID(job_id)
    except (ValueError, OverflowError):
        raise refused("Last-Event-ID", "is not the id of an event of this API") from None


def event(change: Change, before: Change | None) -> bytes:
    """One event as it goes over the wire."""
    epoch = datetime.fromtimestamp(0, UTC)
    number = (change.updated_at - epoch) // timedelta(microseconds=1)
    name = "progress" if before is not None and _state_of(before) == _state_of(change) else "state"
    data = msgspec.json.encode(
        JobEvent(**{field: getattr(change, field) for field in JobEvent.__struct_fields__})
    ).decode()
    return f"id: {number}-{change.job_id}\nevent: {name}\ndata: {data}\n\n".encode()


async def _events_of_job(services: Services, job_id: UUID, after: tuple[datetime, UUID] | None) -> AsyncIterator[bytes]:
    before: Change | None = None
    async for change in services.streams.changes_of(job_id):
        if change is None:
            yield b": still here\n\n"
            continue
        if (after is None or change.position > after) and _is_news(before, change):
            yield event(change, before)
        before = change
        if change.is_final:
            return


async def _events_of_all(services: Services, which: Filter, after: tuple[datetime, UUID]) -> AsyncIterator[bytes]:
    with services.streams.listening():
        yield b": listening\n\n"
        quiet_s = 0.0
        while not services.streams.is_closed:
            found = await sync_to_thread(_since, services, which, after)
            for change in found:
                yield event(change, None)
                after = change.position
            quiet_s = 0.0 if found else quiet_s + LOOK_EVERY_S
            if quiet_s >= HEARTBEAT_S:
                quiet_s = 0.0
                yield b": still here\n\n"
            if len(found) < changes.MOST:
                await services.streams.pause(LOOK_EVERY_S)


def _stream(events: AsyncIterator[bytes]) -> Response[bytes]:
    return Stream(events, media_type="text/event-stream", headers=_HEADERS)  # type: ignore[return-value]


def _since(services: Services, which: Filter, after: tuple[datetime, UUID]) -> list[Change]:
    with services.database.connection() as connection:
        return list(changes.since(connection, which, after, datetime.now(UTC) - LAG))


def _is_news(before: Change | None, change: Change) -> bool:
    """A lease that was renewed is none."""
    return before is None or _state_of(before) != _state_of(change) or before.progress != change.progress


def _state_of(change: Change) -> tuple[object, ...]:
    return (
        change.status,
        change.attempt,
        change.retry_count,
        change.priority,
        change.scheduled_at,
        (change.cancel_requested_at is None),
    )


handlers = [of_job, of_all]
