"""Server-sent events: the changes of one job, or of all that match."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter
from litestar.response import Stream

from aeon_jobs.api.contract import Event, JobFilter
from aeon_jobs.api.http.authentication import Authenticator
from aeon_jobs.api.http.errors import ProblemError, unavailable
from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.resources import GivenResources, Resources
from aeon_jobs.api.http.streams import HEARTBEAT_S
from aeon_jobs.api.service.core.principals import Principal, Role
from aeon_jobs.api.service.events import LAG, event, is_news, position
from aeon_jobs.api.service.jobs import rows_filter
from aeon_jobs.persistence.reads import changes
from aeon_jobs.persistence.reads.changes import Change
from aeon_jobs.persistence.reads.listing import Filter

LOOK_EVERY_S = 0.5
LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", max_length=100, description="the last event that was received"),
]
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get(
    "/api/jobs/{job_id:uuid}/events",
    opt={"role": Role.VIEWER, "stream": True},
    responses={204: ResponseSpec(None, description="There will be no more.")},
    summary="Changes of a job, live",
    tags=["Live"],
)
async def of_job(
    job_id: FromPath[UUID], request: ApiRequest, resources: GivenResources, last_event_id: LastEventId = None
) -> Response[bytes]:
    """`text/event-stream`: how it stands, then each change, until it is over. 204 when there will be no more: that
    tells an EventSource to stop."""
    after = position(last_event_id) if last_event_id else None
    now = await resources.streams.state_of(job_id)
    if now.is_final and after is not None and now.position <= after:
        return Response(b"", status_code=204)
    resources.streams.open(request)
    events = _events_of_job(resources, job_id, after)
    return _stream(while_valid(events, request.user, resources.authenticator))


@get("/api/events", opt={"role": Role.VIEWER, "stream": True}, summary="Changes of all jobs, live", tags=["Live"])
async def of_all(
    which: NamedDependency[JobFilter],
    request: ApiRequest,
    resources: GivenResources,
    last_event_id: LastEventId = None,
) -> Response[bytes]:
    """`text/event-stream` of what changes from now on, or after Last-Event-ID, about a second late. Changes in quick
    succession come as the last of them."""
    if resources.streams.is_full:
        raise ProblemError(unavailable("too many clients listen to all events here", retry_after_s=10))
    after = position(last_event_id) if last_event_id else (datetime.now(UTC) - LAG, UUID(int=0))
    resources.streams.open(request)
    events = _events_of_all(resources, rows_filter(which), after)
    return _stream(while_valid(events, request.user, resources.authenticator))


def encoded(event: Event) -> bytes:
    """One event as the stream carries it; `data` is the job."""
    data = msgspec.json.encode(event.job).decode()
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode()


async def while_valid(
    events: AsyncGenerator[bytes, None], principal: Principal, authenticator: Authenticator
) -> AsyncIterator[bytes]:
    """`events`, until the key that asked for them is revoked or expires. A quiet stream learns it at its next heartbeat."""
    async with aclosing(events):
        async for sent in events:
            if not await authenticator.is_still_valid(principal):
                return
            yield sent


async def _events_of_job(
    resources: Resources, job_id: UUID, after: tuple[datetime, UUID] | None
) -> AsyncGenerator[bytes, None]:
    before: Change | None = None
    async for change in resources.streams.changes_of(job_id):
        if change is None:
            yield b": still here\n\n"
            continue
        if (after is None or change.position > after) and is_news(before, change):
            yield encoded(event(change, before))
        before = change
        if change.is_final:
            return


async def _events_of_all(
    resources: Resources, which: Filter, after: tuple[datetime, UUID]
) -> AsyncGenerator[bytes, None]:
    with resources.streams.listening():
        yield b": listening\n\n"
        quiet_s = 0.0
        while not resources.streams.is_closed:
            found = await sync_to_thread(_since, resources, which, after)
            for change in found:
                yield encoded(event(change, None))
                after = change.position
            quiet_s = 0.0 if found else quiet_s + LOOK_EVERY_S
            if quiet_s >= HEARTBEAT_S:
                quiet_s = 0.0
                yield b": still here\n\n"
            if len(found) < changes.MOST:
                await resources.streams.pause(LOOK_EVERY_S)


def _stream(events: AsyncIterator[bytes]) -> Response[bytes]:
    return Stream(events, media_type="text/event-stream", headers=_HEADERS)  # type: ignore[return-value]


def _since(resources: Resources, which: Filter, after: tuple[datetime, UUID]) -> list[Change]:
    with resources.database.connection() as connection:
        return list(changes.since(connection, which, after, datetime.now(UTC) - LAG))


handlers = [of_job, of_all]
