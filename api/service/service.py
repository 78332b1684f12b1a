"""All the use cases together: the public Python interface for reading and steering jobs."""

from __future__ import annotations

from types import TracebackType

from aeon_jobs.api.service.archive import ArchiveUseCases
from aeon_jobs.api.service.audit import AuditUseCases
from aeon_jobs.api.service.bulk_changes import BulkChangeUseCases
from aeon_jobs.api.service.core.context import Context
from aeon_jobs.api.service.core.principals import Principal, Role
from aeon_jobs.api.service.dead_letters import DeadLetterUseCases
from aeon_jobs.api.service.events import EventUseCases
from aeon_jobs.api.service.job_logs import JobLogUseCases
from aeon_jobs.api.service.job_types import JobTypeUseCases
from aeon_jobs.api.service.jobs import JobUseCases
from aeon_jobs.api.service.keys import KeyUseCases
from aeon_jobs.api.service.metrics import MetricsUseCases
from aeon_jobs.api.service.queues import QueueUseCases
from aeon_jobs.api.service.schedules import ScheduleUseCases
from aeon_jobs.api.service.submissions import Submissions
from aeon_jobs.api.service.system import SystemUseCases
from aeon_jobs.api.service.workflows import WorkflowUseCases
from aeon_jobs.persistence.admin.audit import python_name
from aeon_jobs.persistence.core.settings import Settings, get_settings


class Jobs(
    WorkflowUseCases,
    Submissions,
    BulkChangeUseCases,
    DeadLetterUseCases,
    ScheduleUseCases,
    QueueUseCases,
    MetricsUseCases,
    JobTypeUseCases,
    KeyUseCases,
    AuditUseCases,
    ArchiveUseCases,
    SystemUseCases,
    EventUseCases,
    JobLogUseCases,
    JobUseCases,
):
    """Reading and steering jobs, straight in PostgreSQL. May be shared by threads; close it, or use it in a `with`.

    Every change is one transaction with its line in the audit log, under the name of the principal. Every verb is in
    `api.contract.protocol`; `api.client.Client` has the same ones over HTTP.

        with Jobs.from_settings() as jobs:
            job = jobs.wait(jobs.submit("email_notification", {"to": …}).job_id, timeout_s=60)

    Raises (every method): the errors of `persistence.core.errors` and `api.service.core.errors`.
    """

    @classmethod
    def from_settings(
        cls, settings: Settings | None = None, *, name: str | None = None, pool_size: int | None = None
    ) -> Jobs:
        """Of the database and the Redis in the environment (DATABASE_URL, REDIS_URL …).

        Args:
            name: who acts, in `created_by` and in the audit log; ``python:`` and the login of the process by default.
            pool_size: most connections at once; DATABASE_POOL_SIZE by default.
        """
        context = Context.build(settings or get_settings(), pool_size=pool_size)
        return cls(context, Principal(name or python_name(), Role.ADMIN))

    def close(self) -> None:
        """Close every connection."""
        self.context.close()

    def __enter__(self) -> Jobs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
