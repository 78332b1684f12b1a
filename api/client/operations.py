"""The operations of the API as values: what is sent and how the answer is read, without any IO. Here those about jobs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote
from uuid import UUID

from aeon_jobs.api import contract
from aeon_jobs.api.client.bodies import body
from aeon_jobs.api.client.parsing import listed, many, one
from aeon_jobs.api.contract import JobFilter, NewJob, OnFailure

T = TypeVar("T")
S = TypeVar("S")
Params = tuple[tuple[str, str], ...]
Id = UUID | str
BULK_EXTRA_S = 50.0
"""Ten thousand payloads are checked and stored in seconds; on a busy machine in many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[T]):
    """A request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[Any], T]
    params: Params = ()
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    """Sent twice it does what it does sent once: it only reads, or carries an Idempotency-Key."""
    extra_s: float = 0.0
    """How much longer than usual the server may take to answer."""


def get(path: str, read: Callable[[Any], T], **params: object) -> Operation[T]:
    return Operation(method="GET", path=path, read=read, params=_params(params), repeatable=True)


def post(path: str, read: Callable[[Any], T], body: Any = None, **params: object) -> Operation[T]:
    return Operation(method="POST", path=path, read=read, body=body, params=_params(params))


def keyed(operation: Operation[T], request_key: str | None) -> Operation[T]:
    """The same, safe to send again: the server answers a key that it has seen with its first answer."""
    return replace(operation, headers={"Idempotency-Key": request_key or str(uuid.uuid4())}, repeatable=True)


def page_of(kind: type[T]) -> Callable[[Any], contract.Page[T]]:
    read = many(kind)

    def read_page(value: Any) -> contract.Page[T]:
        return contract.Page(
            items=read(value.get("items")),
            next_cursor=value.get("next_cursor"),
            total=value.get("total"),
            total_is_capped=value.get("total_is_capped", False),
            is_cut_off=value.get("is_cut_off", False),
        )

    return read_page


def after(operation: Operation[contract.Page[T]], page: contract.Page[T]) -> Operation[contract.Page[T]] | None:
    """The operation for the page after `page`; None when that was the last."""
    if page.next_cursor is None:
        return None
    others = tuple((name, value) for name, value in operation.params if name != "cursor")
    return replace(operation, params=(*others, ("cursor", page.next_cursor)))


def nothing(_: Any) -> None:
    """Reads an answer that says nothing."""


def segment(name: object) -> str:
    """A name as a part of a path: one with a slash in it stays one part."""
    return quote(str(name), safe="")


def submit(
    job_type: str,
    payload: Mapping[str, Any] | None = None,
    *,
    priority: int | None = None,
    max_retries: int | None = None,
    timeout_ms: int | None = None,
    scheduled_at: datetime | None = None,
    expires_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    queue_name: str | None = None,
    idempotency_key: str | None = None,
    idempotency_window_s: float | None = None,
    depends_on: Sequence[UUID] = (),
    on_dependency_failure: OnFailure = "wait",
    workflow_id: UUID | None = None,
    request_key: str | None = None,
) -> Operation[contract.Submitted]:
    """Submit a job. See NewJob for the fields.

    `request_key` names this very request (made up when left out), so that it can be sent again after a lost answer;
    `idempotency_key` names the job, for as long as it lives.

    Raises:
        InvalidRequest: names every field at fault.
        IdempotencyKeyReused: one of the keys belongs to another submission.
    """
    new = NewJob(
        job_type=job_type,
        payload=payload or {},
        priority=priority,
        max_retries=max_retries,
        timeout_ms=timeout_ms,
        scheduled_at=scheduled_at,
        expires_at=expires_at,
        metadata=metadata or {},
        queue_name=queue_name,
        idempotency_key=idempotency_key,
        idempotency_window_s=idempotency_window_s,
        depends_on=depends_on,
        on_dependency_failure=on_dependency_failure,
        workflow_id=workflow_id,
    )
    return submit_new(new, request_key=request_key)


def submit_new(new: NewJob, *, request_key: str | None = None) -> Operation[contract.Submitted]:
    """Submit a job that was put together before."""
    return keyed(post("/api/jobs", one(contract.Submitted), body(new)), request_key)


def submit_many(new: Sequence[NewJob], *, request_key: str | None = None) -> Operation[list[contract.Submitted]]:
    """Submit up to 10,000 jobs, all or none; the answers stand in the order of the submissions.

    Raises:
        InvalidRequest: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``.
    """
    jobs = {"jobs": [body(job) for job in new]}
    operation = post("/api/jobs/bulk", listed(contract.Submitted), jobs)
    return replace(keyed(operation, request_key), extra_s=BULK_EXTRA_S)


def job(job_id: Id, *, wait_s: int = 0) -> Operation[contract.Job]:
    """A job with its attempts; with `wait_s` (up to 60) the answer comes when it is over, or after so long."""
    operation = get(f"/api/jobs/{segment(job_id)}", one(contract.Job), wait=wait_s or None)
    return replace(operation, extra_s=float(wait_s))


def find(prefix: str) -> Operation[list[contract.JobSummary]]:
    """Jobs whose id begins with `prefix` (4 hexadecimal digits at least), ten at most, newest first."""
    return get(f"/api/jobs/by-prefix/{segment(prefix)}", listed(contract.JobSummary))


def job_page(
    which: JobFilter | None = None,
    *,
    sort: Literal["created_at", "updated_at", "priority"] = "created_at",
    descending: bool = True,
    limit: int = 200,
    cursor: str | None = None,
) -> Operation[contract.Page[contract.JobSummary]]:
    """Jobs that match, without payload and result."""
    order = "desc" if descending else "asc"
    operation = get("/api/jobs", page_of(contract.JobSummary), sort=sort, order=order, limit=limit, cursor=cursor)
    return replace(operation, params=operation.params + filter_params(which or JobFilter()))


def filter_params(which: JobFilter) -> Params:
    given = body(which)
    for name in ("metadata", "payload"):
        if name in given:
            given[name] = json.dumps(given[name])
    return _params(given)


def cancel(job_id: Id, *, reason: str | None = None) -> Operation[contract.Job]:
    """Cancel a job; one that runs is asked to stop, and stays `running` in the answer.

    Raises:
        WrongState: it is over.
    """
    path = f"/api/jobs/{segment(job_id)}"
    return Operation(method="DELETE", path=path, read=one(contract.Job), params=_params({"reason": reason}))


def retry(job_id: Id, *, reason: str | None = None) -> Operation[contract.Job]:
    """Run it now: a pending job need not wait for its moment, a failed or cancelled one starts anew.

    Raises:
        WrongState
    """
    return post(f"/api/jobs/{segment(job_id)}/retry", one(contract.Job), reason=reason)


def requeue(job_id: Id, *, reason: str | None = None) -> Operation[contract.Job]:
    """A failed or cancelled job starts anew, its history kept.

    Raises:
        WrongState
    """
    return post(f"/api/jobs/{segment(job_id)}/requeue", one(contract.Job), reason=reason)


def change(job_id: Id, *, priority: int | None = None, scheduled_at: datetime | None = None) -> Operation[contract.Job]:
    """Change priority or moment of a pending job.

    Raises:
        WrongState: it is not pending.
    """
    changes = body(contract.JobChange(priority=priority, scheduled_at=scheduled_at))
    return Operation(
        method="PATCH", path=f"/api/jobs/{segment(job_id)}", read=one(contract.Job), body=changes, repeatable=True
    )


def cancel_many(
    target: JobFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
) -> Operation[contract.BatchAnswer]:
    """Cancel jobs by their ids, or the oldest 10,000 that match, with an answer for each."""
    return _bulk("/api/jobs/bulk/cancel", target, dry_run, reason)


def retry_many(
    target: JobFilter | Sequence[UUID],
    *,
    dry_run: bool = False,
    reason: str | None = None,
    per_second: float | None = None,
    delay_ms: int = 0,
) -> Operation[contract.BatchAnswer]:
    """Retry jobs by their ids, or the oldest 10,000 that match, with an answer for each.

    `per_second`: one after the other, the first after `delay_ms`; without it all at once.
    """
    chosen = {**batch_body(target, dry_run, reason), **paced(per_second, delay_ms)}
    return post("/api/jobs/bulk/retry", one(contract.BatchAnswer), chosen)


def change_many(
    target: JobFilter | Sequence[UUID],
    *,
    priority: int | None = None,
    scheduled_at: datetime | None = None,
    dry_run: bool = False,
    reason: str | None = None,
) -> Operation[contract.BatchAnswer]:
    """Give pending jobs another priority, another moment, or both."""
    changes = body(contract.JobChange(priority=priority, scheduled_at=scheduled_at))
    chosen = {**batch_body(target, dry_run, reason), **changes}
    return post("/api/jobs/bulk/change", one(contract.BatchAnswer), chosen)


def _bulk(
    path: str, target: JobFilter | Sequence[UUID], dry_run: bool, reason: str | None
) -> Operation[contract.BatchAnswer]:
    return post(path, one(contract.BatchAnswer), batch_body(target, dry_run, reason))


def batch_body(target: Any, dry_run: bool, reason: str | None) -> dict[str, Any]:
    """`target`: a filter, or ids."""
    chosen = (
        {"filter": body(target)}
        if isinstance(target, contract.Request)
        else {"ids": [str(job_id) for job_id in target]}
    )
    return {**chosen, "dry_run": dry_run, **({"reason": reason} if reason else {})}


def paced(per_second: float | None, delay_ms: int) -> dict[str, Any]:
    return {} if per_second is None else {"per_second": per_second, "delay_ms": delay_ms}


def log_page(
    job_id: Id, *, attempt: int | None = None, limit: int = 200, cursor: str | None = None
) -> Operation[contract.Page[contract.LogLine]]:
    """Lines that its handler logged, the oldest first: of every attempt, or of one."""
    path = f"/api/jobs/{segment(job_id)}/logs"
    return get(path, page_of(contract.LogLine), attempt=attempt, limit=limit, cursor=cursor)


def explain(job_id: Id) -> Operation[contract.Explanation]:
    """Why it is not running: every reason that holds now."""
    return get(f"/api/jobs/{segment(job_id)}/explain", one(contract.Explanation))


def metrics() -> Operation[contract.Metrics]:
    """The state of the whole system."""
    return get("/api/jobs/metrics", one(contract.Metrics))


def history(
    period: contract.Period = "1h", *, job_type: str | None = None, queue_name: str | None = None
) -> Operation[contract.History]:
    """What happened in the last 5m, 1h, 6h, 24h or 7d: of all jobs, of a job type, or of a queue."""
    path = "/api/jobs/metrics/history"
    return get(path, one(contract.History), period=period, job_type=job_type, queue_name=queue_name)


def _params(values: Mapping[str, object]) -> Params:
    return tuple((name, text) for name, value in values.items() for text in _texts(value))


def _texts(value: object) -> list[str]:
    match value:
        case None:
            return []
        case bool():
            return [str(value).lower()]
        case list() | tuple():
            return [str(item) for item in value]
        case datetime():
            return [value.isoformat()]
    return [str(value)]
