"""Workflows put together in code: steps are messages of job types, and name the steps that they wait for.

    run = (
        Workflow("import")
        .add("fetch", fetch.job(url="https://example.com/data"))
        .add("parse", parse.job(), deps=["fetch"])
        .submit()
    )

`chain`, `group` and `chord` make the usual shapes. A workflow may be a step of another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar
from uuid import UUID

from dramatiq import Message

from aeon_jobs.middleware.batch import callback, note
from aeon_jobs.middleware.transport.options import new_job
from aeon_jobs.persistence.admin.audit import python_name
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.queue import graphs, workflows
from aeon_jobs.persistence.queue.graphs import Action, Condition, Edge, Hold, NewStep, Operator, free_name
from aeon_jobs.persistence.queue.submissions import NewJob, OnFailure
from aeon_jobs.persistence.queue.workflows import NewWorkflow

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from aeon_jobs.middleware.execution.running import CurrentJob
    from aeon_jobs.middleware.transport.broker import JobBroker

    Dep = str | tuple[str, OnFailure]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class When:
    """A look at the result of a step that is waited for: ``When("fetch", "rows", "==", 0)``.

    `path` is dotted, and empty for the whole result. Operators: == != < <= > >= in exists missing.
    """

    step: str
    path: str
    operator: Operator
    value: Any = None


@dataclass(frozen=True, slots=True)
class SubmittedWorkflow:
    """A workflow that is stored. `SubmittedWorkflow(id)` is the same one in another process."""

    id: UUID
    jobs: dict[str, UUID] = field(default_factory=dict)
    """Ids of jobs by the names of steps. Empty if the workflow is not new."""
    is_new: bool = False
    """False: the unique key brought one back that is not over."""

    def status(self) -> workflows.Workflow:
        """As it stands now: state and counters."""
        with _broker().database.connection() as connection:
            return workflows.get(connection, self.id)

    def signal(self, step: str, payload: Any = None) -> None:
        """Give a step that waits its signal; the payload becomes its result.

        Raises:
            StepNotFound
            WrongState: it waits for no signal, or has had it.
        """
        broker, by = _broker(), python_name()
        with broker.database.transaction() as connection:
            job_id = graphs.signal(connection, self.id, step, payload, by=by)
            note(connection, by, "workflow.signal", self.id, after={"step": step, "job_id": job_id})
        broker.hints.job_ready()

    def cancel(self, reason: str | None = None) -> None:
        """Cancel it; its steps follow, some at a time.

        Raises:
            WrongState: it is over.
        """
        by = python_name()
        with _broker().database.transaction() as connection:
            workflows.request_cancel(connection, self.id, by=by, reason=reason)
            note(connection, by, "workflow.cancel", self.id, reason=reason)

    def retry_failed(self) -> int:
        """Run failed steps again, and those that were cancelled because of them or with the workflow; how many."""
        broker, by = _broker(), python_name()
        with broker.database.transaction() as connection:
            revived = graphs.retry(connection, self.id, by=by)
            note(connection, by, "workflow.retry", self.id)
        broker.hints.job_ready()
        return len(revived)


class Steps:
    """Steps that are put together."""

    def __init__(self) -> None:
        self._steps: list[NewStep] = []
        self._ends: dict[str, list[str]] = {}
        """What a name stands for: steps that were added together; of a nested workflow, those that nothing in it waits for."""

    def add(
        self,
        name: str,
        job: Message[Any] | Workflow,
        *,
        deps: Sequence[Dep] = (),
        on_failure: OnFailure = "cancel",
        skip_if: When | Sequence[When] = (),
        cancel_if: When | Sequence[When] = (),
        results: Mapping[str, str | Sequence[str]] | None = None,
        delay: timedelta | None = None,
    ) -> Self:
        """Add a step.

        Args:
            job: `handler.job(…)`, or another workflow: its steps get the names ``name.step``.
            deps: names of the steps that it waits for. ``("fetch", "run")`` says what happens if that one fails.
            on_failure: for all other deps: `cancel` this step, `wait` until somebody retries, or `run` all the same.
            skip_if, cancel_if: looked at when all deps are over; the first one that is met decides.
            results: arguments of the job that are results of deps: ``{"rows": "fetch"}``. Of a list of steps, and of steps
                that were added together, it is the list of their results.
            delay: after the deps are over.

        Raises:
            InvalidJob
        """
        conditions = (*_conditions("skip", skip_if), *_conditions("cancel", cancel_if))
        given = {argument: self._named(steps) for argument, steps in (results or {}).items()}
        hold = Hold(conditions=conditions, results=given, wait_ms=_milliseconds(delay))
        edges = self._edges(deps, on_failure)
        if isinstance(job, Workflow):
            if hold != Hold():
                raise InvalidJob.at(
                    name, "a nested workflow takes no conditions, results and delay: give them to its steps"
                )
            return self._nest(name, job, edges)
        new = self._job(job, later=given)
        self._steps.append(NewStep(name=name, job=new, deps=edges, hold=None if hold == Hold() else hold))
        return self

    def add_many(
        self, name: str, jobs: Iterable[Message[Any]], *, deps: Sequence[Dep] = (), on_failure: OnFailure = "cancel"
    ) -> Self:
        """Add steps `name-1`, `name-2`, … beside each other. In deps, `name` stands for all of them."""
        edges, ends = self._edges(deps, on_failure), list[str]()
        for place, job in enumerate(jobs, 1):
            ends.append(f"{name}-{place}")
            self._steps.append(NewStep(name=ends[-1], job=self._job(job), deps=edges))
        self._ends[name] = ends
        return self

    def wait_for_signal(
        self,
        name: str,
        *,
        deps: Sequence[Dep] = (),
        on_failure: OnFailure = "cancel",
        timeout: timedelta | None = None,
    ) -> Self:
        """Add a step that completes when it gets a signal; the payload becomes its result. After `timeout` it is cancelled."""
        return self._wait(name, "signal", timeout, deps, on_failure)

    def wait_for_time(
        self, name: str, wait: timedelta, *, deps: Sequence[Dep] = (), on_failure: OnFailure = "cancel"
    ) -> Self:
        """Add a step that completes so long after its deps are over."""
        return self._wait(name, "timer", wait, deps, on_failure)

    def _wait(
        self,
        name: str,
        kind: Literal["signal", "timer"],
        wait: timedelta | None,
        deps: Sequence[Dep],
        on_failure: OnFailure,
    ) -> Self:
        hold = Hold(kind=kind, wait_ms=_milliseconds(wait))
        self._steps.append(NewStep(name=name, deps=self._edges(deps, on_failure), hold=hold))
        return self

    def _job(self, message: Message[Any], later: Collection[str] = ()) -> NewJob:
        try:
            return _job(message, later)
        except InvalidJob as error:
            at = f"steps[{len(self._steps)}]"
            raise InvalidJob([Violation(f"{at}.{v.field}", v.rule) for v in error.violations]) from None

    def _edges(self, deps: Sequence[Dep], on_failure: OnFailure) -> list[Edge]:
        if isinstance(deps, str):
            raise InvalidJob.at("deps", "must be a list of names of steps")
        pairs = [(dep, on_failure) if isinstance(dep, str) else dep for dep in deps]
        return [Edge(step, policy) for name, policy in pairs for step in self._ends.get(name, [name])]

    def _named(self, steps: str | Sequence[str]) -> str | list[str]:
        """Steps whose results are meant."""
        if isinstance(steps, str):
            return self._ends.get(steps, steps)
        return [step for name in steps for step in self._ends.get(name, [name])]

    def _nest(self, name: str, nested: Workflow, edges: list[Edge]) -> Self:
        waited_for = {edge.step for step in nested._steps for edge in step.deps}
        for step in nested._steps:
            own = [replace(edge, step=f"{name}.{edge.step}") for edge in step.deps]
            hold = step.hold and replace(
                step.hold,
                conditions=[replace(c, step=f"{name}.{c.step}") for c in step.hold.conditions],
                results={argument: _inside(name, steps) for argument, steps in step.hold.results.items()},
            )
            self._steps.append(replace(step, name=f"{name}.{step.name}", deps=own or edges, hold=hold))
        self._ends[name] = [f"{name}.{step.name}" for step in nested._steps if step.name not in waited_for]
        return self


class Workflow(Steps):
    """A workflow that is put together; `submit` stores it."""

    def __init__(
        self,
        name: str,
        *,
        unique_key: str | None = None,
        deadline: datetime | timedelta | None = None,
        metadata: Mapping[str, Any] | None = None,
        on_finished: Message[Any] | None = None,
        on_success: Message[Any] | None = None,
        on_failure: Message[Any] | None = None,
        created_by: str | None = None,
    ) -> None:
        """
        Args:
            unique_key: while a workflow of this name and key is not over, submitting again brings it back.
            deadline: not over by then, it is cancelled.
            on_finished, on_success, on_failure: jobs that are submitted when it ends.
        """
        super().__init__()
        self.name = name
        self._options = {
            "unique_key": unique_key,
            "deadline_at": datetime.now(UTC) + deadline if isinstance(deadline, timedelta) else deadline,
            "metadata": metadata or {},
            "created_by": created_by,
        }
        self._callbacks = {"on_finished": on_finished, "on_success": on_success, "on_failure": on_failure}

    def submit(self, *, session: Session | Connection | None = None) -> SubmittedWorkflow:
        """Store the workflow and all its steps in one transaction, or in that of `session`.

        Raises:
            InvalidJob: names every step at fault, by its place: ``steps[3].deps``. Nothing was stored.
        """
        broker = _broker()
        callbacks = {name: callback(broker, name, message) for name, message in self._callbacks.items()}
        new = NewWorkflow(name=self.name, **self._options, **callbacks)  # type: ignore[arg-type]
        workflow_id, jobs, is_new = broker.submit_workflow(new, self._steps, session)
        return SubmittedWorkflow(workflow_id, jobs, is_new)


class RunningWorkflow:
    """The workflow of the job that runs. What is added exists at once, or with the transaction of `session`.

    What waits for the running step waits for all steps that it adds. A name that exists with the same job type is left as it
    is: a handler that runs again adds nothing twice.
    """

    def __init__(self, job: CurrentJob) -> None:
        self._job = job

    def add(
        self,
        name: str,
        job: Message[Any] | Workflow,
        *,
        session: Session | Connection | None = None,
        **options: Any,
    ) -> dict[str, UUID]:
        """As `Workflow.add`; ids of jobs by the names of steps. Outside of a worker it does nothing.

        Raises:
            InvalidJob
            WrongState: the job does not run any more, or is in no workflow.
        """
        return self._store(Steps().add(name, job, **options), session)

    def add_many(
        self,
        name: str,
        jobs: Iterable[Message[Any]],
        *,
        session: Session | Connection | None = None,
        **options: Any,
    ) -> dict[str, UUID]:
        """As `Workflow.add_many`, in one transaction."""
        return self._store(Steps().add_many(name, jobs, **options), session)

    def _store(self, steps: Steps, session: Session | Connection | None) -> dict[str, UUID]:
        if self._job.claimed is None or not steps._steps:
            return {}
        return _broker().add_steps(self._job.id, self._job.attempt, steps._steps, session)


def chain(*jobs: Message[Any] | Workflow, name: str = "chain", **options: Any) -> Workflow:
    """One after the other. Steps are named after their job types; the second `fetch` is `fetch-2`."""
    made, before = Workflow(name, **options), list[str]()
    for job in _each(jobs):
        step = _free_name(made, job)
        made.add(step, job, deps=before)
        before = [step]
    return made


def group(*jobs: Message[Any] | Workflow, name: str = "group", **options: Any) -> Workflow:
    """All beside each other."""
    made = Workflow(name, **options)
    for job in _each(jobs):
        made.add(_free_name(made, job), job)
    return made


def chord(
    header: Iterable[Message[Any] | Workflow],
    body: Message[Any] | Workflow,
    *,
    argument: str | None = None,
    name: str = "chord",
    **options: Any,
) -> Workflow:
    """All of `header` beside each other, then `body`. `argument`: of `body`, for the list of their results."""
    made, before = Workflow(name, **options), list[str]()
    for job in _each((header,)):
        before.append(_free_name(made, job))
        made.add(before[-1], job)
    results = {argument: before} if argument else None
    return made.add(_free_name(made, body), body, deps=before, results=results)


def _each(jobs: Sequence[Any]) -> list[Message[Any] | Workflow]:
    """Also of one list, and of a generator."""
    if len(jobs) == 1 and not isinstance(jobs[0], Message | Workflow):
        return list(jobs[0])
    return list(jobs)


def _free_name(made: Workflow, job: Message[Any] | Workflow) -> str:
    wanted = job.name if isinstance(job, Workflow) else job.actor_name
    return free_name(wanted, {step.name for step in made._steps} | made._ends.keys())


def _inside(name: str, steps: str | Sequence[str]) -> str | list[str]:
    """Names of steps as they are in the workflow around them."""
    return f"{name}.{steps}" if isinstance(steps, str) else [f"{name}.{step}" for step in steps]


def _conditions(action: Action, given: When | Sequence[When]) -> list[Condition]:
    whens = [given] if isinstance(given, When) else given
    return [Condition(action, when.step, when.path, when.operator, when.value) for when in whens]


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds() * 1_000)


def _job(message: Message[Any], later: Collection[str] = ()) -> NewJob:
    if not isinstance(message, Message):
        raise InvalidJob.at("job", f"must be a message such as fetch.job(…), is {type(message).__name__}")
    definition = _broker().definitions.get(message.actor_name)
    if definition is None:
        raise InvalidJob([Violation("job", f"{message.actor_name!r:.100} is not a job type of this process")])
    return new_job(definition, message, later=later)


def _broker() -> JobBroker:
    from aeon_jobs.middleware.job import broker

    return broker()
