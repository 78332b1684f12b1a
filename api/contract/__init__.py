"""What is asked and what is answered, by noun: every shape is declared here, once, and server, client and CLI share it.

    fields      types of fields, and what they may hold
    pages       the one shape of every list
    jobs, workflows, dead_letters, schedules, queues, workers, job_types, job_logs, keys, audit, archive, metrics,
    health      the nouns
    protocol    every verb, whoever answers

Plain frozen dataclasses. A request says what its fields may hold; the server checks it with pydantic. This package imports the
standard library and `annotated_types`, nothing of ours: the client stands alone with it.
"""

from aeon_jobs.api.contract.archive import (
    ArchiveDay,
    ArchivePartition,
    ArchiveRun,
    ArchiveRunRequest,
    ArchiveStatus,
    RetentionDays,
)
from aeon_jobs.api.contract.audit import AuditEntry, AuditFilter
from aeon_jobs.api.contract.dead_letters import (
    FAILURE_PERIODS,
    DeadLetter,
    DeadLetterCause,
    DeadLetterFilter,
    DeadLetterRequeue,
    DeadLetterSelection,
    DeadLetterStatus,
    DeadLetterSummary,
    DeadReason,
    FailureGroup,
    FailureGroups,
    FailurePeriod,
    RequeueRequest,
)
from aeon_jobs.api.contract.fields import FINAL, JsonObject, Request, SortKey, Status
from aeon_jobs.api.contract.health import Check, Health, HealthState
from aeon_jobs.api.contract.job_logs import LogLine
from aeon_jobs.api.contract.job_types import JobType
from aeon_jobs.api.contract.jobs import (
    BatchAnswer,
    BatchItem,
    Dependency,
    Event,
    Execution,
    Explanation,
    ExplanationReason,
    Job,
    JobChange,
    JobEvent,
    JobFilter,
    JobRetry,
    JobsChange,
    JobSelection,
    JobSummary,
    NewJob,
    NewJobs,
    OnFailure,
    Selection,
    Submitted,
)
from aeon_jobs.api.contract.keys import ApiKey, Me, NewKey, NewKeyRequest
from aeon_jobs.api.contract.metrics import (
    PERIODS,
    Depths,
    History,
    HistoryPoint,
    Metrics,
    Period,
    QueueHistory,
    Statistics,
    TypeStatistics,
    WorkerHealth,
)
from aeon_jobs.api.contract.pages import Page
from aeon_jobs.api.contract.protocol import JobsApi
from aeon_jobs.api.contract.queues import Queue, QueueLimit, QueuePause, QueuePurge
from aeon_jobs.api.contract.schedules import (
    Backfill,
    Backfilled,
    NewSchedule,
    Schedule,
    ScheduleChange,
    ScheduleRun,
)
from aeon_jobs.api.contract.workers import Worker
from aeon_jobs.api.contract.workflow_steps import (
    NewStep,
    Signal,
    StepCondition,
    StepEdge,
    WorkflowGraph,
    WorkflowStep,
)
from aeon_jobs.api.contract.workflows import NewWorkflow, Workflow, WorkflowCallback

__all__ = [
    "FAILURE_PERIODS",
    "FINAL",
    "PERIODS",
    "ApiKey",
    "ArchiveDay",
    "ArchivePartition",
    "ArchiveRun",
    "ArchiveRunRequest",
    "ArchiveStatus",
    "AuditEntry",
    "AuditFilter",
    "Backfill",
    "Backfilled",
    "BatchAnswer",
    "BatchItem",
    "Check",
    "DeadLetter",
    "DeadLetterCause",
    "DeadLetterFilter",
    "DeadLetterRequeue",
    "DeadLetterSelection",
    "DeadLetterStatus",
    "DeadLetterSummary",
    "DeadReason",
    "Dependency",
    "Depths",
    "Event",
    "Execution",
    "Explanation",
    "ExplanationReason",
    "FailureGroup",
    "FailureGroups",
    "FailurePeriod",
    "Health",
    "HealthState",
    "History",
    "HistoryPoint",
    "Job",
    "JobChange",
    "JobEvent",
    "JobFilter",
    "JobRetry",
    "JobSelection",
    "JobSummary",
    "JobType",
    "JobsApi",
    "JobsChange",
    "JsonObject",
    "LogLine",
    "Me",
    "Metrics",
    "NewJob",
    "NewJobs",
    "NewKey",
    "NewKeyRequest",
    "NewSchedule",
    "NewStep",
    "NewWorkflow",
    "OnFailure",
    "Page",
    "Period",
    "Queue",
    "QueueHistory",
    "QueueLimit",
    "QueuePause",
    "QueuePurge",
    "Request",
    "RequeueRequest",
    "RetentionDays",
    "Schedule",
    "ScheduleChange",
    "ScheduleRun",
    "Selection",
    "Signal",
    "SortKey",
    "Statistics",
    "Status",
    "StepCondition",
    "StepEdge",
    "Submitted",
    "TypeStatistics",
    "Worker",
    "WorkerHealth",
    "Workflow",
    "WorkflowCallback",
    "WorkflowGraph",
    "WorkflowStep",
]
