"""SQLModel mirrors of the tables: what a row looks like from Python. A test holds them against the migrated schema.

The migrations are the source; nothing is created from here. Never use a table model as the input of an endpoint: with
`table=True` SQLModel does not validate.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Enum,
    FetchedValue,
    ForeignKey,
    Identity,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from aeon_jobs.persistence.core.statuses import JobStatus as JobStatus


def _status() -> Column[Any]:
    values = [status.value for status in JobStatus]
    return Column(Enum(*values, name="job_status"), nullable=False, server_default="pending")


def _json(*, nullable: bool = False) -> Column[Any]:
    return Column(JSONB, nullable=nullable, server_default=None if nullable else FetchedValue())


def _now() -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True), nullable=False, sa_column_kwargs=_by_server())


def _time() -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True))


def _text(length: int | None = None, *, nullable: bool = True) -> Any:
    return Field(default=None, sa_type=String(length) if length else Text, nullable=nullable)


def _by_server() -> dict[str, Any]:
    return {"server_default": FetchedValue()}


class Job(SQLModel, table=True):
    __tablename__ = "jobs"

    id: UUID = Field(default=None, primary_key=True, sa_column_kwargs=_by_server())
    seq: int = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))
    job_type: str = _text(100, nullable=False)
    queue_name: str = _text(100, nullable=False)
    status: str = Field(default="pending", sa_column=_status())
    priority: int = 50
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    result: Any = Field(default=None, sa_column=_json(nullable=True))
    error_message: str | None = _text()
    retry_count: int = 0
    max_retries: int = 3
    timeout_ms: int = 300_000
    scheduled_at: datetime | None = _time()
    started_at: datetime | None = _time()
    completed_at: datetime | None = _time()
    created_at: datetime = _now()
    updated_at: datetime = _now()
    created_by: str | None = _text(255)
    # "metadata" is SQLAlchemy's own name on a declarative class.
    meta: dict[str, Any] = Field(
        default_factory=dict,
        sa_column=Column("metadata", JSONB, nullable=False, server_default=FetchedValue()),
    )
    ready: bool = True
    ready_at: datetime | None = _time()
    gated: bool = False
    limit_key: str | None = _text(255)
    expires_at: datetime | None = _time()
    workflow_id: UUID | None = None
    step_name: str | None = _text(100)
    blocked_by: int = 0
    has_dependents: bool = False
    dispatch_seq: int = 0
    queued_at: datetime | None = _time()
    attempt: int = 0
    worker_id: str | None = _text(255)
    lease_expires_at: datetime | None = _time()
    worker_deaths: int = 0
    checkpoint: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    progress: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    cancel_requested_at: datetime | None = _time()
    cancel_requested_by: str | None = _text(255)
    cancel_reason: str | None = _text()
    idempotency_key: str | None = _text(255)
    idempotency_expires_at: datetime | None = _time()
    schedule_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("job_schedules.id", ondelete="SET NULL"), nullable=True)
    )
    schedule_run_at: datetime | None = _time()
    traceparent: str | None = _text(55)
    tracestate: str | None = _text(512)


class JobExecution(SQLModel, table=True):
    """One attempt, written when it ended (or was found dead)."""

    __tablename__ = "job_executions"

    id: int = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    job_id: UUID = Field(sa_column=Column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True))
    attempt: int
    outcome: str = _text(20, nullable=False)
    worker_id: str | None = _text(255)
    started_at: datetime | None = _time()
    finished_at: datetime = _now()
    error_type: str | None = _text(255)
    error_message: str | None = _text()
    traceback: str | None = _text()
    created_at: datetime = _now()
    updated_at: datetime = _now()


class JobDependency(SQLModel, table=True):
    __tablename__ = "job_dependencies"
    __table_args__ = (CheckConstraint("job_id <> depends_on_job_id"),)

    job_id: UUID = Field(sa_column=Column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True))
    depends_on_job_id: UUID = Field(sa_column=Column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True))
    on_failure: str = Field(default="wait", sa_type=String(10))
    satisfied_at: datetime | None = _time()
    created_at: datetime = _now()
    updated_at: datetime = _now()


class JobSchedule(SQLModel, table=True):
    __tablename__ = "job_schedules"
    __table_args__ = (UniqueConstraint("name"),)

    id: UUID = Field(default=None, primary_key=True, sa_column_kwargs=_by_server())
    name: str = _text(100, nullable=False)
    job_type: str = _text(100, nullable=False)
    cron: str = _text(nullable=False)
    timezone: str = Field(default="UTC", sa_type=String(64))
    exclude: str | None = _text()
    start_at: datetime | None = _time()
    end_at: datetime | None = _time()
    jitter_ms: int = 0
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    # None: the job type's own.
    priority: int | None = None
    max_retries: int | None = None
    timeout_ms: int | None = None
    meta: dict[str, Any] = Field(
        default_factory=dict,
        sa_column=Column("metadata", JSONB, nullable=False, server_default=FetchedValue()),
    )
    enabled: bool = True
    pause_note: str | None = _text()
    resumed_at: datetime | None = _time()
    catch_up: str = Field(default="last", sa_type=String(10))
    catch_up_window_s: int | None = None
    overlap: str = Field(default="skip", sa_type=String(20))
    max_runs: int | None = None
    run_count: int = 0
    max_failures: int | None = None
    next_run_at: datetime | None = _time()
    last_run_at: datetime | None = _time()
    last_error: str | None = _text()
    declared: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    declared_in: str | None = _text(255)
    orphaned_at: datetime | None = _time()
    created_by: str | None = _text(255)
    created_at: datetime = _now()
    updated_at: datetime = _now()


class JobScheduleRun(SQLModel, table=True):
    """A due time that was decided on."""

    __tablename__ = "job_schedule_runs"

    schedule_id: UUID = Field(sa_column=Column(ForeignKey("job_schedules.id", ondelete="CASCADE"), primary_key=True))
    due_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    origin: str = _text(10, nullable=False)
    outcome: str = _text(10, nullable=False)
    reason: str | None = _text()
    job_id: UUID | None = None
    ended_as: str | None = _text(10)
    created_at: datetime = _now()


class JobLog(SQLModel, table=True):
    """A line that a handler logged."""

    __tablename__ = "job_logs"

    job_id: UUID = Field(sa_column=Column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True))
    attempt: int = Field(primary_key=True)
    line: int = Field(primary_key=True)
    logged_at: datetime = Field(sa_type=DateTime(timezone=True))
    level: str = _text(10, nullable=False)
    message: str = _text(nullable=False)


class DeadLetterJob(SQLModel, table=True):
    """A job that somebody has to look at. Open while `resolved_at` is null."""

    __tablename__ = "dead_letter_jobs"

    id: int = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    job_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("jobs.id", ondelete="CASCADE"), nullable=True)
    )
    job_type: str | None = _text(100)
    queue_name: str | None = _text(100)
    reason: str = _text(20, nullable=False)
    error_type: str | None = _text(255)
    error_message: str | None = _text()
    traceback: str | None = _text()
    fingerprint: str | None = _text(64)
    payload: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    attempts: int = 0
    resolved_at: datetime | None = _time()
    resolution: str | None = _text(10)
    resolved_by: str | None = _text(255)
    created_at: datetime = _now()
    updated_at: datetime = _now()


class JobType(SQLModel, table=True):
    """What some worker can run. Workers write it when they boot; every submission reads it."""

    __tablename__ = "job_types"

    name: str = Field(sa_column=Column(String(100), primary_key=True))
    queue_name: str = Field(default="default", sa_type=String(100))
    description: str = Field(default="", sa_type=Text)
    payload_schema: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    example: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    priority: int = 50
    max_retries: int = 3
    timeout_ms: int = 300_000
    limits: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    """What the code declares; see persistence.queue.limits."""
    limits_override: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    """What an operator has set instead."""
    uniqueness: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    """What the code declares; see persistence.queue.unique."""
    paused_at: datetime | None = _time()
    paused_by: str | None = _text(255)
    pause_reason: str | None = _text()
    created_at: datetime = _now()
    updated_at: datetime = _now()

    @property
    def limits_in_force(self) -> dict[str, Any] | None:
        return self.limits if self.limits_override is None else self.limits_override


class JobQueue(SQLModel, table=True):
    """A queue somebody paused or limited. A queue without a row is neither."""

    __tablename__ = "job_queues"

    name: str = Field(sa_column=Column(String(100), primary_key=True))
    paused_at: datetime | None = _time()
    paused_by: str | None = _text(255)
    pause_reason: str | None = _text()
    max_running: int | None = None
    created_at: datetime = _now()
    updated_at: datetime = _now()


class JobLimitState(SQLModel, table=True):
    """A job type with limits. Who locks the row admits its jobs."""

    __tablename__ = "job_limit_states"

    job_type: str = Field(
        sa_column=Column(String(100), ForeignKey("job_types.name", ondelete="CASCADE"), primary_key=True)
    )
    last_key: str = Field(default="", sa_type=String(255))
    """Whose turn it was last."""
    tokens: float | None = Field(default=None, sa_column=Column(Double, nullable=True))
    """Starts that are left of the type's period."""
    refilled_at: datetime = _now()


class JobLimitBucket(SQLModel, table=True):
    """What is left of the starts of a key in its period. No row: all."""

    __tablename__ = "job_limit_buckets"

    job_type: str = Field(
        sa_column=Column(String(100), ForeignKey("job_types.name", ondelete="CASCADE"), primary_key=True)
    )
    limit_key: str = Field(sa_column=Column(String(255), primary_key=True))
    tokens: float = Field(sa_type=Double)
    refilled_at: datetime = Field(sa_type=DateTime(timezone=True))


class Worker(SQLModel, table=True):
    """A process of ours and its proof of life."""

    __tablename__ = "workers"

    id: str = Field(sa_column=Column(String(255), primary_key=True))
    kind: str = _text(20, nullable=False)
    hostname: str = _text(255, nullable=False)
    boot_id: str = _text(100, nullable=False)
    pid_namespace: str = _text(100, nullable=False)
    pid: int
    process_started_at: float = Field(sa_type=Double)
    broker_id: str | None = _text(100)
    queues: list[str] = Field(
        default_factory=list,
        sa_column=Column(ARRAY(String(100)), nullable=False, server_default=FetchedValue()),
    )
    job_types: list[str] = Field(
        default_factory=list,
        sa_column=Column(ARRAY(String(100)), nullable=False, server_default=FetchedValue()),
    )
    lane: str | None = _text(40)
    schema_digests: dict[str, str] = Field(default_factory=dict, sa_column=_json())
    threads: int = 0
    busy: int = 0
    version: str = _text(50, nullable=False)
    state: str = Field(default="running", sa_type=String(10))
    started_at: datetime = _now()
    last_seen_at: datetime = _now()
    stopped_at: datetime | None = _time()
    quieted_at: datetime | None = _time()


class JobCounter(SQLModel, table=True):
    """Monotonic counts behind the Prometheus metrics, sharded by worker.

    Of metric `wait_bucket`, `job_type` is a queue. Of buckets, `seconds` is what their events took together.
    """

    __tablename__ = "job_counters"

    metric: str = Field(sa_column=Column(String(50), primary_key=True))
    job_type: str = Field(sa_column=Column(String(100), primary_key=True))
    label: str = Field(sa_column=Column(String(255), primary_key=True))
    shard: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    value: float = Field(default=0, sa_type=Double)
    seconds: float = Field(default=0, sa_type=Double)


class BackgroundTask(SQLModel, table=True):
    """A task of the dispatchers, or the tick of the schedules (`schedules`)."""

    __tablename__ = "job_background_tasks"

    name: str = Field(sa_column=Column(String(50), primary_key=True))
    last_success_at: datetime | None = _time()


class JobStatistics(SQLModel, table=True):
    """What happened in a span of time: of all jobs (no name), of a queue, or of a job type. An average may be unknown."""

    __tablename__ = "job_statistics"

    span_s: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    kind: str = Field(sa_column=Column(String(10), primary_key=True))
    begins_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    name: str = Field(sa_column=Column(String(100), primary_key=True))
    submitted: float = Field(default=0, sa_type=Double)
    completed: float = Field(default=0, sa_type=Double)
    retried: float = Field(default=0, sa_type=Double)
    failed: float = Field(default=0, sa_type=Double)
    discarded: float = Field(default=0, sa_type=Double)
    cancelled: float = Field(default=0, sa_type=Double)
    runs: list[float] | None = Field(default=None, sa_column=Column(ARRAY(Double)))
    run_s: float = Field(default=0, sa_type=Double)
    waits: list[float] | None = Field(default=None, sa_column=Column(ARRAY(Double)))
    wait_s: float = Field(default=0, sa_type=Double)
    ready: float | None = Field(default=None, sa_type=Double)
    ready_most: float | None = Field(default=None, sa_type=Double)
    queued: float | None = Field(default=None, sa_type=Double)
    running: float | None = Field(default=None, sa_type=Double)
    dead_letters: float | None = Field(default=None, sa_type=Double)
    slots: float | None = Field(default=None, sa_type=Double)
    busy: float | None = Field(default=None, sa_type=Double)


class CounterMark(SQLModel, table=True):
    """Up to which value of a counter the last span counts."""

    __tablename__ = "job_counter_marks"

    metric: str = Field(sa_column=Column(String(50), primary_key=True))
    name: str = Field(sa_column=Column(String(100), primary_key=True))
    label: str = Field(sa_column=Column(String(255), primary_key=True))
    value: float = Field(sa_type=Double)
    seconds: float = Field(default=0, sa_type=Double)
