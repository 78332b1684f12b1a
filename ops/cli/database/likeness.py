"""Rows of tables as the client's views: the same fields that the API shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from aeon_jobs.api.client import views
from aeon_jobs.persistence.core.models import Job, JobExecution

V = TypeVar("V")


def like(kind: type[V], source: Any, **derived: Any) -> V:
    """A view from an object or a mapping with fields of the same names; `derived` gives those that have others."""
    names = [field.name for field in fields(kind) if field.name not in derived]  # type: ignore[arg-type]
    take = source.__getitem__ if isinstance(source, Mapping) else lambda name: getattr(source, name)
    return kind(**{name: take(name) for name in names}, **derived)


def job(row: Job, executions: list[JobExecution]) -> views.Job:
    attempts = [execution(entry) for entry in executions]
    return like(views.Job, row, job_id=row.id, metadata=row.meta, executions=attempts)


def execution(row: JobExecution) -> views.Execution:
    took = (row.finished_at - row.started_at).total_seconds() if row.started_at else None
    return like(views.Execution, row, duration_ms=None if took is None else round(took * 1_000))
