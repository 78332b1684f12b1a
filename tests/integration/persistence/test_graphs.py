"""The graph of workflows: edges, holds, steps that are added later, and what a retry brings back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import Database, run
from aeon_jobs.persistence.core.errors import InvalidJob, StepNotFound, WrongState
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue import dead_letters, executions, graphs, jobs, states, workflows
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.graphs import Condition, Edge, Hold, NewStep
from aeon_jobs.persistence.queue.states import Failure
from aeon_jobs.persistence.queue.submissions import NewJob
from aeon_jobs.persistence.queue.workflows import NewWorkflow
from aeon_jobs.persistence.reads import explain
from tests.races import rival
from tests.rows import end, end_all, job, register, rows, start, value

FAILED = states.failed(Failure.of("ValueError", "bad", "", job_type="note", place="here"), retries_left=0, delay_ms=0)


@pytest.fixture(autouse=True)
def _registered(database: Database, environment: object) -> None:
    register(database)


def step(name: str, *deps: str | Edge, hold: Hold | None = None, waits: bool = False) -> NewStep:
    edges = [dep if isinstance(dep, Edge) else Edge(dep) for dep in deps]
    return NewStep(name=name, job=None if waits else NewJob(job_type="note"), deps=edges, hold=hold)


def submit(database: Database, *steps: NewStep) -> tuple[UUID, dict[str, UUID]]:
    with database.transaction() as connection:
        workflow, jobs, _ = graphs.submit(connection, NewWorkflow(name="import"), steps)
    return workflow.id, {name: submitted.id for name, submitted in jobs.items()}


def complete(database: Database, job_id: UUID, result: Any = None) -> None:
    (claimed,) = start(database, job_id)
    assert end(database, claimed, states.completed(result))


def fail(database: Database, job_id: UUID) -> None:
    (claimed,) = start(database, job_id)
    assert end(database, claimed, FAILED)


def standing(database: Database, ids: dict[str, UUID]) -> dict[str, str]:
    """`ready`, or the status."""
    found = {name: job(database, id_) for name, id_ in ids.items()}
    return {name: "ready" if row.ready and row.status == "pending" else row.status for name, row in found.items()}


def state(database: Database, workflow_id: UUID) -> str:
    with database.transaction() as connection:
        workflows.settle(connection)
        return workflows.get(connection, workflow_id).state


def test_a_step_runs_when_all_that_it_waits_for_is_over(database):
    id_, ids = submit(database, step("load", "a", "b"), step("a"), step("b", "a"))
    assert standing(database, ids) == {"a": "ready", "b": "pending", "load": "pending"}
    assert job(database, ids["load"]).blocked_by == 2
    for name in ("a", "b", "load"):
        complete(database, ids[name])
    assert state(database, id_) == "completed"


def test_a_failed_step_cancels_what_waits_for_it_unless_the_edge_says_otherwise(database):
    id_, ids = submit(
        database,
        step("a"),
        step("b", "a"),
        step("c", "b"),
        step("report", Edge("c", "run")),
        step("patient", Edge("a", "wait")),
    )
    fail(database, ids["a"])
    expected = {"a": "failed", "b": "cancelled", "c": "cancelled", "report": "ready", "patient": "pending"}
    assert standing(database, ids) == expected
    assert state(database, id_) == "running"


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([step("a", "b"), step("b", "c"), step("c", "a")], "steps: wait for each other: "),
        ([step("a", "a")], "steps: wait for each other: a → a"),
        ([step("a", "x")], "steps[0].deps: there is no step 'x'"),
        ([step("a"), step("a")], "steps[1].name: there are two steps named 'a'"),
        ([step("a"), step("b", "a", "a")], "steps[1].deps: names a step twice"),
        ([step("a", waits=True)], "steps[0]: must have a job, or wait for a signal or a time"),
        ([], "steps: must be 1 to 50,000 steps"),
        ([step("a"), NewStep(name="b", job=NewJob(job_type="note", priority=101))], "steps[1].priority: "),
        ([step("a", hold=Hold(conditions=[Condition("skip", "b", "", "exists")]))], "'b' is not one of its deps"),
    ],
)
def test_a_graph_that_cannot_end_is_refused_and_nothing_is_stored(database, steps, fault):
    with pytest.raises(InvalidJob) as raised:
        submit(database, *steps)
    assert fault in str(raised.value)
    assert value(database, "SELECT count(*) FROM jobs") == value(database, "SELECT count(*) FROM workflows") == 0


def add(database: Database, claimed: Any, *steps: NewStep) -> dict[str, UUID]:
    with database.transaction() as connection:
        return graphs.add(connection, claimed.id, claimed.attempt, steps)


def test_the_join_of_a_running_step_waits_for_what_it_adds_also_for_what_is_added_later(database):
    _, ids = submit(database, step("split"), step("join", "split"))
    (split,) = start(database, ids["split"])
    ids |= add(database, split, step("part-1"), step("part-2", "part-1"))
    assert add(database, split, step("part-1")) == {"part-1": ids["part-1"]}
    ids |= add(database, split, step("part-3", "part-2"))
    assert end(database, split, states.completed(None))
    for name in ("part-1", "part-2"):
        complete(database, ids[name])
    assert standing(database, ids)["join"] == "pending"
    complete(database, ids["part-3"])
    assert standing(database, ids)["join"] == "ready"


def test_only_the_attempt_that_runs_adds_steps_and_none_that_wait_for_their_own_join(database):
    _, ids = submit(database, step("split"), step("join", "split"), step("last", "join"))
    (split,) = start(database, ids["split"])
    with pytest.raises(InvalidJob, match="step 'last' waits for this one"):
        add(database, split, step("part", "last"))
    with pytest.raises(InvalidJob, match="of another job type"):
        add(database, split, step("join", waits=True, hold=Hold(kind="signal")))
    assert end(database, split, states.completed(None))
    with pytest.raises(WrongState, match="not running in this attempt"):
        add(database, split, step("part"))
    assert standing(database, ids)["join"] == "ready"


def test_the_end_of_a_step_waits_for_the_transaction_that_adds_to_it(database):
    _, ids = submit(database, step("split"), step("join", "split"))
    (split,) = start(database, ids["split"])
    with database.transaction() as connection:
        ids |= graphs.add(connection, split.id, split.attempt, [step("part")])
        with rival(database, lambda other: end(other, split, states.completed(None))) as second:
            second.waits()
            connection.commit()
            assert second.answer()
    assert standing(database, ids) == {"split": "completed", "part": "ready", "join": "pending"}


def test_two_parents_that_end_at_once_release_their_child_once(database):
    _, ids = submit(database, step("a"), step("b"), step("join", "a", "b"))
    first, second = start(database, ids["a"], ids["b"])
    with database.transaction() as connection:
        assert end(connection, first, states.completed(None))
        with rival(database, lambda other: end(other, second, states.completed(None))) as other:
            other.waits()
            connection.commit()
            assert other.answer()
    assert (job(database, ids["join"]).blocked_by, standing(database, ids)["join"]) == (0, "ready")


CONDITIONS = [
    ({"rows": 0}, "rows", "==", 0, True),
    ({"rows": 3}, "rows", "==", 0, False),
    ({"rows": 3}, "rows", ">", 2, True),
    ({"rows": "3"}, "rows", ">", 2, False),
    ({"rows": 3}, "rows", "<=", 2, False),
    ({"a": {"b": "x"}}, "a.b", "in", ["x", "y"], True),
    ({"a": {"b": "z"}}, "a.b", "in", ["x", "y"], False),
    ({"a": None}, "a", "exists", None, True),
    ({}, "a", "missing", None, True),
    (None, "a", "!=", 1, True),
    (7, "", "==", 7, True),
]


@pytest.mark.parametrize(("result", "path", "operator", "expected", "is_met"), CONDITIONS)
def test_a_condition_looks_at_the_result_of_a_parent(database, result, path, operator, expected, is_met):
    hold = Hold(conditions=[Condition("skip", "a", path, operator, expected)])
    _, ids = submit(database, step("a"), step("b", "a", hold=hold), step("c", "b"))
    complete(database, ids["a"], result)
    skipped = {"a": "completed", "b": "completed", "c": "ready"}
    assert standing(database, ids) == (skipped if is_met else {"a": "completed", "b": "ready", "c": "pending"})
    assert ("skipped" in (job(database, ids["b"]).result or {})) == is_met


def test_cancel_if_cancels_and_the_reason_is_the_condition(database):
    hold = Hold(conditions=[Condition("cancel", "a", "rows", "==", 0)])
    id_, ids = submit(database, step("a"), step("b", "a", hold=hold), step("c", "b"))
    complete(database, ids["a"], {"rows": 0})
    assert standing(database, ids) == {"a": "completed", "b": "cancelled", "c": "cancelled"}
    assert job(database, ids["b"]).cancel_reason == "a.rows == 0"
    assert state(database, id_) == "cancelled"


def test_hundreds_of_skipped_steps_in_a_row_do_not_fill_the_stack(database):
    steps = [step("0")]
    for n in range(1, 300):
        hold = Hold(conditions=[Condition("skip", str(n - 1), "", "exists")])
        steps.append(step(str(n), str(n - 1), hold=hold))
    id_, ids = submit(database, *steps)
    complete(database, ids["0"], {})
    rounds = 0
    while release(database):
        rounds += 1
    assert 1 <= rounds < 20
    assert state(database, id_) == "completed"


def release(database: Database) -> int:
    with database.connection() as connection:
        return graphs.release_holds(connection)


def signal(database: Database, workflow_id: UUID, name: str, payload: Any = None) -> None:
    with database.transaction() as connection:
        graphs.signal(connection, workflow_id, name, payload, by="me")


APPROVE = step("approve", "a", waits=True, hold=Hold(kind="signal"))


@pytest.mark.parametrize("is_early", [True, False])
def test_a_signal_completes_the_step_that_waits_for_it_also_if_it_came_first(database, is_early):
    id_, ids = submit(database, step("a"), APPROVE, step("b", "approve"))
    if is_early:
        signal(database, id_, "approve", {"by": "Eve"})
        assert standing(database, ids)["approve"] == "pending"
    complete(database, ids["a"])
    if not is_early:
        assert standing(database, ids) == {"a": "completed", "approve": "pending", "b": "pending"}
        signal(database, id_, "approve", {"by": "Eve"})
    assert standing(database, ids) == {"a": "completed", "approve": "completed", "b": "ready"}
    assert job(database, ids["approve"]).result == {"by": "Eve"}
    with pytest.raises(WrongState, match="signalled already"):
        signal(database, id_, "approve")
    with pytest.raises(WrongState, match="no step that waits for a signal"):
        signal(database, id_, "b")
    with pytest.raises(StepNotFound):
        signal(database, id_, "x")


def pass_time(database: Database) -> None:
    rows(database, "UPDATE workflow_holds SET due_at = now() - interval '1 s' WHERE due_at IS NOT NULL")


def test_a_signal_that_does_not_come_in_time_cancels_its_step_and_a_timer_completes_its_own(database):
    hold, pause = Hold(kind="signal", wait_ms=60_000), Hold(kind="timer", wait_ms=60_000)
    _, ids = submit(
        database, step("a"), step("ok", "a", waits=True, hold=hold), step("pause", "a", waits=True, hold=pause)
    )
    complete(database, ids["a"])
    assert release(database) == 0
    pass_time(database)
    assert (release(database), release(database)) == (2, 0)
    assert standing(database, ids) == {"a": "completed", "ok": "cancelled", "pause": "completed"}
    assert job(database, ids["ok"]).cancel_reason == "no signal came in time"


def test_a_delay_counts_from_the_end_of_the_parents(database):
    _, ids = submit(database, step("a"), step("b", "a", hold=Hold(wait_ms=60_000)))
    complete(database, ids["a"])
    sql = "SELECT scheduled_at - now() BETWEEN interval '50 s' AND interval '60 s' FROM jobs WHERE id = :id"
    assert value(database, sql, id=ids["b"])
    assert job(database, ids["b"]).blocked_by == 0


def retry(database: Database, workflow_id: UUID) -> set[UUID]:
    with database.transaction() as connection:
        return set(graphs.retry(connection, workflow_id, by="me"))


def test_a_retry_brings_back_what_failed_and_what_was_cancelled_because_of_it(database):
    id_, ids = submit(database, step("a"), step("x"), step("b", "a"), step("c", "b"), step("y", "x"))
    with database.transaction() as connection:
        jobs.cancel(connection, ids["x"], reason=None, by="me")
    fail(database, ids["a"])
    assert state(database, id_) == "failed"
    assert retry(database, id_) == {ids["a"], ids["b"], ids["c"]}
    assert retry(database, id_) == set()
    assert state(database, id_) == "running"
    for name in "abc":
        complete(database, ids[name])
    expected = {"a": "completed", "b": "completed", "c": "completed", "x": "cancelled", "y": "cancelled"}
    assert standing(database, ids) == expected
    assert state(database, id_) == "cancelled"
    assert value(database, "SELECT count(*) FROM dead_letter_jobs WHERE resolved_at IS NULL") == 0


def test_a_retry_waits_anew_for_a_signal_that_did_not_come(database):
    id_, ids = submit(database, step("ok", waits=True, hold=Hold(kind="signal", wait_ms=60_000)), step("b", "ok"))
    pass_time(database)
    release(database)
    assert standing(database, ids) == {"ok": "cancelled", "b": "cancelled"}
    assert retry(database, id_) == set(ids.values())
    assert release(database) == 0
    signal(database, id_, "ok")
    assert standing(database, ids) == {"ok": "completed", "b": "ready"}


def updates(connection: Connection) -> int:
    """Rows of jobs that the transaction has updated."""
    return int(value(connection, "SELECT pg_stat_get_xact_tuples_updated('jobs'::regclass)"))


def test_a_record_updates_a_child_once_however_many_of_its_parents_it_has(database):
    parents = [step(f"p{n}") for n in range(64)]
    _, ids = submit(database, *parents, step("join", *(parent.name for parent in parents)))
    claimed = start(database, *(ids[parent.name] for parent in parents))
    with database.transaction() as connection:
        before = updates(connection)
        end_all(connection, [(one, states.completed(None)) for one in claimed])
        assert updates(connection) - before == 64 + 1
    assert (job(database, ids["join"]).blocked_by, standing(database, ids)["join"]) == (0, "ready")


def test_many_parents_and_many_children_are_released_once(database):
    parents = [step(f"p{n}") for n in range(200)]
    children = [step(f"c{n}", "join") for n in range(200)]
    id_, ids = submit(database, *parents, step("join", *(parent.name for parent in parents)), *children)
    claimed = start(database, *(ids[parent.name] for parent in parents))
    for place in range(0, 200, 64):
        assert job(database, ids["join"]).blocked_by == 200 - place
        end_all(database, [(one, states.completed(None)) for one in claimed[place : place + 64]])
    complete(database, ids["join"])
    sql = "SELECT count(*) FROM jobs WHERE ready AND blocked_by = 0 AND status = 'pending' AND workflow_id = :id"
    assert value(database, sql, id=id_) == 200


def test_groups_whose_parents_share_children_crosswise_do_not_deadlock(database):
    """Parent by parent, one group would go up through the children, the other down, and meet in the middle."""
    count = 9
    parents = [step(f"{side}{n}") for side in "ab" for n in range(count)]
    children = [step(f"c{n}", f"a{n}", f"b{count - 1 - n}") for n in range(count)]
    # Ids in the order of the names: those of a moment have none.
    steps = [
        replace(one, job=NewJob(job_type="note", id=UUID(int=place)))
        for place, one in enumerate([*parents, *children], 1)
    ]
    _, ids = submit(database, *steps)
    groups = [start(database, *(ids[f"{side}{n}"] for n in range(count))) for side in "ab"]

    def record(connection: Connection, shard: int) -> dict[Any, bool]:
        """Each with counters of its own: they do not wait for each other there."""
        ended = [Ended(one.id, one.attempt, one.started_at, states.completed(None)) for one in groups[shard]]
        return executions.record(connection, ended, worker_id=f"w{shard}", shard=shard)

    with database.transaction() as connection:
        rows(connection, "SELECT FROM jobs WHERE id = :id FOR UPDATE", id=ids[f"c{count // 2}"])
        with (
            rival(database, lambda other: record(other, 0)) as up,
            rival(database, lambda other: record(other, 1)) as down,
        ):
            up.waits()
            down.waits()
            connection.commit()
            assert all([*up.answer().values(), *down.answer().values()])
    found = standing(database, ids)
    assert {found[child.name] for child in children} == {"ready"}


@pytest.mark.parametrize("end_of_some", [states.completed(None), FAILED])
def test_a_group_locks_its_children_in_the_order_of_their_ids(database, end_of_some):
    """While one holds a child in the middle, it has locked those before it and none after it: two groups cannot deadlock."""
    count = 9
    parents, children = [step(f"p{n}") for n in range(count)], [step(f"c{n}", f"p{n}") for n in range(count)]
    _, ids = submit(database, *parents, *children)
    by_id = sorted(ids[child.name] for child in children)
    claimed = start(database, *(ids[f"p{n}"] for n in (4, 8, 0, 2, 6, 1, 7, 3, 5)))
    outcomes = [(one, end_of_some if n % 2 else states.completed(None)) for n, one in enumerate(claimed)]
    with database.transaction() as connection:
        rows(connection, "SELECT FROM jobs WHERE id = :id FOR UPDATE", id=by_id[4])
        with rival(database, lambda other: end_all(other, outcomes)) as other:
            other.waits()
            sql = "SELECT id FROM jobs WHERE id = ANY(:ids) FOR UPDATE SKIP LOCKED"
            assert {id_ for (id_,) in rows(database, sql, ids=by_id)} == set(by_id[5:])
            connection.commit()
            other.answer()


def test_parents_that_end_by_plain_sql_release_their_children_too(database):
    _, ids = submit(database, step("a"), step("b"), step("join", "a", "b"), step("late", Edge("a", "run")))
    rows(database, "UPDATE jobs SET status = 'completed' WHERE id = ANY(:ids)", ids=[ids["a"], ids["b"]])
    assert standing(database, ids) == {"a": "completed", "b": "completed", "join": "ready", "late": "ready"}


def test_a_failure_in_a_group_cancels_and_counts_what_waits_for_it(database):
    id_, ids = submit(
        database, step("a"), step("b"), step("join", "a", "b"), step("last", "join"), step("c", Edge("a", "run"))
    )
    first, second = start(database, ids["a"], ids["b"])
    end_all(database, [(first, FAILED), (second, states.completed(None))])
    expected = {"a": "failed", "b": "completed", "join": "cancelled", "last": "cancelled", "c": "ready"}
    assert standing(database, ids) == expected
    reason = f"job {ids['a']}, which it depends on, is failed"
    assert job(database, ids["join"]).cancel_reason == reason
    with database.connection() as connection:
        found = workflows.get(connection, id_)
    assert (found.total, found.completed, found.failed, found.cancelled) == (5, 1, 1, 2)


# --- results as arguments -------------------------------------------------------------------------


def takes(**results: Any) -> Hold:
    return Hold(results=results)


def test_results_of_parents_become_arguments_when_the_step_begins(database):
    late = NewStep(
        name="late",
        job=NewJob(job_type="note", payload={"text": "hi"}),
        deps=[Edge("a"), Edge("b"), Edge("x", "run")],
        hold=takes(n=["b", "x", "a"]),
    )
    _, ids = submit(database, step("a"), step("b"), step("x"), late)
    assert job(database, ids["late"]).payload == {"text": "hi"}
    complete(database, ids["a"], {"rows": 3})
    complete(database, ids["b"])
    fail(database, ids["x"])
    assert job(database, ids["late"]).payload == {"text": "hi", "n": [None, {"rows": 3}]}
    assert standing(database, ids)["late"] == "ready"


def test_one_result_is_an_argument_and_one_that_is_missing_leaves_it_out(database):
    _, ids = submit(
        database,
        step("a"),
        step("x"),
        step("b", "a", hold=takes(text="a")),
        step("c", Edge("x", "run"), hold=takes(text="x")),
    )
    complete(database, ids["a"], "hello")
    fail(database, ids["x"])
    assert job(database, ids["b"]).payload == {"text": "hello"}
    assert job(database, ids["c"]).payload == {}
    assert standing(database, ids) == {"a": "completed", "x": "failed", "b": "ready", "c": "ready"}


def test_arguments_that_come_later_may_be_required_and_must_exist(database):
    needs = JobType(
        name="needs",
        queue_name="default",
        payload_schema={
            "type": "object",
            "properties": {"n": {"type": "integer"}, "m": {"type": "integer"}},
            "required": ["n", "m"],
            "additionalProperties": False,
        },
        example={},
        priority=50,
        max_retries=3,
        timeout_ms=300_000,
    )
    register(database, needs)

    def later(payload: dict[str, Any], **results: str) -> list[NewStep]:
        new = NewJob(job_type="needs", payload=payload)
        return [step("a"), NewStep(name="b", job=new, deps=[Edge("a")], hold=takes(**results))]

    submit(database, *later({"m": 1}, n="a"))
    for payload, results, fault in (
        ({}, {"n": "a"}, r"steps\[1\].payload.*m"),
        ({"m": 1}, {"k": "a"}, r"steps\[1\].results: needs has no argument 'k'"),
        ({"m": 1}, {"n": "x"}, r"steps\[1\].results: 'x' is not one of its deps"),
        ({"m": 1, "n": 2}, {"n": "a"}, r"steps\[1\].results: 'n' is in the payload, too"),
    ):
        with pytest.raises(InvalidJob, match=fault):
            submit(database, *later(payload, **results))


# --- what begins anew -----------------------------------------------------------------------------


def cancel_all(database: Database, workflow_id: UUID) -> None:
    with database.transaction() as connection:
        workflows.request_cancel(connection, workflow_id, by="me", reason="wrong")
    with database.connection() as connection:
        workflows.cancel_overdue(connection)


def test_a_workflow_that_was_cancelled_begins_anew_where_it_stood(database):
    pause = Hold(kind="timer", wait_ms=60_000)
    id_, ids = submit(
        database, step("a"), step("b", "a"), step("x"), step("pause", "a", waits=True, hold=pause), step("c", "pause")
    )
    with database.transaction() as connection:
        jobs.cancel(connection, ids["x"], reason=None, by="somebody")
    complete(database, ids["a"])
    cancel_all(database, id_)
    assert set(standing(database, ids).values()) == {"completed", "cancelled"}
    pass_time(database)
    assert release(database) == 1
    assert retry(database, id_) == {ids["b"], ids["pause"], ids["c"]}
    assert standing(database, ids) == {
        "a": "completed",
        "b": "ready",
        "x": "cancelled",
        "pause": "pending",
        "c": "pending",
    }
    with database.connection() as connection:
        workflows.cancel_overdue(connection)
    assert standing(database, ids)["b"] == "ready"
    pass_time(database)
    assert release(database) == 1
    assert standing(database, ids)["c"] == "ready"


def test_a_dispatcher_that_saw_the_cancellation_before_a_retry_cancels_nothing_after_it(database):
    id_, ids = submit(database, step("a"))
    cancel_all(database, id_)
    retry(database, id_)
    with database.connection() as connection:
        assert run(connection, "queue/cancel_workflow_jobs", {"id": id_, "rows": 10}).rowcount == 0
    assert standing(database, ids) == {"a": "ready"}


def test_a_single_step_that_is_requeued_waits_anew_for_its_signal(database):
    id_, ids = submit(database, step("ok", waits=True, hold=Hold(kind="signal", wait_ms=60_000)))
    pass_time(database)
    release(database)
    assert standing(database, ids) == {"ok": "cancelled"}
    with database.transaction() as connection:
        dead_letters.requeue(connection, ids["ok"])
    assert release(database) == 0
    signal(database, id_, "ok")
    assert standing(database, ids) == {"ok": "completed"}


# --- why a step waits -----------------------------------------------------------------------------


def why(database: Database, job_id: UUID) -> str:
    with database.connection() as connection:
        return explain.explain(connection, job_id, silence_ms=20_000).summary


def test_the_explanation_names_the_step_that_is_waited_for_and_its_own_reason(database):
    _, ids = submit(
        database,
        step("a"),
        APPROVE,
        step("b", "approve"),
        step("c", Edge("a", "wait")),
        step("x", waits=True, hold=Hold(kind="timer", wait_ms=60_000)),
    )
    assert why(database, ids["b"]).startswith("waits for 1 job(s); step approve is pending: it waits for 1 job(s)")
    rows(database, "UPDATE jobs SET scheduled_at = now() + interval '1 hour' WHERE id = :id", id=ids["a"])
    assert "; step a is pending: it is scheduled: not due before" in why(database, ids["approve"])
    assert why(database, ids["x"]).startswith("waits until ")
    rows(database, "UPDATE jobs SET scheduled_at = NULL WHERE id = :id", id=ids["a"])
    fail(database, ids["a"])
    assert "; step a failed after 1 attempt(s): bad" in why(database, ids["c"])


def test_the_explanation_of_a_wait_says_how_to_signal_it(database):
    id_, ids = submit(database, step("a"), APPROVE, step("b", "approve"))
    complete(database, ids["a"])
    command = f"aeon-jobs workflows signal {id_} approve"
    assert why(database, ids["approve"]) == f"waits for a signal: {command}"
    assert f"step approve is pending: it waits for a signal: {command}" in why(database, ids["b"])
