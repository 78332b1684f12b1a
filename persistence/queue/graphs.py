"""The graph of a workflow: steps with names, edges between them, and steps that are held.

1. `check` looks at names and edges, without a database.
2. `submit` stores the workflow, its steps and its edges in the caller's transaction: all or nothing.
3. `add` puts steps into a workflow that runs, on behalf of one of its steps. What waits for that step waits for the new ones,
   too.
4. A held step counts one more in blocked_by. When nothing else blocks it, the function decide_hold runs it, skips it, cancels
   it, or has it wait for a signal or a time.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import borrowed, run
from aeon_jobs.persistence.core.errors import InvalidJob, StepNotFound, Violation, WrongState
from aeon_jobs.persistence.queue import job_types, workflows
from aeon_jobs.persistence.queue.batches import Batch, portions
from aeon_jobs.persistence.queue.submissions import NewJob, OnFailure, Row, Submitted, Template
from aeon_jobs.persistence.queue.workflows import NewWorkflow, Workflow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.persistence.queue.submissions import Defaults

Action = Literal["skip", "cancel"]
Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "exists", "missing"]
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in", "exists", "missing")
POLICIES = ("wait", "cancel", "run")
WAIT_TYPE = "workflow.wait"
"""Job type of steps that have no handler."""
MAX_STEPS = 50_000
"""That are submitted or added at once."""
MAX_EDGES = 200_000
MAX_CONDITIONS = 20
MAX_WAIT_MS = 366 * 86_400_000
MAX_SIGNAL_BYTES = 65_536
MAX_RESULTS = 1_000
"""Of other steps, in the arguments of one."""
PORTION_OF_RESULTS = 20
"""That are in memory at a time. A result has up to 1 MB."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A step that is waited for, and what to do when it fails or is cancelled."""

    step: str
    on_failure: OnFailure = "cancel"


@dataclass(frozen=True, slots=True)
class Condition:
    """Looks at the result of a step that is waited for: `path` is dotted, empty for the whole result."""

    action: Action
    step: str
    path: str
    operator: Operator
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    kind: Literal["run", "signal", "timer"] = "run"
    conditions: Sequence[Condition] = ()
    results: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """Arguments of the job that are results: the name of a step, or a list of names for a list of results."""
    wait_ms: int | None = None
    """Run, timer: so long after the steps that are waited for. Signal: how long it is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    name: str
    job: NewJob | None = None
    """None: the hold says what it waits for."""
    deps: Sequence[Edge] = ()
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What storing needs to know of WAIT_TYPE."""

    name: str = WAIT_TYPE
    queue_name: str = "default"
    payload_schema: dict[str, Any] = field(default_factory=dict)
    priority: int = 50
    max_retries: int = 0
    timeout_ms: int = 300_000
    limits: None = None
    limits_in_force: None = None
    uniqueness: None = None


class _Like:
    """A job type with another schema."""

    def __init__(self, job_type: Defaults, payload_schema: dict[str, Any]) -> None:
        self.name, self.queue_name = job_type.name, job_type.queue_name
        self.priority, self.max_retries, self.timeout_ms = job_type.priority, job_type.max_retries, job_type.timeout_ms
        self.limits, self.limits_in_force = job_type.limits, job_type.limits_in_force
        # Steps of a workflow are never merged.
        self.uniqueness = None
        self.payload_schema = payload_schema


def submit(
    connection: Connection,
    new: NewWorkflow,
    steps: Sequence[NewStep],
    *,
    known: Mapping[str, Defaults] | None = None,
    schema: str | None = None,
) -> tuple[Workflow, dict[str, Submitted], bool]:
    """Store a workflow with its steps: the workflow, its jobs by the names of steps, and whether it is new.

    A unique key may bring an existing workflow back: then nothing is stored, and no jobs are in the answer. On an error roll
    back.

    Raises:
        InvalidJob: names every field at fault: ``steps[3].deps``, ``steps[0].job.payload.to``.
    """
    check(steps)
    with borrowed(connection, schema):
        workflow, is_new = workflows.create(connection, new)
    if not is_new:
        return workflow, {}, False
    jobs = _store(connection, workflow.id, steps, new.created_by, known, schema)
    ids = {name: job.id for name, job in jobs.items()}
    with borrowed(connection, schema):
        _link(connection, [(ids[step.name], ids[edge.step], edge.on_failure) for step in steps for edge in step.deps])
        _hold(connection, steps, ids)
        return workflows.close(connection, workflow.id), jobs, True


def add(
    connection: Connection,
    job_id: UUID,
    attempt: int,
    steps: Sequence[NewStep],
    *,
    known: Mapping[str, Defaults] | None = None,
    schema: str | None = None,
) -> dict[str, UUID]:
    """Put steps into the workflow of a running step; ids by the names of steps.

    What waits for the running step waits for all new ones, too, with the same policy. A step that the workflow has under that
    name, with the same job type, is left as it is: so an attempt that runs again adds nothing twice.

    Raises:
        InvalidJob: names every field at fault.
        WrongState: the job does not run in this attempt, or is in no workflow.
    """
    with borrowed(connection, schema):
        me = run(connection, "queue/lock_running_step", {"id": job_id, "attempt": attempt}).one_or_none()
        if me is None:
            raise WrongState(job_id, "not running in this attempt, or in no workflow", "add steps")
        names = sorted({str(step.name) for step in steps} | {str(edge.step) for step in steps for edge in step.deps})
        found = run(
            connection, "queue/steps_named", {"workflow_id": me.workflow_id, "names": names, "id": job_id}
        ).all()
        joins = run(connection, "queue/joins_of", {"id": job_id}).all()
        below = {row.step_name for row in joins} | {row.step_name for row in found if row.is_below}
    there = {row.step_name: row.job_type for row in found}
    _refuse_others(steps, there)
    fresh = [step for step in steps if step.name not in there]
    if fresh or not steps:
        check(fresh, set(there), below)
    jobs = _store(connection, me.workflow_id, fresh, me.created_by, known, schema)
    ids = {row.step_name: row.id for row in found} | {name: job.id for name, job in jobs.items()}
    own = [(ids[step.name], ids[edge.step], edge.on_failure) for step in fresh for edge in step.deps]
    with borrowed(connection, schema):
        _link(connection, own + [(join.id, job.id, join.on_failure) for join in joins for job in jobs.values()])
        _hold(connection, fresh, ids)
    return {step.name: ids[step.name] for step in steps}


def signal(connection: Connection, workflow_id: UUID, step: str, payload: Any, *, by: str | None) -> UUID:
    """Give a waiting step its signal; the id of its job. The payload becomes the step's result.

    Raises:
        WorkflowNotFound, StepNotFound
        WrongState: it waits for no signal, or has had it.
        InvalidJob: the payload cannot be stored.
    """
    text = payloads.encode(payload, "payload", limit=MAX_SIGNAL_BYTES)
    row = _step(connection, workflow_id, step)
    parameters = {"id": row.id, "payload": text, "by": by}
    if not run(connection, "queue/signal_step", parameters).scalar_one():
        raise WrongState(row.id, _why_deaf(row), "take a signal")
    return UUID(str(row.id))


def retry(connection: Connection, workflow_id: UUID, *, by: str | None) -> list[UUID]:
    """Bring back the failed steps, and those that were cancelled because of them or with the workflow; their ids. Their
    history is kept. The workflow is not cancelled any more, and a deadline that has passed does not count.

    Raises:
        WorkflowNotFound
    """
    revived = list(run(connection, "queue/retry_workflow", {"id": workflow_id, "by": by}).scalars())
    workflows.resume(connection, workflow_id)
    return revived


def result_for(connection: Connection, job_id: UUID, name: str) -> tuple[Any] | None:
    """The result of a completed step of the job's workflow, or of a completed job that it waited for, by its id."""
    try:
        parent = str(UUID(name))
    except ValueError:
        parent = None
    row = run(connection, "queue/parent_result", {"id": job_id, "name": name, "parent": parent}).one_or_none()
    return None if row is None else (row.result,)


def parents_of(
    connection: Connection, job_id: UUID, after: UUID, *, with_results: bool
) -> tuple[list[tuple[str, Any]], UUID | None]:
    """Names and results of completed jobs that a job waited for, some at a time; where the next ones begin."""
    count = PORTION_OF_RESULTS if with_results else 1_000
    parameters = {"id": job_id, "after": after, "with_results": with_results, "count": count}
    found = run(connection, "queue/parents_of", parameters).all()
    page = [(row.name, row.result) for row in found if row.status == "completed"]
    return page, found[-1].id if len(found) == count else None


def release_holds(connection: Connection) -> int:
    """Decide on held steps whose time has come; how many. Dispatchers do so all the time."""
    return int(run(connection, "queue/release_holds").scalar_one())


def free_name(wanted: str, taken: Container[str]) -> str:
    """`wanted`, or the first of ``wanted-2``, ``wanted-3`` … that is free."""
    place = 1
    while (name := wanted if place == 1 else f"{wanted}-{place}") in taken:
        place += 1
    return name


def check(steps: Sequence[NewStep], existing: set[str] | None = None, below: set[str] | None = None) -> None:
    """Names, edges, conditions. `existing`: steps that are there already; `below`: those that will wait for the new ones.

    Raises:
        InvalidJob
    """
    broken = list(_broken(steps, existing, below or set()))
    if not broken and (cycle := _cycle({step.name: [edge.step for edge in step.deps] for step in steps})):
        broken.append(Violation("steps", f"wait for each other: {' → '.join(cycle)}"))
    if broken:
        raise InvalidJob(broken[:100])


def _broken(steps: Sequence[NewStep], existing: set[str] | None, below: set[str]) -> Iterator[Violation]:
    if not 1 <= len(steps) <= MAX_STEPS:
        yield Violation("steps", f"must be 1 to {MAX_STEPS:,} steps")
        return
    if sum(len(step.deps) for step in steps) > MAX_EDGES:
        yield Violation("steps", f"must have at most {MAX_EDGES:,} deps together")
        return
    known = {step.name for step in steps if isinstance(step.name, str)} | (existing or set())
    seen = set[str]()
    for place, step in enumerate(steps):
        at = f"steps[{place}]"
        if not (isinstance(step.name, str) and 0 < len(step.name) <= 100 and payloads.is_storable(step.name)):
            yield Violation(f"{at}.name", "must be 1 to 100 characters of plain text")
            continue
        if step.job is not None and step.job.idempotency_key is not None:
            yield Violation(f"{at}.idempotency_key", "a step has none: give the workflow a unique_key")
        if step.name in seen:
            yield Violation(f"{at}.name", f"there are two steps named {step.name!r}")
        seen.add(step.name)
        yield from _broken_edges(step, at, known, below)
        yield from _broken_hold(step, at)


def _broken_edges(step: NewStep, at: str, known: set[str], below: set[str]) -> Iterator[Violation]:
    for edge in step.deps:
        if edge.step not in known:
            yield Violation(f"{at}.deps", f"there is no step {edge.step!r:.110}")
        elif edge.step in below:
            yield Violation(f"{at}.deps", f"step {edge.step!r} waits for this one")
        if edge.on_failure not in POLICIES:
            yield Violation(f"{at}.deps", f"on_failure must be one of {', '.join(POLICIES)}")
    if len({edge.step for edge in step.deps}) < len(step.deps):
        yield Violation(f"{at}.deps", "names a step twice")


def _broken_hold(step: NewStep, at: str) -> Iterator[Violation]:
    hold = step.hold
    if step.job is None and (hold is None or hold.kind == "run"):
        yield Violation(at, "must have a job, or wait for a signal or a time")
    if hold is None:
        return
    if hold.kind == "timer" and hold.wait_ms is None:
        yield Violation(f"{at}.wait_ms", "must be given")
    if hold.wait_ms is not None and not (type(hold.wait_ms) is int and 0 <= hold.wait_ms <= MAX_WAIT_MS):
        yield Violation(f"{at}.wait_ms", f"must be 0 to {MAX_WAIT_MS} milliseconds")
    if len(hold.conditions) > MAX_CONDITIONS:
        yield Violation(f"{at}.conditions", f"must be at most {MAX_CONDITIONS}")
    parents = {edge.step for edge in step.deps}
    yield from _broken_results(step, hold, at, parents)
    for condition in hold.conditions:
        if condition.step not in parents:
            yield Violation(f"{at}.conditions", f"{condition.step!r:.110} is not one of its deps")
        if condition.operator not in OPERATORS:
            yield Violation(f"{at}.conditions", f"operator must be one of {' '.join(OPERATORS)}")
        if condition.operator == "in" and not isinstance(condition.value, list):
            yield Violation(f"{at}.conditions", "the value of the operator in must be a list")


def _broken_results(step: NewStep, hold: Hold, at: str, parents: set[str]) -> Iterator[Violation]:
    if hold.results and step.job is None:
        yield Violation(f"{at}.results", "a step that only waits takes no arguments")
        return
    named = 0
    for argument, given in hold.results.items():
        names = [given] if isinstance(given, str) else list(given)
        named += len(names)
        if step.job is not None and argument in step.job.payload:
            yield Violation(f"{at}.results", f"{argument!r:.110} is in the payload, too")
        for name in names:
            if name not in parents:
                yield Violation(f"{at}.results", f"{name!r:.110} is not one of its deps")
    if named > MAX_RESULTS:
        yield Violation(f"{at}.results", f"must be results of at most {MAX_RESULTS:,} steps: read them in the handler")


def _cycle(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Steps that wait for each other, in a circle; empty if there are none."""
    waits = {name: {parent for parent in deps if parent in parents} for name, deps in parents.items()}
    children: dict[str, list[str]] = {name: [] for name in waits}
    for name, deps in waits.items():
        for parent in deps:
            children[parent].append(name)
    free = [name for name, deps in waits.items() if not deps]
    while free:
        done = free.pop()
        del waits[done]
        for child in children[done]:
            waits[child].discard(done)
            if not waits[child]:
                free.append(child)
    if not waits:
        return []
    path = [next(iter(waits))]
    while path[-1] not in path[:-1]:
        path.append(min(waits[path[-1]]))
    return path[path.index(path[-1]) :][::-1]


def _refuse_others(steps: Sequence[NewStep], there: Mapping[str, str]) -> None:
    violations = [
        Violation(f"steps[{place}].name", f"the workflow has a step named {step.name!r} of another job type")
        for place, step in enumerate(steps)
        if step.name in there and there[step.name] != (step.job.job_type if step.job else WAIT_TYPE)
    ]
    if violations:
        raise InvalidJob(violations)


def _store(
    connection: Connection,
    workflow_id: UUID,
    steps: Sequence[NewStep],
    created_by: str | None,
    known: Mapping[str, Defaults] | None,
    schema: str | None,
) -> dict[str, Submitted]:
    """The jobs, as if they waited for nothing."""
    if not steps:
        return {}
    batch = Batch(connection, schema)
    jobs: dict[str, Submitted] = {}
    try:
        for portion in portions(steps):
            names = {str(step.job.job_type) for step in portion if step.job}
            with borrowed(connection, schema):
                types = known or job_types.get_many(connection, names)
            stored = batch.add(portion, partial(_row, {**types, WAIT_TYPE: _Waiting()}, workflow_id, created_by))
            jobs |= {step.name: job for step, job in zip(portion, stored, strict=False)}
        batch.close()
    except InvalidJob as error:
        raise InvalidJob([Violation(_of_step(v.field), v.rule) for v in error.violations]) from None
    return jobs


def _row(types: Mapping[str, Defaults], workflow_id: UUID, created_by: str | None, step: NewStep) -> Row:
    job = step.job or NewJob(job_type=WAIT_TYPE)
    job = replace(job, workflow_id=workflow_id, step_name=step.name, created_by=job.created_by or created_by)
    job_type = types.get(str(job.job_type))
    if job_type is not None and step.hold is not None and step.hold.results:
        job_type = _without(job_type, step.hold.results)
    return Template(job, job_type).row(job.payload)


def _without(job_type: Defaults, results: Collection[str]) -> Defaults:
    """The job type as if it did not need arguments that come later.

    Raises:
        InvalidJob: it has no such arguments.
    """
    schema = job_type.payload_schema
    if schema.get("additionalProperties") is False and (unknown := set(results) - schema.get("properties", {}).keys()):
        raise InvalidJob.at("results", f"{job_type.name} has no argument {min(unknown)!r:.110}")
    needed = [name for name in schema.get("required", []) if name not in results]
    return _Like(job_type, {**schema, "required": needed})


def _of_step(field: str) -> str:
    return f"steps{field[len('jobs') :]}" if field.startswith("jobs[") else field


def _link(connection: Connection, edges: Sequence[tuple[UUID, UUID, str]]) -> None:
    if edges:
        children, parents, policies = (list(column) for column in zip(*edges, strict=True))
        run(connection, "queue/link_jobs", {"children": children, "parents": parents, "policies": policies})


def _hold(connection: Connection, steps: Sequence[NewStep], ids: Mapping[str, UUID]) -> None:
    """After the edges: what nothing else blocks is decided at once."""
    holds = [
        {
            "job_id": str(ids[step.name]),
            "kind": step.hold.kind,
            "wait_ms": step.hold.wait_ms,
            "results": dict(step.hold.results),
            "conditions": [
                {"action": c.action, "step": c.step, "path": c.path, "operator": c.operator, "value": c.value}
                for c in step.hold.conditions
            ],
        }
        for step in steps
        if step.hold is not None
    ]
    if holds:
        text = payloads.encode(holds, "conditions", limit=MAX_STEPS * 1_000)
        run(connection, "queue/add_holds", {"holds": text})
        run(connection, "queue/hold_steps", {"ids": [hold["job_id"] for hold in holds]})


def _step(connection: Connection, workflow_id: UUID, step: str) -> Any:
    row = run(connection, "queue/step", {"workflow_id": workflow_id, "name": step}).one_or_none()
    if row is None:
        workflows.get(connection, workflow_id)
        raise StepNotFound(workflow_id, step)
    return row


def _why_deaf(row: Any) -> str:
    if row.kind != "signal":
        return "no step that waits for a signal"
    return row.status if row.signalled_at is None else "signalled already"
