"""The state machine against the real SQL: hypothesis chooses the steps, a model in Python foretells every answer.

Every verb is called with what its caller believes, which is often out of date: dispatches and attempts of the past are kept
and tried again. A stale one must win nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, text

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import WrongState
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import dead_letters, dispatch, executions, jobs
from aeon_jobs.persistence.queue.executions import Claimed, Ended
from aeon_jobs.persistence.queue.states import (
    Failure,
    Verdict,
    cancelled,
    completed,
    discarded,
    failed,
    released,
    snoozed,
)
from tests.rows import dispatch_queues

Dispatched = tuple[UUID, int]
"""Job and dispatch_seq."""

FINAL = {"completed", "failed", "cancelled"}
MAX_JOBS = 2
MAX_DEATHS = 2
MAX_RETRIES = 1
FAILURE = Failure("Broken", "it broke")

VERDICTS = {
    "completed": completed(1),
    "retried": failed(FAILURE, retries_left=1, delay_ms=0),
    "exhausted": failed(FAILURE, retries_left=0, delay_ms=0),
    "hopeless": failed(FAILURE, retries_left=1, delay_ms=0, hopeless="permanent"),
    "discarded": discarded("stale"),
    "cancelled": cancelled("by itself"),
    "snoozed": snoozed(0),
    "released": released("stopped"),
}


@dataclass
class Model:
    """What a job's row must look like."""

    status: str = "pending"
    seq: int = 0
    attempt: int = 0
    retries: int = 0
    deaths: int = 0
    is_cancel_requested: bool = False
    has_dead_letter: bool = False
    result: object = None
    verdicts: list[tuple[int, str]] = field(default_factory=list)


now_and_then = precondition(lambda self: self.turn % 4 == 0)
"""What ends a job, or takes it back before it runs: as often as everything else, nothing would ever run."""


class Machine(RuleBasedStateMachine):
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[UUID, Model] = {}
        self.held: dict[UUID, Claimed] = {}
        """The latest claim of each job."""
        self.turn = 0

    ids = Bundle("ids")
    dispatches = Bundle("dispatches")
    attempts = Bundle("attempts")

    @initialize()
    def empty(self) -> None:
        with self.database.connection() as connection:
            connection.execute(text("TRUNCATE jobs, dead_letter_jobs, job_executions CASCADE"))

    # Few jobs, and no steps that could do nothing: chance should find its way back to the same job again and again.

    @precondition(lambda self: len(self.models) < MAX_JOBS)
    @rule(target=ids)
    def submit(self) -> UUID:
        with self.database.connection() as connection:
            job_id: UUID = connection.execute(
                text("INSERT INTO jobs (job_type, max_retries) VALUES ('m', :retries) RETURNING id"),
                {"retries": MAX_RETRIES},
            ).scalar_one()
        self.models[job_id] = Model()
        return job_id

    @precondition(lambda self: self._any("pending"))
    @rule(target=dispatches, count=st.integers(1, 2))
    def dispatch(self, count: int) -> MultipleResults[Dispatched]:
        with self.database.connection() as connection:
            dispatch.promote(connection)
            dispatched = dispatch_queues(connection, {"default": count})
        ready = [job_id for job_id, model in self.models.items() if model.status == "pending"]
        assert len(dispatched) == min(count, len(ready))
        for entry in dispatched:
            model = self.models[entry.id]
            assert model.status == "pending"
            model.status, model.seq = "queued", model.seq + 1
            assert entry.seq == model.seq
        return multiple(*((entry.id, entry.seq) for entry in dispatched))

    @rule(target=attempts, dispatched=dispatches, worker=st.sampled_from(["w1", "w2"]))
    def claim(self, dispatched: Dispatched, worker: str) -> MultipleResults[Claimed]:
        return self._claim([dispatched], worker)

    @precondition(lambda self: self._any("pending", "queued"))
    @rule(target=attempts, worker=st.sampled_from(["w1", "w2"]))
    def start(self, worker: str) -> MultipleResults[Claimed]:
        """All that can start: without this chance would seldom get as far as a running job."""
        self.dispatch(MAX_JOBS)
        return self._claim([(job_id, m.seq) for job_id, m in self.models.items() if m.status == "queued"], worker)

    def _claim(self, dispatched: list[Dispatched], worker: str) -> MultipleResults[Claimed]:
        with self.database.connection() as connection:
            answer = executions.claim(connection, dispatched, worker_id=worker, lease_ms=60_000) if dispatched else {}
        for job_id, seq in dispatched:
            model = self.models[job_id]
            is_mine = model.status == "queued" and model.seq == seq and not model.is_cancel_requested
            assert ((job_id, seq) in answer) == is_mine
            if is_mine:
                model.status, model.attempt = "running", model.attempt + 1
                self.held[job_id] = answer[job_id, seq]
                assert self.held[job_id].attempt == model.attempt
        return multiple(*answer.values())

    @precondition(lambda self: self._any("running"))
    @rule(kind=st.sampled_from(sorted(VERDICTS)))
    def finish(self, kind: str) -> None:
        """What runs now."""
        for job_id, model in self.models.items():
            if model.status == "running":
                self.record(self.held[job_id], kind)

    @rule(claimed=attempts, kind=st.sampled_from(sorted(VERDICTS)))
    def record(self, claimed: Claimed, kind: str) -> None:
        """Of the latest attempt or of one long ago; the latter, and repeated ones, change nothing."""
        verdict = VERDICTS[kind]
        with self.database.connection() as connection:
            ended = [Ended.of(claimed, verdict)]
            won = executions.record(connection, ended, worker_id="w1", shard=0)[claimed.id, claimed.attempt]
        model = self.models[claimed.id]
        if (model.status, model.attempt) == ("running", claimed.attempt):
            assert won
            self._ended(model, verdict)
        else:
            # True is right for a verdict that was recorded before: its reply may have been lost.
            assert won == (claimed.attempt in {n for n, outcome in model.verdicts if outcome != "lost"})

    @rule(claimed=attempts)
    def renew(self, claimed: Claimed) -> None:
        with self.database.connection() as connection:
            renewals = executions.renew(connection, [(claimed.id, claimed.attempt)], lease_ms=60_000)
        model = self.models[claimed.id]
        holds = (model.status, model.attempt) == ("running", claimed.attempt)
        assert [(r.attempt, r.cancel_requested) for r in renewals] == (
            [(claimed.attempt, model.is_cancel_requested)] if holds else []
        )

    @rule(claimed=attempts)
    def progress(self, claimed: Claimed) -> None:
        with self.database.connection() as connection:
            answer = executions.report_progress(connection, claimed.id, claimed.attempt, {"fraction": 1})
        model = self.models[claimed.id]
        holds = (model.status, model.attempt) == ("running", claimed.attempt)
        assert answer == (model.is_cancel_requested if holds else None)

    @precondition(lambda self: self._any("running"))
    @rule(worker=st.sampled_from(["w1", "w2"]))
    def rescue(self, worker: str) -> None:
        with self.database.connection() as connection:
            rescued = executions.rescue(connection, dead_workers=[worker], max_deaths=MAX_DEATHS)
            owners = self._workers(connection)
        for entry in rescued:
            model = self.models[entry.id]
            assert model.status == "running"
            assert (entry.attempt, entry.worker_id, owners[entry.id]) == (model.attempt, worker, worker)
            model.deaths += 1
            model.verdicts.append((model.attempt, "lost"))
            if model.is_cancel_requested:
                model.status = "cancelled"
            elif model.deaths >= MAX_DEATHS:
                model.status, model.has_dead_letter = "failed", True
            else:
                model.status = "pending"
            assert entry.status == model.status
        assert not [i for i, m in self.models.items() if m.status == "running" and owners[i] == worker]

    @precondition(lambda self: self._any("running") or self.turn % 4 == 0)
    @rule(job_id=ids)
    def cancel(self, job_id: UUID) -> None:
        model = self.models[job_id]
        with self.database.connection() as connection:
            if model.status in FINAL:
                with pytest.raises(WrongState):
                    jobs.cancel(connection, job_id)
                return
            jobs.cancel(connection, job_id, reason="no more", by="me")
        model.is_cancel_requested = True
        if model.status != "running":
            model.status = "cancelled"

    @precondition(lambda self: self._any(*FINAL))
    @rule(job_id=ids)
    def requeue(self, job_id: UUID) -> None:
        model = self.models[job_id]
        with self.database.connection() as connection:
            if model.status not in ("failed", "cancelled"):
                with pytest.raises(WrongState):
                    dead_letters.requeue(connection, job_id)
                return
            dead_letters.requeue(connection, job_id)
        model.status, model.retries, model.deaths = "pending", 0, 0
        model.is_cancel_requested = model.has_dead_letter = False
        model.result = None

    @now_and_then
    @rule(dispatched=dispatches)
    def take_back(self, dispatched: Dispatched) -> None:
        model = self.models[dispatched[0]]
        with self.database.connection() as connection:
            taken = dispatch.take_back(connection, [dispatched])
        assert taken == ((model.status, model.seq) == ("queued", dispatched[1]))
        if taken:
            model.status = "pending"

    @invariant()
    def count_turns(self) -> None:
        self.turn += 1

    @invariant()
    def rows_are_what_the_model_says(self) -> None:
        with self.database.connection() as connection:
            rows = connection.execute(text("SELECT * FROM jobs")).mappings().all()
            letters = set(
                connection.execute(text("SELECT job_id FROM dead_letter_jobs WHERE resolved_at IS NULL")).scalars()
            )
            history = connection.execute(
                text("SELECT job_id, attempt, outcome FROM job_executions WHERE outcome <> 'superseded' ORDER BY id")
            ).all()
        assert len(rows) == len(self.models)
        for row in rows:
            model = self.models[row["id"]]
            seen = (row["status"], row["dispatch_seq"], row["attempt"], row["retry_count"], row["worker_deaths"])
            assert seen == (model.status, model.seq, model.attempt, model.retries, model.deaths)
            assert row["result"] == model.result
            assert (row["cancel_requested_at"] is not None) == model.is_cancel_requested
            assert (row["completed_at"] is not None) == (model.status in FINAL)
            assert (row["lease_expires_at"] is not None) == (model.status == "running")
            assert (row["id"] in letters) == model.has_dead_letter
            mine = [(entry.attempt, entry.outcome) for entry in history if entry.job_id == row["id"]]
            assert mine == model.verdicts

    def _any(self, *statuses: str) -> bool:
        return any(model.status in statuses for model in self.models.values())

    def _ended(self, model: Model, verdict: Verdict) -> None:
        is_stopped = verdict.status == "pending" and model.is_cancel_requested
        model.status = "cancelled" if is_stopped else verdict.status.value
        model.verdicts.append((model.attempt, "cancelled" if is_stopped else verdict.outcome))
        model.retries += verdict.uses_retry and not is_stopped
        model.result = verdict.result
        model.has_dead_letter = verdict.reason is not None

    @staticmethod
    def _workers(connection: Connection) -> dict[UUID, str]:
        return {row.id: row.worker_id for row in connection.execute(text("SELECT id, worker_id FROM jobs"))}


@pytest.fixture
def machine(settings: Settings) -> Iterator[type[Machine]]:
    database = Database(settings.postgres_dsn, pool_size=1)
    yield type("BoundMachine", (Machine,), {"database": database})
    database.dispose()


def test_every_verb_answers_as_the_model_foretells(machine: type[Machine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=60,
            deadline=None,
            derandomize=True,
            # Shrinking on a real database takes minutes; sixty steps can be read.
            phases=[Phase.generate],
            report_multiple_bugs=False,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
