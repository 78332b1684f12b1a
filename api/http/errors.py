"""Every failure as problem+json (RFC 9457), in this one place.

    {"type": "urn:aeon-jobs:problem:wrong-state", "title": "Wrong state", "status": 409, "request_id": "…",
     "detail": "job … is completed: cannot be cancelled", "instance": "/api/jobs/…", "state": "completed"}

`type` is what programs switch on. Validation adds `errors`: [{"field": "payload.to", "rule": "is required"}].
An answer 500 says nothing of its cause; the log has it, under the request_id.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.exceptions.base_exceptions import LitestarException
from litestar.handlers import BaseRouteHandler
from sqlalchemy.exc import TimeoutError as PoolExhausted

from aeon_jobs.api.http.parameters import rule_of
from aeon_jobs.api.http.strict_json import MalformedJson
from aeon_jobs.api.service.core.errors import Forbidden, NotFound, VersionChanged
from aeon_jobs.persistence.admin.api_keys import KeyNotFound, UnknownRole
from aeon_jobs.persistence.admin.request_keys import RequestKeyReused
from aeon_jobs.persistence.core.database import is_transient
from aeon_jobs.persistence.core.errors import (
    DatabaseUnavailable,
    IdempotencyConflict,
    InvalidJob,
    JobNotFound,
    NameTaken,
    StepNotFound,
    Violation,
    WorkflowNotFound,
    WrongState,
)
from aeon_jobs.persistence.reads.dead_letter_lists import DeadLetterNotFound
from aeon_jobs.persistence.schedules.definitions import ScheduleNotFound

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
_log = structlog.get_logger("api")


@dataclass(frozen=True, slots=True)
class Problem:
    slug: str
    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.slug.replace("-", " ").capitalize()


class ProblemError(Exception):
    """Raised by code of the API that knows its own problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)


def invalid(violations: Iterable[Violation]) -> Problem:
    errors = [{"field": violation.field, "rule": violation.rule} for violation in violations]
    detail = "; ".join(f"{error['field']}: {error['rule']}" for error in errors[:3])
    return Problem("invalid-request", 400, detail or "the request is not valid", extra={"errors": errors})


def not_found(what: str) -> ProblemError:
    return ProblemError(Problem("not-found", 404, what))


def unavailable(detail: str, retry_after_s: int = RETRY_AFTER_S) -> Problem:
    return Problem("unavailable", 503, detail, headers={"Retry-After": str(retry_after_s)})


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """The exception handler of the whole application."""
    problem = problem_of(error, request.scope.get("route_handler"))
    if isinstance(error, ProblemError) and problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        # Our own decision, and many at once under load: the log needs no tracebacks of it.
        _log.warning("request refused", path=request.url.path, method=request.method, reason=problem.detail)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
    _forget_values(error)
    return response(problem, request.url.path, request.scope.get("state", {}).get("request_id"))


def _forget_values(error: BaseException | None) -> None:
    """An error and its frames hold one another, and all that the request was about, until the collector comes by."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def response(problem: Problem, instance: str, request_id: str | None) -> Response[dict[str, Any]]:
    return Response(
        content(problem, instance, request_id),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=dict(problem.headers),
    )


def content(problem: Problem, instance: str, request_id: str | None) -> dict[str, Any]:
    return {
        "type": f"urn:aeon-jobs:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
        **problem.extra,
    }


def problem_of(error: Exception, handler: BaseRouteHandler | None = None) -> Problem:
    if isinstance(error, ValidationException):
        return _of_validation(error, handler)
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    if is_transient(error):
        return unavailable("PostgreSQL cannot be reached at the moment")
    return Problem("internal-error", 500, "the server failed; its log has the cause under this request_id")


_DETAILS: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address",
    HTTPStatus.METHOD_NOT_ALLOWED: "the address has no such method; see the Allow header",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger than this address takes",
}


def _of_http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem("internal-error", 500, "the server failed; its log has the cause under this request_id")
    slug = re.sub(r"[^a-z]+", "-", status.phrase.lower())
    detail = _DETAILS.get(status, "") if error.detail in ("", status.phrase) else error.detail
    return Problem(slug, status, detail or status.phrase, headers=error.headers or {})


def _of_wrong_state(error: WrongState) -> Problem:
    return Problem("wrong-state", 409, str(error), extra={"state": error.state})


def _of_key_conflict(error: IdempotencyConflict) -> Problem:
    return Problem("idempotency-key-reused", 422, str(error), extra={"job_id": str(error.job_id)})


def _of_validation(error: ValidationException, handler: BaseRouteHandler | None) -> Problem:
    """What Litestar found in the parameters, in our words: its own name neither limits nor values that are allowed."""
    entries = error.extra if isinstance(error.extra, list) else []
    return invalid([_of_parameter(entry, handler) for entry in entries] or [Violation("request", "is not valid")])


def _of_parameter(entry: Mapping[str, Any], handler: BaseRouteHandler | None) -> Violation:
    if entry["message"] == "'data'":  # Litestar's words for: there was no body
        return Violation("body", "is required")
    name = str(entry.get("key", "request"))
    # "status.0" is a part of "status"; a header has its own name.
    known = {"key": "Idempotency-Key", "last_event_id": "Last-Event-ID"}.get(name, name.partition(".")[0])
    return Violation(known, rule_of(handler, known) or "is not valid")


# The first that fits is taken: special before general.
_TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any], Problem]], ...] = (
    (ProblemError, lambda e: e.problem),
    (MalformedJson, lambda e: invalid([e.violation])),
    (HTTPException, _of_http),
    (LitestarException, lambda e: Problem("bad-request", 400, str(e))),
    (InvalidJob, lambda e: invalid(e.violations)),
    (Forbidden, lambda e: Problem("forbidden", 403, str(e))),
    (NotFound, lambda e: Problem("not-found", 404, str(e))),
    (VersionChanged, lambda e: Problem("precondition-failed", 412, str(e), headers={"ETag": e.version})),
    (JobNotFound, lambda e: Problem("not-found", 404, str(e))),
    (WorkflowNotFound, lambda e: Problem("not-found", 404, str(e))),
    (StepNotFound, lambda e: Problem("not-found", 404, str(e))),
    (ScheduleNotFound, lambda e: Problem("not-found", 404, str(e))),
    (DeadLetterNotFound, lambda e: Problem("not-found", 404, str(e))),
    (KeyNotFound, lambda e: Problem("not-found", 404, str(e))),
    (UnknownRole, lambda e: invalid([Violation("role", str(e))])),
    (WrongState, _of_wrong_state),
    (NameTaken, lambda e: Problem("name-taken", 409, str(e))),
    (IdempotencyConflict, _of_key_conflict),
    (RequestKeyReused, lambda e: Problem("idempotency-key-reused", 422, str(e))),
    (DatabaseUnavailable, lambda e: unavailable(str(e))),
    (PoolExhausted, lambda _: unavailable("every connection to PostgreSQL is in use")),
)
