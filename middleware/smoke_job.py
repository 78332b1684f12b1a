"""The job type of the smoke test. Every worker knows it, whatever its job types are: it shows that jobs run there.

It has a queue of its own. So no pause, limit or backlog of another queue keeps it from running.
"""

from __future__ import annotations

from typing import Annotated

import dramatiq
from pydantic import Field

from aeon_jobs.middleware.actor import JobActor
from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.transport.broker import JobBroker

NAME = QUEUE = "aeon_jobs.smoke"


def smoke(token: Annotated[str, Field(max_length=100)] = "") -> dict[str, str]:
    """Returns its token, and needs nothing: no network, no file."""
    return {"token": token}


DEFINITION = Definition(
    name=NAME,
    handler=smoke,
    queue_name=QUEUE,
    priority=100,
    max_retries=0,
    timeout_ms=10_000,
    description="For `aeon-jobs smoke`: returns its token. Every worker runs it.",
    example={"token": "a"},
)


def declare(broker: JobBroker) -> None:
    """Make the job type known to a broker, once."""
    if NAME in broker.actors:
        return
    dramatiq.actor(actor_class=JobActor, actor_name=NAME, queue_name=QUEUE, broker=broker, definition=DEFINITION)(smoke)
