"""Rows of submissions become jobs: inserted, or, where a key is taken, found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.archive.returning import bring_back
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import borrowed, call, run
from aeon_jobs.persistence.core.errors import IdempotencyConflict, InvalidJob, JobsError, Violation
from aeon_jobs.persistence.queue.submissions import Row, Submitted
from aeon_jobs.persistence.queue.unique import STATES

if TYPE_CHECKING:
    from sqlalchemy import Connection


def store(
    connection: Connection, rows: Sequence[Row], schema: str | None = None, *, first: int | None = None
) -> list[Submitted]:
    """Store jobs; the answers stand in their order. `schema`: ours, on somebody else's connection.

    Raises:
        InvalidJob: there is no job that one is to depend on. If `first` is given, the place of the first row among many, the
            fields are prefixed with places.
        IdempotencyConflict
    """
    has_parents = any(row.new.depends_on for row in rows)
    if has_parents:
        with borrowed(connection, schema):
            _refuse_missing_parents(connection, rows, first)
    inserted = {submitted.id: submitted for submitted in _insert(connection, rows, schema)}
    crash("submit.stored")
    if len(inserted) == len(rows) and not has_parents:
        return list(inserted.values())
    with borrowed(connection, schema):
        return [_settled(connection, row, inserted.get(row.id)) for row in rows]


def _refuse_missing_parents(connection: Connection, rows: Sequence[Row], first: int | None) -> None:
    parents = sorted({parent for row in rows for parent in row.new.depends_on})
    missing = set(run(connection, "queue/missing_jobs", {"ids": parents}).scalars())
    if missing:
        # Of the archive: a job may depend on one that ended long ago.
        bring_back(connection, missing)
        missing = set(run(connection, "queue/missing_jobs", {"ids": list(missing)}).scalars())
    violations = [
        Violation("depends_on" if first is None else f"jobs[{place}].depends_on", f"no job with id {parent}")
        for place, row in enumerate(rows, first or 0)
        for parent in row.new.depends_on
        if parent in missing
    ]
    if violations:
        raise InvalidJob(violations)


def _insert(connection: Connection, rows: Sequence[Row], schema: str | None) -> list[Submitted]:
    """Those that are new, in their order."""
    new_jobs = f"[{','.join(row.json() for row in rows)}]"
    return [Submitted(*job) for job in call(connection, "submit_jobs", new_jobs, schema=schema)]


def _settled(connection: Connection, row: Row, inserted: Submitted | None) -> Submitted:
    if inserted:
        return _depend(connection, row, inserted)
    if row.unique_key is not None:
        return _by_likeness(connection, row, row.unique_key)
    return _by_key(connection, row) if row.new.idempotency_key is not None else _by_moment(connection, row)


def _depend(connection: Connection, row: Row, inserted: Submitted) -> Submitted:
    """Its status may change: one that is to be cancelled with a parent that failed already is."""
    if not row.new.depends_on:
        return inserted
    parents, on_failure = sorted(set(row.new.depends_on)), row.new.on_dependency_failure
    run(connection, "queue/depend", {"job_id": inserted.id, "parents": parents, "on_failure": on_failure})
    if on_failure != "cancel":
        return inserted
    return replace(inserted, status=run(connection, "queue/result_of", {"id": inserted.id}).one().status)


def _by_moment(connection: Connection, row: Row) -> Submitted:
    """The schedule has had its job for that moment."""
    moment = {name: row.template.fields[name] for name in ("schedule_id", "schedule_run_at")}
    holder = run(connection, "queue/find_by_moment", moment).one()
    return Submitted(holder.id, holder.status, holder.created_at, is_new=False)


def _by_key(connection: Connection, row: Row) -> Submitted:
    """The key was taken: bring that job back, or take the key from it if it is over."""
    key = {name: row.template.fields[name] for name in ("job_type", "idempotency_key")}
    for _ in range(10):
        holder = run(connection, "queue/find_by_key", {**key, "payload": row.payload}).one_or_none()
        if holder and not holder.is_over:
            if not holder.same_payload:
                raise IdempotencyConflict(key["job_type"], key["idempotency_key"], holder.id)
            return Submitted(holder.id, holder.status, holder.created_at, is_new=False)
        if holder:
            run(connection, "queue/free_key", {"id": holder.id, "idempotency_key": key["idempotency_key"]})
        if inserted := _insert(connection, [row], None):
            return _depend(connection, row, inserted[0])
    raise JobsError(f"idempotency_key {key['idempotency_key']!r} is taken by one job after another")


def _by_likeness(connection: Connection, row: Row, key: str) -> Submitted:
    """Another job is like this one: bring it back, or take the key from it if its right has ended."""
    rule = row.template.unique or {}
    named = {"job_type": row.template.fields["job_type"], "key": key}
    states = STATES[rule.get("while")]
    for _ in range(10):
        if "debounce_ms" in rule and (waiting := _postponed(connection, row, named, rule)):
            return waiting
        holder = run(connection, "queue/find_unique", {**named, "states": states}).one_or_none()
        if holder and holder.is_held:
            return Submitted(holder.id, holder.status, holder.created_at, is_new=False)
        if holder:
            run(connection, "queue/free_unique", {"id": holder.id, "key": key, "states": states})
        if inserted := _insert(connection, [row], None):
            return _depend(connection, row, inserted[0])
    raise JobsError(f"one {named['job_type']} job after another is like this one")


def _postponed(connection: Connection, row: Row, named: Mapping[str, str], rule: Mapping[str, Any]) -> Submitted | None:
    times = {name: rule[name] for name in ("debounce_ms", "max_wait_ms")}
    changes = {"payload": row.payload, "limit_key": row.limit_key}
    waiting = run(connection, "queue/debounce", {**named, **times, **changes}).one_or_none()
    return Submitted(waiting.id, waiting.status, waiting.created_at, is_new=False) if waiting else None
