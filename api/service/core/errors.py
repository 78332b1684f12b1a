"""What the use cases refuse beside the errors of `persistence.core.errors`.

JobsError
├── NotFound              there is no such thing
├── Forbidden             the role of the principal may not do this
├── VersionChanged        the thing was changed since the caller saw it
└── WrongState
    ├── StillInUse        a process that lives, or a queue that is used, cannot be removed; carries the state
    └── NotRunning        only a running worker can be made quiet; carries the state
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from aeon_jobs.api.service.core.principals import Principal, Role
from aeon_jobs.persistence.core.errors import JobsError, WrongState


class NotFound(JobsError, LookupError):
    """There is no such thing; near names are told."""

    @classmethod
    def named(cls, what: str, name: str, known: Iterable[str] = ()) -> NotFound:
        return cls(f"no {what} {name!r:.120}{near(name, known)}")


class Forbidden(JobsError):
    def __init__(self, principal: Principal, needed: Role | None) -> None:
        super().__init__(f"this needs the role {needed}, and {principal.name} is {principal.role}")


class VersionChanged(JobsError):
    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__("it was changed meanwhile: get it again, and decide again")


class StillInUse(WrongState):
    def __init__(self, message: str, state: str) -> None:
        JobsError.__init__(self, message)
        self.state = state


class NotRunning(WrongState):
    def __init__(self, worker_id: str, state: str) -> None:
        JobsError.__init__(self, f"{worker_id} is {state}: only a running worker can be made quiet")
        self.state = state


def near(name: str, known: Iterable[str]) -> str:
    """``; did you mean mail or email?`` of the names that are like `name`, or nothing."""
    found = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(found)}?" if found else ""
