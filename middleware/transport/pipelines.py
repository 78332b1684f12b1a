"""Dramatiq's pipelines: a message that names the next one becomes a workflow of all of them, stored at once.

    (fetch.message("https://example.com") | parse.message()).run()

The result of a step is the next positional argument of the step after it, unless that one has `pipe_ignore`. The ids of
messages are the ids of jobs: so the pipeline finds its results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dramatiq import Message

from aeon_jobs.middleware.transport.options import milliseconds, new_job
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.queue.graphs import Edge, Hold, NewStep, free_name
from aeon_jobs.persistence.queue.workflows import NewWorkflow

if TYPE_CHECKING:
    from aeon_jobs.middleware.execution.definitions import Definition
    from aeon_jobs.middleware.transport.broker import JobBroker


def submit(broker: JobBroker, message: Message[Any], delay: int | None) -> UUID:
    """Store the workflow; the id of its first job. `delay` of that one, in milliseconds.

    Raises:
        InvalidJob: names every field at fault: ``steps[1].payload.url``. Nothing was stored.
    """
    steps = _steps(message, delay, broker.definitions)
    session = message.options.get("session")
    _, jobs, _ = broker.submit_workflow(NewWorkflow(name="pipeline"), steps, session)
    return jobs[steps[0].name]


def _steps(message: Message[Any], delay: int | None, known: Mapping[str, Definition]) -> list[NewStep]:
    steps = list[NewStep]()
    for place, one in enumerate(_messages(message)):
        before = steps[-1].name if steps else None
        try:
            steps.append(_step(one, before, delay if before is None else None, known, {step.name for step in steps}))
        except InvalidJob as error:
            raise InvalidJob([Violation(f"steps[{place}].{v.field}", v.rule) for v in error.violations]) from None
    return steps


def _messages(message: Message[Any]) -> Iterator[Message[Any]]:
    target: dict[str, Any] | None = message.asdict()
    while target is not None:
        options = dict(target["options"])
        following = options.pop("pipe_target", None)
        yield Message(**{**target, "options": options})
        target = following


def _step(
    message: Message[Any], before: str | None, delay: int | None, known: Mapping[str, Definition], taken: set[str]
) -> NewStep:
    definition = known.get(message.actor_name)
    if definition is None:
        raise InvalidJob.at(
            "job_type", f"{message.actor_name!r:.100} is no job type of this process, as all steps of a pipeline"
        )
    name = free_name(message.actor_name, taken)
    if before is None:
        return NewStep(name=name, job=replace(new_job(definition, message, delay), id=_id(message)))
    argument = None if message.options.get("pipe_ignore") else _argument(definition, message)
    wait_ms = milliseconds(message.options.pop("delay", None))
    job = replace(new_job(definition, message, later={argument} if argument else ()), id=_id(message))
    hold = Hold(results={argument: before} if argument else {}, wait_ms=wait_ms) if argument or wait_ms else None
    return NewStep(name=name, job=job, deps=[Edge(before)], hold=hold)


def _id(message: Message[Any]) -> UUID | None:
    try:
        return UUID(message.message_id)
    except ValueError:
        return None


def _argument(definition: Definition, message: Message[Any]) -> str:
    """Of the result of the step before: the one that follows the positional arguments."""
    free = definition.parameters[len(message.args) :]
    if not free:
        rule = f"takes {len(definition.parameters)} arguments: none is left for the result of the step before"
        raise InvalidJob.at("payload", rule)
    if free[0] in message.kwargs:
        raise InvalidJob.at(f"payload.{free[0]}", "is given twice: it is the result of the step before, too")
    return free[0]
