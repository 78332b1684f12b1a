"""What else takes part when jobs are sent and run: spans of OpenTelemetry, and software that this process has loaded.

A module like `sentry` adds itself to both lists when it is imported. Without one they cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from dramatiq.middleware import Middleware


@dataclass(slots=True)
class Submission:
    """What is being sent, and what has become of it."""

    job_type: str
    queue_name: str
    options: Mapping[str, Any]
    """Of JobOptions; a publisher may set `traceparent` and `tracestate` in another mapping."""
    is_batch: bool = False
    workflow: str | None = None
    """Name of the workflow that is submitted."""
    workflow_id: UUID | None = None
    ids: list[UUID] = field(default_factory=list)
    """Of its jobs, once they are stored."""
    is_new: bool = True
    """False: a key brought back a job, or a workflow, that was there."""


class Publisher(Protocol):
    def publishing(self, submission: Submission) -> AbstractContextManager[None]:
        """Surrounds the storing of jobs."""


publishers: list[Publisher] = []
middleware: list[Callable[[], Middleware]] = []
"""Each makes a middleware of workers. It stands between State and Retries: it sees the job begun, and the verdict on it."""


def publishing(those: list[Publisher], submission: Submission) -> AbstractContextManager[None]:
    """All of them around the storing of jobs, the first one outermost."""
    return those[0].publishing(submission) if len(those) == 1 else _nested(those, submission)


@contextmanager
def _nested(those: list[Publisher], submission: Submission) -> Iterator[None]:
    with ExitStack() as stack:
        for publisher in those:
            stack.enter_context(publisher.publishing(submission))
        yield
