"""Job types: what can be submitted, what its payload must look like, and the limits of its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from aeon_jobs.api.contract import JobType, JobTypeLimits, JobTypePause, KeyUsage
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.api.service.core.validation import checked, read
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.examples import payload_example
from aeon_jobs.persistence.queue import job_types
from aeon_jobs.persistence.queue.limits import override, usage

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import JobType as JobTypeRow

MOST_KEYS = 1_000


class JobTypeUseCases(UseCases):
    def job_types(self) -> list[JobType]:
        """Every job type that a worker registered, by name."""
        with self.context.database.connection() as connection:
            return [_shown(row) for row in job_types.every(connection)]

    def job_type(self, name: str) -> JobType:
        """
        Raises:
            NotFound
        """
        with self.context.database.connection() as connection:
            return _shown(_row(connection, name))

    def pause_job_type(self, name: str, *, reason: str | None = None) -> JobType:
        """No more jobs of it are started; what runs goes on.

        Raises:
            NotFound
        """
        reason = read(JobTypePause, {"reason": reason}).reason
        with self.context.database.transaction() as connection:
            _row(connection, name)
            if job_types.pause(connection, name, by=self.principal.name, reason=reason):
                self._audit(connection, "job_type.pause", ("job_type", name), reason=reason)
            return _shown(_row(connection, name))

    def resume_job_type(self, name: str) -> JobType:
        """
        Raises:
            NotFound
        """
        with self.context.database.transaction() as connection:
            _row(connection, name)
            if job_types.resume(connection, name):
                self._audit(connection, "job_type.resume", ("job_type", name))
            changed = _shown(_row(connection, name))
        self.context.notifier.job_ready()
        return changed

    def limit_job_type(self, name: str, limits: JobTypeLimits | None) -> JobType:
        """Set limits instead of those of the code; without any, it has none. None: those of the code hold again.

        Raises:
            NotFound, InvalidJob
        """
        given = None if limits is None else checked(limits).given()
        with self.context.database.transaction() as connection:
            row = _row(connection, name)
            made = None if given is None else override(row.limits, given)
            job_types.limit(connection, name, made)
            self._audit(
                connection,
                "job_type.limit",
                ("job_type", name),
                before={"limits_override": row.limits_override},
                after={"limits_override": made},
            )
            changed = _shown(_row(connection, name))
        self.context.known_types.forget(name)
        self.context.notifier.job_ready()
        return changed

    def limit_usage(self, name: str, count: int = 20) -> list[KeyUsage]:
        """Who waits for its limits and who runs, by key, those with the most waiting jobs first.

        Raises:
            NotFound, InvalidJob
        """
        if not 1 <= count <= MOST_KEYS:
            raise InvalidJob.at("count", f"must be from 1 to {MOST_KEYS}")
        with self.context.database.connection() as connection:
            _row(connection, name)
            return [shown(KeyUsage, entry) for entry in usage(connection, name, count)]


def _row(connection: Connection, name: str) -> JobTypeRow:
    found = job_types.get_many(connection, {name})
    if name not in found:
        raise NotFound.named("job type", name, [row.name for row in job_types.every(connection)])
    return found[name]


def _shown(row: JobTypeRow) -> JobType:
    return shown(JobType, row, example=row.example or payload_example(row.payload_schema))
