"""The public interface of aeon-jobs: everything else is internal, and may change from one version to the next.

    from aeon_jobs import Jobs, current_job, job

    @job
    def invoice(order: int) -> dict[str, int]:
        current_job().progress(0.5)
        return {"order": order}

    invoice.send(order=7)

    with Jobs.from_settings() as jobs:  # read and steer jobs, without HTTP
        jobs.cancel(job_id, reason="wrong order")

Also public: `aeon_jobs.actors` (the built-in job types), `aeon_jobs.api.client` (a client of the HTTP API), and the command
`aeon-jobs`. A name is imported when it is first used, so `import aeon_jobs` alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_jobs.api.service import Jobs
    from aeon_jobs.middleware import schedules
    from aeon_jobs.middleware.actor import AsyncJobActor, JobActor
    from aeon_jobs.middleware.batch import Batch, OpenBatch
    from aeon_jobs.middleware.execution.outcomes import (
        Cancel,
        Discard,
        JobCancelled,
        JobStalled,
        JobTimedOut,
        LeaseLost,
        PermanentError,
        Retry,
        Snooze,
        TransientError,
    )
    from aeon_jobs.middleware.execution.running import CurrentJob, current_job
    from aeon_jobs.middleware.job import job
    from aeon_jobs.middleware.schedules import Schedule
    from aeon_jobs.middleware.transport.messages import JobFailed, JobMessage, JobWasCancelled
    from aeon_jobs.middleware.transport.options import JobOptions
    from aeon_jobs.middleware.workflows import SubmittedWorkflow, When, Workflow, chain, chord, group
    from aeon_jobs.persistence.core.errors import (
        IdempotencyConflict,
        InvalidJob,
        JobNotFound,
        JobNotOver,
        JobsError,
        WrongState,
    )
    from aeon_jobs.persistence.queue.limits import Limit, Rate
    from aeon_jobs.persistence.queue.states import Backoff
    from aeon_jobs.persistence.queue.unique import Debounce, Unique

_MODULES = {
    "api.service": ["Jobs"],
    "middleware.actor": ["AsyncJobActor", "JobActor"],
    "middleware.batch": ["Batch", "OpenBatch"],
    "middleware.execution.outcomes": [
        *("Cancel", "Discard", "Retry", "Snooze"),
        *("PermanentError", "TransientError"),
        *("JobCancelled", "JobStalled", "JobTimedOut", "LeaseLost"),
    ],
    "middleware.execution.running": ["CurrentJob", "current_job"],
    "middleware.job": ["job"],
    "middleware": ["schedules"],  # a module
    "middleware.schedules": ["Schedule"],
    "middleware.transport.messages": ["JobFailed", "JobMessage", "JobWasCancelled"],
    "middleware.transport.options": ["JobOptions"],
    "middleware.workflows": ["SubmittedWorkflow", "When", "Workflow", "chain", "chord", "group"],
    "persistence.core.errors": [
        "IdempotencyConflict",
        "InvalidJob",
        "JobNotFound",
        "JobNotOver",
        "JobsError",
        "WrongState",
    ],
    "persistence.queue.limits": ["Limit", "Rate"],
    "persistence.queue.states": ["Backoff"],
    "persistence.queue.unique": ["Debounce", "Unique"],
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AsyncJobActor",
    "Backoff",
    "Batch",
    "Cancel",
    "CurrentJob",
    "Debounce",
    "Discard",
    "IdempotencyConflict",
    "InvalidJob",
    "JobActor",
    "JobCancelled",
    "JobFailed",
    "JobMessage",
    "JobNotFound",
    "JobNotOver",
    "JobOptions",
    "JobStalled",
    "JobTimedOut",
    "JobWasCancelled",
    "Jobs",
    "JobsError",
    "LeaseLost",
    "Limit",
    "OpenBatch",
    "PermanentError",
    "Rate",
    "Retry",
    "Schedule",
    "Snooze",
    "SubmittedWorkflow",
    "TransientError",
    "Unique",
    "When",
    "Workflow",
    "WrongState",
    "chain",
    "chord",
    "current_job",
    "group",
    "job",
    "schedules",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOMES[name]}")
    value = getattr(home, name, None) or import_module(f"{home.__name__}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
