"""Workflows through a real worker: results by name, steps that a handler adds, signals."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import dramatiq
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from aeon_jobs import JobWasCancelled, SubmittedWorkflow, When, Workflow, chain, chord, current_job, group
from aeon_jobs.persistence.core.errors import InvalidJob, StepNotFound, WrongState
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import graphs, workflows
from tests.harness import Harness
from tests.waiting import wait_for

Make = Callable[..., Any]


@pytest.fixture
def count(harness: Harness) -> Any:
    @harness.job
    def count(n: int = 0) -> int:
        return n

    return count


@pytest.fixture
def total(harness: Harness) -> Any:
    @harness.job
    def total() -> dict[str, int]:
        return dict(sorted(current_job().results.items()))

    return total


def ended(harness: Harness, workflow_id: UUID) -> str:
    def look() -> str | None:
        with harness.database.connection() as connection:
            workflow = workflows.get(connection, workflow_id)
        return workflow.state if workflow.finished_at else None

    return wait_for(look, f"workflow {workflow_id} is over")


def result(harness: Harness, job_id: UUID) -> Any:
    return harness.job_of(job_id).result


def test_parents_give_their_results_to_children_by_name(harness: Harness, count: Any, total: Any) -> None:
    @harness.job
    def double() -> int:
        results = current_job().results
        assert "x" not in results
        assert list(results) == ["fetch"]
        return int(results["fetch"]) * 2

    flow = Workflow("import").add("fetch", count.job(n=4)).add("double", double.job(), deps=["fetch"])
    flow.add("total", total.job(), deps=["double", "fetch"])
    with harness.working():
        run = flow.submit()
        assert ended(harness, run.id) == "completed"
    assert result(harness, run.jobs["total"]) == {"double": 8, "fetch": 4}
    assert dict(current_job().results) == {}


def test_a_running_step_adds_steps_and_its_join_waits_for_all_of_them(harness: Harness, count: Any, total: Any) -> None:
    @harness.job
    def split(parts: int) -> None:
        current_job().workflow.add_many("part", [count.job(n=n) for n in range(parts)])
        current_job().workflow.add("late", count.job(n=9), deps=["part-1"])

    flow = Workflow("fan-out").add("split", split.job(parts=3)).add("join", total.job(), deps=["split"])
    with harness.working():
        run = flow.submit()
        assert ended(harness, run.id) == "completed"
    assert result(harness, run.jobs["join"]) == {"late": 9, "part-1": 0, "part-2": 1, "part-3": 2, "split": None}


def test_a_workflow_exists_with_the_transaction_of_its_session(
    harness: Harness, count: Any, settings: Settings
) -> None:
    flow = Workflow("import", unique_key="k").add("a", count.job()).add("b", count.job(), deps=["a"])
    engine = create_engine(settings.postgres_dsn)
    with Session(engine) as session:
        flow.submit(session=session)
        with pytest.raises(InvalidJob):
            Workflow("bad").add("a", count.job(n="x")).submit(session=session)
        session.rollback()
    engine.dispose()
    assert harness.execute("SELECT count(*) FROM jobs") == [(0,)]
    first, again = flow.submit(), flow.submit()
    assert (first.is_new, again.is_new, again.id) == (True, False, first.id)
    assert harness.execute("SELECT count(*) FROM jobs") == [(2,)]


def shape(harness: Harness, flow: Workflow) -> dict[str, set[str]]:
    """Which steps each step waits for."""
    run = flow.submit()
    found = harness.execute(
        "SELECT c.step_name, p.step_name FROM jobs c LEFT JOIN job_dependencies d ON d.job_id = c.id"
        " LEFT JOIN jobs p ON p.id = d.depends_on_job_id WHERE c.workflow_id = :id",
        id=run.id,
    )
    steps: dict[str, set[str]] = {}
    for child, parent in found:
        steps.setdefault(child, set()).update({parent} - {None})
    return steps


def test_chain_group_and_chord_have_the_shapes_that_celery_users_know(harness: Harness, count: Any, total: Any) -> None:
    assert shape(harness, chain(count.job(), count.job(), total.job())) == {
        "count": set(),
        "count-2": {"count"},
        "total": {"count-2"},
    }
    assert shape(harness, group(count.job(n=n) for n in range(2))) == {"count": set(), "count-2": set()}
    assert shape(harness, chord([count.job(), count.job()], total.job())) == {
        "count": set(),
        "count-2": set(),
        "total": {"count", "count-2"},
    }
    nested = chain(count.job(), group(count.job(), count.job()), total.job())
    assert shape(harness, nested) == {
        "count": set(),
        "group.count": {"count"},
        "group.count-2": {"count"},
        "total": {"group.count", "group.count-2"},
    }


def test_signals_conditions_and_timers(harness: Harness, count: Any, total: Any) -> None:
    flow = (
        Workflow("order")
        .add("check", count.job(n=3))
        .wait_for_signal("approve", deps=["check"], timeout=timedelta(hours=1))
        .wait_for_time("pause", timedelta(milliseconds=1), deps=["approve"])
        .add("gift", count.job(n=1), deps=["check", "pause"], skip_if=When("check", "", "<", 100))
        .add("total", total.job(), deps=["approve", "pause", "gift"])
    )
    with harness.working():
        run = flow.submit()
        wait_for(lambda: harness.job_of(run.jobs["check"]).status == "completed", "check is over")
        with harness.database.transaction() as connection:
            graphs.signal(connection, run.id, "approve", {"by": "Eve"}, by="me")
        assert ended(harness, run.id) == "completed"
    expected = {"approve": {"by": "Eve"}, "pause": None, "gift": {"skipped": "check < 100"}}
    assert result(harness, run.jobs["total"]) == expected


def test_a_step_that_does_not_fit_is_named(harness: Harness, count: Any) -> None:
    with pytest.raises(InvalidJob, match=r"steps\[1\]\.payload\.n"):
        Workflow("import").add("a", count.job()).add("b", count.job(n="x")).submit()
    with pytest.raises(InvalidJob, match=r"steps\[0\]\.deps: there is no step 'x'"):
        Workflow("import").add("a", count.job(), deps=["x"]).submit()
    with pytest.raises(InvalidJob, match=r"steps\[0\]\.idempotency_key"):
        Workflow("import").add("a", count.options(idempotency_key="k").job()).submit()
    assert harness.execute("SELECT count(*) FROM workflows") == [(0,)]


def test_a_step_that_failed_cancels_or_runs_what_waits_for_it_and_runs_again(
    harness: Harness, count: Any, total: Any
) -> None:
    works: list[bool] = []

    @harness.job(max_retries=0)
    def breaks() -> int:
        if not works:
            raise ValueError("broken")
        return 7

    @harness.job
    def told() -> dict[str, Any]:
        return dict(current_job().metadata["workflow"])

    flow = Workflow("nightly", on_failure=told.message(), on_success=count.message(n=1), metadata={"a": 1})
    flow.add("fetch", breaks.job()).add("parse", total.job(), deps=["fetch"])
    flow.add("report", total.job(), deps=[("fetch", "run")]).add(
        "patient", total.job(), deps=["fetch"], on_failure="wait"
    )
    with harness.working():
        run = flow.submit()
        wait_for(lambda: harness.job_of(run.jobs["report"]).status == "completed", "the report")
        assert harness.job_of(run.jobs["parse"]).status == "cancelled"
        assert harness.job_of(run.jobs["patient"]).status == "pending"
        assert result(harness, run.jobs["report"]) == {}
        works.append(True)
        assert run.retry_failed() == 2
        assert ended(harness, run.id) == "completed"
    assert result(harness, run.jobs["parse"]) == result(harness, run.jobs["patient"]) == {"fetch": 7}
    status = SubmittedWorkflow(run.id).status()
    assert (status.completed, status.total, status.metadata) == (4, 4, {"a": 1})
    assert harness.execute("SELECT count(*) FROM jobs WHERE job_type = 'count'") == [(1,)]


def test_a_deadline_and_a_cancellation_end_a_workflow(harness: Harness, count: Any) -> None:
    late = (
        Workflow("late", deadline=timedelta(seconds=0)).wait_for_signal("never").add("a", count.job(), deps=["never"])
    )
    wrong = Workflow("wrong").wait_for_signal("never")
    with harness.working():
        first, second = late.submit(), wrong.submit()
        second.cancel("typed wrong")
        assert ended(harness, first.id) == ended(harness, second.id) == "cancelled"
    assert harness.job_of(second.jobs["never"]).cancel_reason == "workflow wrong: typed wrong"
    with pytest.raises(WrongState, match="cancelled"):
        second.signal("never")


def test_results_are_arguments_of_steps_and_of_a_chord(harness: Harness, count: Any) -> None:
    @harness.job
    def add(numbers: list[int], bonus: int = 0) -> int:
        return sum(numbers) + bonus

    parts = group((count.job(n=n) for n in range(3)), name="parts")
    flow = Workflow("sum").add("parts", parts).add_many("more", [count.job(n=10), count.job(n=20)])
    flow.add("all", add.job(bonus=100), deps=["parts", "more"], results={"numbers": ["parts", "more"]})
    flow.add("again", count.job(), deps=["all"], results={"n": "all"})
    flow = Workflow("outer").add("inner", flow).add("last", count.job(), deps=["inner"], results={"n": "inner.again"})
    with harness.working():
        run, other = flow.submit(), chord([count.job(n=1), count.job(n=2)], add.job(), argument="numbers").submit()
        assert ended(harness, run.id) == ended(harness, other.id) == "completed"
    assert result(harness, run.jobs["inner.all"]) == 133
    assert result(harness, run.jobs["last"]) == 133
    assert result(harness, other.jobs["add"]) == 3


def test_a_result_that_does_not_fit_the_argument_is_a_dead_letter(harness: Harness, count: Any, total: Any) -> None:
    flow = Workflow("bad").add("total", total.job()).add("n", count.job(), deps=["total"], results={"n": "total"})
    with harness.working():
        run = flow.submit()
        assert ended(harness, run.id) == "failed"
    assert harness.dead_letter(run.jobs["n"]).reason == "invalid_payload"


def test_a_delay_counts_from_the_end_of_the_deps(harness: Harness, count: Any) -> None:
    flow = Workflow("later").add("a", count.job()).add("b", count.job(), deps=["a"], delay=timedelta(hours=1))
    with harness.working():
        run = flow.submit()
        wait_for(lambda: harness.job_of(run.jobs["b"]).scheduled_at, "b has its time")
    a, b = harness.job_of(run.jobs["a"]), harness.job_of(run.jobs["b"])
    assert timedelta(0) <= b.scheduled_at - a.completed_at - timedelta(hours=1) < timedelta(minutes=1)


def test_who_signals_cancels_and_retries_in_python_is_in_the_audit_log(harness: Harness, count: Any) -> None:
    run = Workflow("order").wait_for_signal("approve").wait_for_signal("never").submit()
    run.signal("approve", {"by": "Eve"})
    run.cancel("typed wrong")
    with harness.database.connection() as connection:
        workflows.cancel_overdue(connection)
    run.retry_failed()
    with pytest.raises(StepNotFound):
        run.signal("nobody")

    found = harness.execute("SELECT action, actor, subject_id, reason, after FROM job_audit_log ORDER BY id")
    me = f"python:{getpass.getuser()}"
    signalled = {"step": "approve", "job_id": str(run.jobs["approve"])}
    assert [tuple(row) for row in found] == [
        ("workflow.signal", me, str(run.id), None, signalled),
        ("workflow.cancel", me, str(run.id), "typed wrong", None),
        ("workflow.retry", me, str(run.id), None, None),
    ]
    assert harness.execute("SELECT signalled_by FROM workflow_holds WHERE signalled_at IS NOT NULL") == [(me,)]
    assert run.status().cancel_requested_by is None  # it is not cancelled any more


# --- dramatiq's own compositions ------------------------------------------------------------------


@pytest.fixture
def plus(harness: Harness) -> Any:
    @harness.job
    def plus(a: int, b: int = 0) -> int:
        return a + b

    return plus


def test_a_pipeline_of_dramatiq_passes_results_and_finds_its_own(harness: Harness, count: Any, plus: Any) -> None:
    pipe = plus.message(1, 2) | plus.message(10) | plus.message_with_options(args=(5,), pipe_ignore=True)
    pipe = pipe | plus.message(b=100)
    with harness.working():
        assert pipe.run() is pipe
        assert pipe.get_result(block=True) == 105
    assert list(pipe.get_results()) == [3, 13, 5, 105]
    assert (pipe.completed, pipe.completed_count) == (True, 4)
    names = harness.execute("SELECT step_name, payload FROM jobs ORDER BY seq")
    assert [name for name, _ in names] == ["plus", "plus-2", "plus-3", "plus-4"]
    assert [payload for _, payload in names] == [{"a": 1, "b": 2}, {"a": 10, "b": 3}, {"a": 5}, {"a": 5, "b": 100}]


def test_a_pipeline_is_stored_at_once_and_what_follows_a_failure_is_cancelled(
    harness: Harness, count: Any, plus: Any
) -> None:
    @harness.job(max_retries=0)
    def breaks() -> int:
        raise ValueError("broken")

    pipe = dramatiq.pipeline([breaks.message(), plus.message_with_options(args=(1,), delay=60_000), plus.message(2)])
    pipe.run(delay=1)
    assert harness.execute("SELECT count(*), count(DISTINCT workflow_id) FROM jobs") == [(3, 1)]
    with pytest.raises(InvalidJob, match="was sent already"):
        pipe.run()
    with harness.working(), pytest.raises(JobWasCancelled):
        pipe.get_result(block=True)


def test_a_pipeline_that_cannot_run_is_refused_as_a_whole(harness: Harness, count: Any, plus: Any) -> None:
    @dramatiq.actor
    def beep() -> None: ...

    for pipe, fault in (
        (count.message(1) | plus.message("x"), r"steps\[1\]\.payload\.a"),
        (count.message(1) | plus.message(1, 2), r"steps\[1\]\.payload: takes 2 arguments: none is left"),
        (count.message(1) | plus.message(a=1), r"steps\[1\]\.payload\.a: is given twice"),
        (count.message(1) | beep.message(), r"steps\[1\]\.job_type: 'beep' is no job type"),
    ):
        with pytest.raises(InvalidJob, match=fault):
            pipe.run()
    assert harness.execute("SELECT count(*) FROM jobs") == [(0,)]


def test_a_group_of_dramatiq_with_pipelines_finds_its_results(harness: Harness, count: Any, plus: Any) -> None:
    parts = dramatiq.group([count.message(1), count.message(2) | plus.message(3), dramatiq.group([count.message(4)])])
    with harness.working():
        assert list(parts.run().get_results(block=True)) == [1, 5, [4]]
    assert parts.completed
    called_back = dramatiq.group([count.message(1)])
    called_back.add_completion_callback(count.message(2))
    with pytest.raises(RuntimeError, match="GroupCallbacks"):
        called_back.run()
    marked = count.message(1).copy(options={"group_completion_uuid": "x", "group_completion_callbacks": []})
    with pytest.raises(InvalidJob, match="use chord, or Batch with on_success"):
        harness.broker.enqueue(marked)


def test_a_pipeline_exists_with_the_transaction_of_its_session(
    harness: Harness, count: Any, plus: Any, settings: Settings
) -> None:
    engine = create_engine(settings.postgres_dsn)
    with Session(engine) as session:
        (count.message_with_options(args=(1,), session=session) | plus.message(1)).run()
        session.rollback()
        (count.message_with_options(args=(1,), session=session) | plus.message(1)).run()
        session.commit()
    engine.dispose()
    assert harness.execute("SELECT count(*) FROM jobs") == [(2,)]
