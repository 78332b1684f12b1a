"""What can go wrong, as one tree. Everything the API refuses comes as problem+json (RFC 9457) and keeps its words.

ApiError
├── ConnectionFailed           no answer; `was_sent` tells whether the server may have acted nevertheless
├── UnexpectedAnswer           an answer that is not this API's: a proxy's page, another service
├── JobNotOver                 the wait was over before the job; carries the job as it stood
└── Refused                    the API said no; carries the Problem
    ├── InvalidRequest         400, 413, 415: `errors` names every field and the rule it breaks
    ├── Unauthorized           401
    ├── Forbidden              403: the key's role is too low
    ├── NotFound               404
    ├── Conflict               409, 412
    │   └── WrongState         409: the job's state does not allow it; `state` is the one it is in
    ├── IdempotencyKeyReused   422: the key was used with another body
    ├── TooManyRequests        429
    ├── Unavailable            502, 503, 504: trying again later is right
    └── ServerFailed           every other 5xx
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_jobs.api.contract import Job


class ApiError(Exception):
    """Base of everything that this client raises."""


class ConnectionFailed(ApiError):
    def __init__(self, message: str, *, was_sent: bool) -> None:
        self.was_sent = was_sent
        super().__init__(message)


class UnexpectedAnswer(ApiError):
    def __init__(self, what: str) -> None:
        super().__init__(f"the answer is not that of an aeon-jobs API: {what}")


class JobNotOver(ApiError):
    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"job {job.job_id} is still {job.status}")


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    slug: str = ""
    """What programs switch on, such as ``wrong-state``."""
    detail: str = ""
    request_id: str | None = None
    """Under which the server's log has more."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None


class Refused(ApiError):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail or f"the server answered {problem.status}")

    @property
    def status(self) -> int:
        return self.problem.status


class InvalidRequest(Refused):
    @property
    def errors(self) -> list[tuple[str, str]]:
        """(field, rule) of everything that is wrong."""
        found = self.problem.extra.get("errors", [])
        return [(str(entry.get("field")), str(entry.get("rule"))) for entry in found]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {rule}" for name, rule in self.errors) or super().__str__()


class Unauthorized(Refused):
    pass


class Forbidden(Refused):
    pass


class NotFound(Refused):
    pass


class Conflict(Refused):
    pass


class WrongState(Conflict):
    @property
    def state(self) -> str:
        return str(self.problem.extra.get("state", ""))


class IdempotencyKeyReused(Refused):
    pass


class TooManyRequests(Refused):
    pass


class Unavailable(Refused):
    pass


class ServerFailed(Refused):
    pass


def refusal(status: int, headers: Mapping[str, str], content: Any, now: datetime | None = None) -> Refused:
    """The error that an answer stands for. `content`: its JSON, or None when it had none."""
    known: dict[str, Any] = content if isinstance(content, dict) else {}
    named = {"type", "title", "status", "detail", "instance", "request_id"}
    problem = Problem(
        status=status,
        slug=str(known.get("type", "")).rpartition(":")[2],
        detail=str(known.get("detail") or ""),
        request_id=known.get("request_id"),
        extra={name: value for name, value in known.items() if name not in named},
        retry_after_s=_retry_after(headers.get("retry-after"), now or datetime.now(UTC)),
    )
    return _class_of(problem)(problem)


def _class_of(problem: Problem) -> type[Refused]:
    if problem.slug == "wrong-state":
        return WrongState
    return _BY_STATUS.get(problem.status) or (ServerFailed if problem.status >= 500 else InvalidRequest)


_BY_STATUS: dict[int, type[Refused]] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.PRECONDITION_FAILED: Conflict,
    HTTPStatus.UNPROCESSABLE_ENTITY: IdempotencyKeyReused,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequests,
    HTTPStatus.BAD_GATEWAY: Unavailable,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
    HTTPStatus.GATEWAY_TIMEOUT: Unavailable,
}


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds, from either form of the header (RFC 9110 section 10.2.3); one that cannot be read is none."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (zoned - now).total_seconds())
