"""What is submitted and cancelled in a run. The seed decides the plan; the producer executes it."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from threading import Thread
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import WrongState
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue import graphs, jobs, workflows
from aeon_jobs.persistence.queue.graphs import Edge, NewStep
from aeon_jobs.persistence.queue.submissions import NewJob, Submitted
from aeon_jobs.persistence.queue.workflows import Callback, NewWorkflow
from tests.faults.history.batches import PlannedBatch, PlannedGraph
from tests.faults.history.record import Accepted, Cancelled, Record

MIX = {
    "h_note": 6,
    "h_nap": 5,
    "h_other": 4,
    "h_booking": 6,
    "h_flaky": 3,
    "h_snoozing": 1,
    "h_failing": 1,
    "h_permanent": 1,
    "h_endless": 0.3,
}
TIMEOUT_S = 60
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Submission:
    at: float
    """Seconds from the start of the run."""
    job_type: str
    payload: dict[str, float] = field(default_factory=dict)
    priority: int = 50
    key: str | None = None
    again_at: float | None = None
    """Time of the second submission with the same key."""
    delay_s: float | None = None
    follows: int | None = None
    """Index of the submission that it depends on."""
    cancel_at: float | None = None


def plan(rng: Random, jobs_wanted: int, duration_s: float) -> list[Submission]:
    times = sorted(rng.uniform(0, duration_s) for _ in range(jobs_wanted))
    return [_submission(rng, index, at) for index, at in enumerate(times)]


def _submission(rng: Random, index: int, at: float) -> Submission:
    job_type = rng.choices(list(MIX), list(MIX.values()))[0]
    priority = rng.randint(0, 100)
    payload: dict[str, float] = {}
    if job_type in ("h_nap", "h_other", "h_booking"):
        payload = {"seconds": round(rng.uniform(0.05, 0.8), 2)}
    elif job_type == "h_flaky":
        payload = {"failures": rng.randint(1, 2)}
    chance = rng.random()
    if chance < 0.15:
        key = f"key-{index}"
        return Submission(at, job_type, payload, priority, key=key, again_at=at + rng.uniform(0, 2))
    if chance < 0.25:
        return Submission(at, job_type, payload, priority, delay_s=rng.uniform(0.2, 2))
    if chance < 0.35 and index:
        return Submission(at, job_type, payload, priority, follows=rng.randrange(index))
    if chance < 0.50:
        return Submission(at, job_type, payload, priority, cancel_at=at + rng.uniform(0, 1.5))
    return Submission(at, job_type, payload, priority)


class Producer:
    """Executes the plan in a thread, and stores every reply in the record."""

    def __init__(self, database: Database, hints: Hints, plan: list[Submission], record: Record) -> None:
        self._database = database
        self._hints = hints
        self._record = record
        self._ids: dict[int, UUID] = {}
        self._order = count()
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        for index, submission in enumerate(plan):
            self._at(submission.at, lambda p=index, s=submission: self._submit(p, s))  # type: ignore[misc]
        self._thread = Thread(target=self._work, name="producer", daemon=True)

    def plan_workflows(self, batches: list[PlannedBatch], graphs: list[PlannedGraph]) -> None:
        """Before the start."""
        for number, batch in enumerate(batches):
            self._at(batch.at, lambda n=number, b=batch: self._begin(n, b))  # type: ignore[misc]
        for number, graph in enumerate(graphs):
            self._at(graph.at, lambda n=number, g=graph: self._submit_graph(n, g))  # type: ignore[misc]

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        self._thread.join()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def _at(self, time_s: float, step: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (time_s, next(self._order), step))

    def _work(self) -> None:
        began = time.monotonic()
        while self._steps:
            time_s, _, step = heapq.heappop(self._steps)
            # The plan has times; only the producer waits for them.
            time.sleep(max(0.0, began + time_s - time.monotonic()))
            step()

    def _submit(self, index: int, submission: Submission) -> None:
        parent = None if submission.follows is None else self._ids.get(submission.follows)
        due = None if submission.delay_s is None else datetime.now(UTC) + timedelta(seconds=submission.delay_s)
        new = NewJob(
            job_type=submission.job_type,
            payload=submission.payload,
            priority=submission.priority,
            idempotency_key=submission.key,
            idempotency_window_s=3_600 if submission.key else None,
            scheduled_at=due,
            metadata={"due": due.timestamp()} if due else {},
            depends_on=[parent] if parent else [],
            on_dependency_failure="cancel",
        )
        answer = self._answer(new)
        if answer is None:
            return
        self._ids[index] = answer.id
        self._record.accepted.append(Accepted(str(answer.id), submission.key))
        self._hints.job_ready()
        if submission.again_at is not None:
            self._at(submission.again_at, lambda: self._submit_again(new))
        if submission.cancel_at is not None:
            self._at(submission.cancel_at, lambda: self._cancel(answer.id))

    def _begin(self, number: int, batch: PlannedBatch) -> None:
        # The key brings back what was created by a call without an answer.
        new = NewWorkflow(name="batch", kind="batch", unique_key=str(number), on_finished=Callback("h_note"))
        workflow_id = self._until_answered(lambda connection: workflows.create(connection, new)[0].id)
        for member in batch.members:
            job = NewJob(job_type=member.job_type, payload=member.payload, workflow_id=workflow_id)
            self._at(member.at, lambda job=job: self._add(job))  # type: ignore[misc]
        self._at(batch.closed_at, lambda: self._until_answered(lambda c: workflows.close(c, workflow_id)))

    def _submit_graph(self, number: int, graph: PlannedGraph) -> None:
        new = NewWorkflow(name="graph", unique_key=str(number), on_finished=Callback("h_note"))
        middle = [
            NewStep(name=str(n), job=NewJob(job_type=m.job_type, payload=m.payload), deps=[Edge("first")])
            for n, m in enumerate(graph.middle)
        ]
        first = NewStep(name="first", job=NewJob(job_type="h_note"))
        last = NewStep(name="last", job=NewJob(job_type="h_note"), deps=[Edge(step.name) for step in middle])
        _, steps, _ = self._until_answered(lambda connection: graphs.submit(connection, new, [first, *middle, last]))
        self._record.accepted += [Accepted(str(step.id)) for step in steps.values()]
        self._hints.job_ready()

    def _add(self, new: NewJob) -> None:
        if answer := self._answer(new):
            self._record.accepted.append(Accepted(str(answer.id)))
            self._hints.job_ready()

    def _submit_again(self, new: NewJob) -> None:
        if answer := self._answer(new):
            self._record.accepted.append(Accepted(str(answer.id), new.idempotency_key))

    def _answer(self, new: NewJob) -> Submitted | None:
        """None: PostgreSQL did not answer, so the job may exist or not. With a key it is safe to submit again."""
        if new.idempotency_key is not None:
            return self._until_answered(lambda connection: jobs.submit(connection, new))
        with suppress(SQLAlchemyError), self._database.transaction() as connection:
            return jobs.submit(connection, new)
        return None

    def _until_answered(self, step: Callable[[Connection], T]) -> T:
        """For steps that may be repeated."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                with self._database.transaction() as connection:
                    return step(connection)
            except SQLAlchemyError:
                if time.monotonic() > deadline:
                    raise

    def _cancel(self, job_id: UUID) -> None:
        try:
            with self._database.connection() as connection:
                job = jobs.cancel(connection, job_id, reason="planned", by="producer")
        except (WrongState, SQLAlchemyError):
            return
        self._hints.cancel(job_id)
        self._record.cancelled.append(Cancelled(str(job_id), job.attempt))
