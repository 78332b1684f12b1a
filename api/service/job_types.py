"""Job types: what can be submitted, and what its payload must look like."""

from __future__ import annotations

from aeon_jobs.api.contract import JobType
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.persistence.core.examples import payload_example
from aeon_jobs.persistence.core.models import JobType as JobTypeRow
from aeon_jobs.persistence.queue import job_types


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
            found = job_types.get_many(connection, {name})
            if name not in found:
                raise NotFound.named("job type", name, [row.name for row in job_types.every(connection)])
        return _shown(found[name])


def _shown(row: JobTypeRow) -> JobType:
    return shown(JobType, row, example=row.example or payload_example(row.payload_schema))
