"""Changes of jobs, as they are seen in their rows: of one job, or of all that match.

An event carries an id; who comes back with it gets what it missed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aeon_jobs.api.contract import Event, JobEvent, JobFilter
from aeon_jobs.api.contract.protocol import JobId
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.api.service.jobs import LOOK_EVERY_S, known_id, rows_filter
from aeon_jobs.persistence.core.errors import InvalidJob, JobNotFound
from aeon_jobs.persistence.reads import changes
from aeon_jobs.persistence.reads.changes import Change

LAG = timedelta(seconds=1)
"""Changes younger than this may not be visible in the order of their times yet."""
_EPOCH = datetime.fromtimestamp(0, UTC)


class EventUseCases(UseCases):
    def events(self, job_id: JobId, *, last_event_id: str | None = None) -> Iterator[Event]:
        """The job as it stands, then each change, until it is over.

        Raises:
            JobNotFound
        """
        after = position(last_event_id) if last_event_id else None
        wanted, before = known_id(job_id), None
        while before is None or not before.is_final:
            with self.context.database.connection() as connection:
                found = changes.of_jobs(connection, [wanted])
            if wanted not in found:
                raise JobNotFound(job_id)
            now = found[wanted]
            if (after is None or now.position > after) and is_news(before, now):
                yield event(now, before)
            before = now
            if not now.is_final:
                time.sleep(LOOK_EVERY_S)

    def all_events(self, which: JobFilter | None = None, *, last_event_id: str | None = None) -> Iterator[Event]:
        """Changes of all jobs that match, from now on, about a second late, without end."""
        after = position(last_event_id) if last_event_id else (datetime.now(UTC) - LAG, UUID(int=0))
        chosen = rows_filter(which)
        while True:
            with self.context.database.connection() as connection:
                found = list(changes.since(connection, chosen, after, datetime.now(UTC) - LAG))
            for change in found:
                after = change.position
                yield event(change, None)
            if len(found) < changes.MOST:
                time.sleep(LOOK_EVERY_S)


def position(event_id: str) -> tuple[datetime, UUID]:
    """Where an event stands: its time in microseconds, and its job.

    Raises:
        InvalidJob: it is no id of an event.
    """
    microseconds, _, job_id = event_id.partition("-")
    try:
        return _EPOCH + timedelta(microseconds=int(microseconds)), UUID(job_id)
    except (ValueError, OverflowError):
        raise InvalidJob.at("Last-Event-ID", "is not the id of an event of this API") from None


def event(change: Change, before: Change | None) -> Event:
    number = (change.updated_at - _EPOCH) // timedelta(microseconds=1)
    is_progress = before is not None and _state_of(before) == _state_of(change)
    return Event(
        id=f"{number}-{change.job_id}", kind="progress" if is_progress else "state", job=shown(JobEvent, change)
    )


def is_news(before: Change | None, change: Change) -> bool:
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
