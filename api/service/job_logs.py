"""What handlers logged."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from aeon_jobs.api.contract import LogLine, Page
from aeon_jobs.api.contract.protocol import JobId
from aeon_jobs.api.service.core.use_cases import UseCases, pages
from aeon_jobs.api.service.jobs import known_id
from aeon_jobs.persistence.reads import job_logs


class JobLogUseCases(UseCases):
    def log_page(
        self, job_id: JobId, *, attempt: int | None = None, limit: int = 200, cursor: str | None = None
    ) -> Page[LogLine]:
        """Lines that its handler logged, the oldest first: of every attempt, or of one. They are deleted when the job moves to
        the archive. `cursor`: `cursor` of the last line that was read.

        Raises:
            JobNotFound, InvalidJob
        """
        with self.context.database.connection() as connection:
            found = job_logs.page(connection, known_id(job_id), attempt=attempt, cursor=cursor, limit=limit)
        lines = msgspec.convert(found, list[LogLine])
        return Page(items=lines, next_cursor=lines[-1].cursor if len(lines) == limit else None)

    def logs(self, job_id: JobId, *, attempt: int | None = None) -> Iterator[LogLine]:
        """Every line that its handler logged so far, the oldest first.

        Raises:
            JobNotFound
        """
        return pages(lambda cursor: self.log_page(job_id, attempt=attempt, cursor=cursor))
