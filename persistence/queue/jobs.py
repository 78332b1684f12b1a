"""Jobs as producers see them: submit, get, cancel.

Submitting is one INSERT in the caller's transaction: commit means the job exists, rollback means it never was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import (
    IdempotencyConflict,
    InvalidJob,
    JobNotFound,
    JobsError,
    Violation,
    WrongState,
)
from aeon_jobs.persistence.core.ids import new_job_id
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.queue import job_types

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.persistence.core.models import Job

OnFailure = Literal["wait", "cancel", "run"]
MAX_BULK = 10_000
MAX_VIOLATIONS = 100
"""That one answer names."""
MAX_METADATA_BYTES = 65_536
MAX_DELAY_MS = 10 * 365 * 86_400_000


class Defaults(Protocol):
    """What submitting needs to know of a job type: a row of `job_types`, or an actor's own definition."""

    @property
    def name(self) -> str: ...
    @property
    def queue_name(self) -> str: ...
    @property
    def payload_schema(self) -> dict[str, Any]: ...
    @property
    def priority(self) -> int: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def timeout_ms(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A submission. None in `priority`, `max_retries`, `timeout_ms`, `queue_name` means the job type's own default."""

    job_type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    max_retries: int | None = None
    timeout_ms: int | None = None
    queue_name: str | None = None
    scheduled_at: datetime | None = None
    delay_ms: int | None = None
    """Instead of `scheduled_at`: from now on, by the clock of PostgreSQL."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_by: str | None = None
    idempotency_key: str | None = None
    idempotency_window_s: float | None = None
    """How long the key stays taken, from submission; it is taken in any case while the job lives."""
    depends_on: Sequence[UUID] = ()
    on_dependency_failure: OnFailure = "wait"
    traceparent: str | None = None
    tracestate: str | None = None
    schedule_id: UUID | None = None
    schedule_run_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job that answers a submission; `is_new` is False when an idempotency key brought an existing one back."""

    id: UUID
    status: str
    created_at: datetime
    is_new: bool = True


def submit(connection: Connection, new: NewJob, job_type: Defaults | None = None) -> Submitted:
    """Store one job.

    Raises:
        InvalidJob: names every field at fault; UnknownJobType is one of them. Nothing was stored.
        IdempotencyConflict: the key belongs to a job with another payload.
    """
    row = _row(new, job_type or job_types.get(connection, new.job_type), "")
    _refuse_missing_parents(connection, [new], [""])
    return _store(connection, [row], [new])[0]


def submit_many(
    connection: Connection,
    new_jobs: Sequence[NewJob],
    known: Mapping[str, Defaults] | None = None,
    *,
    portion: int | None = None,
    first: int = 0,
) -> list[Submitted]:
    """Store many jobs, all or none; the answers stand in the order of the submissions.

    All are checked before the first is stored. `known`: their job types, where the registry need not be asked. `portion`:
    most jobs of one statement; then call it in a transaction. Without it at most MAX_BULK, in one statement. `first`: the
    place of the first one in what the caller submits, for the errors.

    Raises:
        InvalidJob: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``.
        IdempotencyConflict: as for `submit`.
    """
    if portion is None and not 0 < len(new_jobs) <= MAX_BULK:
        raise InvalidJob.at("jobs", f"must be 1 to {MAX_BULK} jobs, is {len(new_jobs)}")
    rows = check_many(connection, new_jobs, known, first=first)
    _refuse_missing_parents(connection, new_jobs, _prefixes(new_jobs, first))
    step = portion or MAX_BULK
    return [
        submitted
        for start in range(0, len(rows), step)
        for submitted in _store(connection, rows[start : start + step], new_jobs[start : start + step])
    ]


def check_many(
    connection: Connection, new_jobs: Sequence[NewJob], known: Mapping[str, Defaults] | None = None, *, first: int = 0
) -> list[dict[str, Any]]:
    """Hold submissions against every rule, and store nothing; their rows.

    Raises:
        InvalidJob: as for `submit_many`.
    """
    if known is None:
        known = job_types.get_many(connection, [new.job_type for new in new_jobs])
    rows, violations = [], list[Violation]()
    for prefix, new in zip(_prefixes(new_jobs, first), new_jobs, strict=True):
        try:
            rows.append(_row(new, known.get(str(new.job_type)), prefix))
        except InvalidJob as error:
            violations.extend(error.violations)
    if violations:
        raise InvalidJob(violations[:MAX_VIOLATIONS])
    return rows


def _prefixes(new_jobs: Sequence[NewJob], first: int) -> list[str]:
    return [f"jobs[{index}]." for index in range(first, first + len(new_jobs))]


def get(connection: Connection, job_id: UUID) -> Job:
    """The job, as a detached row.

    Raises:
        JobNotFound
    """
    from sqlmodel import select

    from aeon_jobs.persistence.core.models import Job

    found = connection.execute(select(Job).where(Job.id == job_id)).mappings().one_or_none()
    if found is None:
        raise JobNotFound(job_id)
    return job_from(dict(found))


def job_from(row: Mapping[str, Any]) -> Job:
    """A Job from a row of all its columns; the column `metadata` is attribute `meta`."""
    from aeon_jobs.persistence.core.models import Job

    fields = dict(row)
    if "metadata" in fields:
        fields["meta"] = fields.pop("metadata")
    return Job(**fields)


def cancel(connection: Connection, job_id: UUID, reason: str | None = None, by: str | None = None) -> Job:
    """Cancel a job: a pending or queued one is cancelled in the answer, a running one has the request noted.

    Raises:
        JobNotFound
        WrongState: it is over.
    """
    won = run(connection, "queue/cancel", {"id": job_id, "reason": reason, "by": by}).rowcount
    job = get(connection, job_id)
    if not won:
        raise WrongState(job_id, job.status, "be cancelled")
    return job


def check(new: NewJob, job_type: Defaults) -> None:
    """Hold a submission against every rule, and store nothing.

    Raises:
        InvalidJob
    """
    _row(new, job_type, "")


def check_payload(connection: Connection, job_type: str, payload: Mapping[str, Any]) -> None:
    """Hold an edited payload against its job type.

    Raises:
        InvalidJob
    """
    payloads.encode(dict(payload), "payload", limit=payload_limit())
    payloads.validate(payload, job_types.get(connection, job_type).payload_schema)


def payload_limit() -> int:
    """Most bytes of a payload as JSON."""
    return get_settings().job_max_payload_bytes


def _row(new: NewJob, job_type: Defaults | None, prefix: str) -> dict[str, Any]:
    """The row to insert, once every rule holds."""
    if job_type is None:
        raise InvalidJob.at(f"{prefix}job_type", f"{new.job_type!r:.100} is not registered by any worker")
    violations = [Violation(prefix + v.field, v.rule) for v in _broken_rules(new)]
    violations += _broken_json(new.metadata, f"{prefix}metadata", MAX_METADATA_BYTES)
    in_payload = _broken_json(new.payload, f"{prefix}payload", payload_limit())
    violations += in_payload or _broken_schema(new.payload, job_type, f"{prefix}payload")
    if violations:
        raise InvalidJob(violations)
    return {
        "id": str(new_job_id()),
        "job_type": job_type.name,
        "queue_name": new.queue_name or job_type.queue_name,
        "priority": job_type.priority if new.priority is None else new.priority,
        "payload": dict(new.payload),
        "max_retries": job_type.max_retries if new.max_retries is None else new.max_retries,
        "timeout_ms": job_type.timeout_ms if new.timeout_ms is None else new.timeout_ms,
        "scheduled_at": _iso(new.scheduled_at),
        "delay_ms": new.delay_ms,
        "created_by": new.created_by,
        "metadata": dict(new.metadata),
        "idempotency_key": new.idempotency_key,
        "idempotency_window_s": new.idempotency_window_s,
        "traceparent": new.traceparent,
        "tracestate": new.tracestate,
        "schedule_id": str(new.schedule_id) if new.schedule_id else None,
        "schedule_run_at": _iso(new.schedule_run_at),
    }


def _broken_json(value: Any, field: str, limit: int) -> list[Violation]:
    if not isinstance(value, Mapping):
        return [Violation(field, "must be an object")]
    try:
        payloads.encode(dict(value), field, limit=limit)
    except InvalidJob as error:
        return list(error.violations)
    return []


def _broken_schema(payload: Mapping[str, Any], job_type: Defaults, field: str) -> list[Violation]:
    try:
        payloads.validate(payload, job_type.payload_schema, field)
    except InvalidJob as error:
        return list(error.violations)
    return []


def _broken_rules(new: NewJob) -> list[Violation]:
    """The ranges of SPEC section 3, for every way of submitting."""
    ranges = [
        ("priority", new.priority, 0, 100),
        ("max_retries", new.max_retries, 0, 10),
        ("timeout_ms", new.timeout_ms, 1_000, 600_000),
    ]
    broken = [
        Violation(name, f"must be a whole number from {low} to {high}")
        for name, value, low, high in ranges
        if value is not None and not (type(value) is int and low <= value <= high)
    ]
    texts = [
        ("queue_name", new.queue_name, 100),
        ("created_by", new.created_by, 255),
        ("idempotency_key", new.idempotency_key, 255),
        ("traceparent", new.traceparent, 55),
        ("tracestate", new.tracestate, 512),
    ]
    broken += [
        Violation(name, f"must be 1 to {limit} characters of plain text")
        for name, text, limit in texts
        if text is not None and not (isinstance(text, str) and 0 < len(text) <= limit and payloads.is_storable(text))
    ]
    if new.scheduled_at is not None and not _is_moment(new.scheduled_at):
        broken.append(Violation("scheduled_at", "must be a point in time that carries a time zone"))
    if new.delay_ms is not None and new.scheduled_at is not None:
        broken.append(Violation("delay", "give either delay or scheduled_at, not both"))
    if new.delay_ms is not None and not _is_delay(new.delay_ms):
        broken.append(Violation("delay", f"must be 0 to {MAX_DELAY_MS} milliseconds"))
    if new.idempotency_window_s is not None and not _is_window(new.idempotency_window_s):
        broken.append(Violation("idempotency_window_s", "must be more than 0 s and at most 366 days"))
    if new.on_dependency_failure not in ("wait", "cancel", "run"):
        broken.append(Violation("on_dependency_failure", "must be one of wait, cancel, run"))
    if len(new.depends_on) > 1_000:
        broken.append(Violation("depends_on", "must be at most 1000 jobs"))
    if not all(isinstance(parent, UUID) for parent in new.depends_on):
        broken.append(Violation("depends_on", "must be ids of jobs"))
    return broken


def _is_moment(value: Any) -> bool:
    try:
        return value.tzinfo is not None and bool(_iso(value))
    except (AttributeError, OverflowError):  # year 9999, west of Greenwich
        return False


def _is_delay(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= MAX_DELAY_MS


def _is_window(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value <= 366 * 86_400


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _store(connection: Connection, rows: list[dict[str, Any]], new_jobs: Sequence[NewJob]) -> list[Submitted]:
    stored = {row.id: row for row in run(connection, "queue/submit", {"jobs": json.dumps(rows)})}
    crash("submit.stored")
    answers = []
    for row, new in zip(rows, new_jobs, strict=True):
        if inserted := stored.get(UUID(row["id"])):
            status = _depend(connection, inserted.id, new) or inserted.status
            answers.append(Submitted(inserted.id, status, inserted.created_at))
        elif row["idempotency_key"] is not None:
            answers.append(_by_key(connection, row, new))
        else:
            answers.append(_by_moment(connection, row))
    return answers


def _refuse_missing_parents(connection: Connection, new_jobs: Sequence[NewJob], prefixes: Sequence[str]) -> None:
    parents = sorted({parent for new in new_jobs for parent in new.depends_on})
    missing = set(run(connection, "queue/missing_jobs", {"ids": parents}).scalars()) if parents else set()
    violations = [
        Violation(f"{prefix}depends_on", f"no job with id {parent}")
        for prefix, new in zip(prefixes, new_jobs, strict=True)
        for parent in new.depends_on
        if parent in missing
    ]
    if violations:
        raise InvalidJob(violations[:MAX_VIOLATIONS])


def _depend(connection: Connection, job_id: UUID, new: NewJob) -> str | None:
    """The job's status, if that may have changed: one that is to be cancelled with a parent that failed already is."""
    if not new.depends_on:
        return None
    parents = sorted(set(new.depends_on))
    run(connection, "queue/depend", {"job_id": job_id, "parents": parents, "on_failure": new.on_dependency_failure})
    return get(connection, job_id).status if new.on_dependency_failure == "cancel" else None


def _by_moment(connection: Connection, row: dict[str, Any]) -> Submitted:
    """The schedule has had its job for that moment."""
    moment = {"schedule_id": row["schedule_id"], "schedule_run_at": row["schedule_run_at"]}
    holder = run(connection, "queue/find_by_moment", moment).one()
    return Submitted(holder.id, holder.status, holder.created_at, is_new=False)


def _by_key(connection: Connection, row: dict[str, Any], new: NewJob) -> Submitted:
    """The key was taken: bring that job back, or take the key from it if it is over."""
    for _ in range(10):
        key = {"job_type": row["job_type"], "idempotency_key": row["idempotency_key"]}
        holder = run(connection, "queue/find_by_key", {**key, "payload": json.dumps(row["payload"])}).one_or_none()
        if holder and not holder.is_over:
            if not holder.same_payload:
                raise IdempotencyConflict(row["job_type"], row["idempotency_key"], holder.id)
            return Submitted(holder.id, holder.status, holder.created_at, is_new=False)
        if holder:
            run(connection, "queue/free_key", {"id": holder.id, "idempotency_key": row["idempotency_key"]})
        if inserted := run(connection, "queue/submit", {"jobs": json.dumps([row])}).one_or_none():
            status = _depend(connection, inserted.id, new) or inserted.status
            return Submitted(inserted.id, status, inserted.created_at)
    raise JobsError(f"idempotency_key {row['idempotency_key']!r} is taken by one job after another")
