"""Everything that was observed in a run, as plain data. Times are Unix seconds of the machine's clock."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Effect:
    """`began`: the handler started. `ran`: it did its work."""

    job_id: str
    attempt: int
    what: str
    at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission with a reply."""

    job_id: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancellation with a reply, and the number of attempts that the job had then."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    id: str
    job_type: str
    status: str
    attempt: int = 0
    retry_count: int = 0
    max_retries: int = 3
    worker_deaths: int = 0
    worker_id: str | None = None
    """The worker that claimed it last."""
    result: object = None
    """The number of the attempt that completed it, in this workload."""
    key: str | None = None
    is_cancel_requested: bool = False
    scheduled_at: float | None = None
    """As submitted; retries change it later."""
    due_time: float | None = None
    """The due time of its schedule."""
    parents: tuple[str, ...] = ()
    limit_key: str | None = None
    """Jobs with the same one share a limit."""
    workflow_id: str | None = None
    ends_workflow_id: str | None = None
    """The workflow whose callback it is."""


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    id: str
    state: str
    total: int
    completed: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Execution:
    """In the order of the table."""

    job_id: str
    attempt: int
    outcome: str
    started_at: float
    finished_at: float
    worker_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    job_id: str
    reason: str
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Booking:
    """A row that a transactional handler wrote."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Change:
    """One committed update of a row of `jobs`. Updates of one row are in the order of their commits."""

    job_id: str
    old_status: str
    new_status: str
    old_attempt: int
    new_attempt: int
    retries: int = 0
    """Change of retry_count."""
    deaths: int = 0
    result_changed: bool = False


@dataclass(slots=True)
class Record:
    accepted: list[Accepted] = field(default_factory=list)
    cancelled: list[Cancelled] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    jobs: list[JobRow] = field(default_factory=list)
    workflows: list[WorkflowRow] = field(default_factory=list)
    """Each has one callback for its end."""
    executions: list[Execution] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    due_times: list[float] = field(default_factory=list)
    """Due times of the schedule, each with a job of its own."""
    limit: int = 2
    """Attempts at once of jobs with one limit_key."""
    max_deaths: int = 3
    crashes: int = 0
    """Number of crashes of PostgreSQL. Claims are not flushed to disk, so a crash may remove the latest ones."""
