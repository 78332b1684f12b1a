"""Everything that was seen in a run, as plain data. Moments are Unix seconds by the clock of the machine."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Effect:
    """`began`: a handler was entered. `ran`: it did its work."""

    job_id: str
    attempt: int
    what: str
    at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission that was answered."""

    job_id: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancellation that was answered, and the number of attempts the job had had by then."""

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
    """Who claimed it last."""
    result: object = None
    """The number of the attempt that completed it, in this workload."""
    key: str | None = None
    is_cancel_requested: bool = False
    scheduled_at: float | None = None
    """As submitted, before retries moved it."""
    moment: float | None = None
    """Of its schedule."""
    parents: tuple[str, ...] = ()


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
class Letter:
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
    """One update of a row of `jobs`, committed; in the order of the commits, as far as one row is concerned."""

    job_id: str
    old_status: str
    new_status: str
    old_attempt: int
    new_attempt: int
    retries: int = 0
    """By how much retry_count was raised."""
    deaths: int = 0
    result_changed: bool = False


@dataclass(slots=True)
class Record:
    accepted: list[Accepted] = field(default_factory=list)
    cancelled: list[Cancelled] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    jobs: list[JobRow] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    """Those that the schedule had to make up for, each with a job of its own."""
    max_deaths: int = 3
    crashes: int = 0
    """How often PostgreSQL was crashed. A claim needs no fsync, so a crash may take the latest ones back."""
