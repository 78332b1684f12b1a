"""Everything that can go wrong, as one tree.

    JobsError
    ├── SettingsError          an environment variable is missing, malformed or misspelt
    ├── InvalidJob             a submission breaks a rule; carries every (field, rule) that it breaks
    │   └── UnknownJobType     the job type is not registered
    ├── JobNotFound            no job with that id
    ├── WorkflowNotFound       no workflow or batch with that id
    ├── StepNotFound           the workflow has no step of that name
    ├── JobNotOver             the job did not end in time; carries its status
    ├── WrongState             the job's state does not allow the change; carries the state it is in
    │   └── WrongWorkflowState  the workflow's does not
    ├── NameTaken              there is one of that name already
    ├── IdempotencyConflict    the key was used before with another payload
    ├── MigrationError         the schema cannot be migrated
    │   └── ForeignObjects     names that we need are taken by objects that are not ours
    └── DatabaseUnavailable    PostgreSQL did not answer in time; trying again later is right

The exceptions by which a handler *asks* for something (Retry, Snooze, Discard, Cancel) are not errors: see
`aeon_jobs.middleware.execution.outcomes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class JobsError(Exception):
    """Base of every error that this project raises on purpose."""


class SettingsError(JobsError):
    """The environment is not usable; the message names each variable and rule, never a value."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: `field` is a dotted path such as ``payload.to`` or ``priority``."""

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}"


class InvalidJob(JobsError, ValueError):
    """A submission that breaks rules. Nothing of it was stored."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(map(str, self.violations)))

    @classmethod
    def at(cls, field: str, rule: str) -> InvalidJob:
        return cls([Violation(field, rule)])


class UnknownJobType(InvalidJob):
    def __init__(self, job_type: str) -> None:
        self.job_type = job_type
        super().__init__([Violation("job_type", f"{job_type!r} is not registered by any worker")])


class JobNotFound(JobsError, LookupError):
    def __init__(self, job_id: object) -> None:
        self.job_id = job_id
        super().__init__(f"no job with id {job_id}")


class WorkflowNotFound(JobsError, LookupError):
    def __init__(self, workflow_id: object) -> None:
        self.workflow_id = workflow_id
        super().__init__(f"no workflow with id {workflow_id}")


class StepNotFound(JobsError, LookupError):
    def __init__(self, workflow_id: object, step: str) -> None:
        self.workflow_id, self.step = workflow_id, step
        super().__init__(f"workflow {workflow_id} has no step {step!r:.120}")


class JobNotOver(JobsError, TimeoutError):
    def __init__(self, job_id: object, status: str) -> None:
        self.job_id, self.status = job_id, status
        Exception.__init__(self, f"job {job_id} is still {status}")


class WrongState(JobsError):
    def __init__(self, job_id: object, state: str, wanted: str) -> None:
        self.job_id, self.state = job_id, state
        super().__init__(f"job {job_id} is {state}: cannot {wanted}")


class WrongWorkflowState(WrongState):
    def __init__(self, workflow_id: object, state: str, wanted: str) -> None:
        self.job_id, self.state = workflow_id, state
        Exception.__init__(self, f"workflow {workflow_id} is {state}: cannot {wanted}")


class NameTaken(JobsError):
    def __init__(self, what: str, name: str) -> None:
        self.name = name
        super().__init__(f"a {what} named {name!r:.120} exists already")


class IdempotencyConflict(JobsError):
    def __init__(self, job_type: str, key: str, job_id: object) -> None:
        self.job_type, self.key, self.job_id = job_type, key, job_id
        super().__init__(f"idempotency_key {key!r} of {job_type} was used by job {job_id} with another payload")


class MigrationError(JobsError):
    """The schema cannot be migrated; nothing was changed."""


class ForeignObjects(MigrationError):
    def __init__(self, schema: str, names: Sequence[str]) -> None:
        self.schema, self.names = schema, tuple(names)
        super().__init__(
            f"schema {schema!r} already holds objects that are not ours: {', '.join(names)}. "
            "Nothing was changed. Set JOB_SCHEMA to a schema of our own, for example JOB_SCHEMA=aeon_jobs."
        )


class DatabaseUnavailable(JobsError):
    """PostgreSQL did not answer in time."""
