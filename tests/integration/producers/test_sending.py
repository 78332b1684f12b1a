"""Sending: typed options, many at once, results, and plain calls of sync and async job types."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from dramatiq.results.errors import ResultFailure, ResultMissing, ResultTimeout

from aeon_jobs import InvalidJob, JobFailed, JobNotFound, JobNotOver, JobWasCancelled, Retry, current_job, job
from aeon_jobs.persistence.queue import jobs
from tests.harness import Harness


@pytest.fixture
def double(harness: Harness):
    @job(max_retries=0)
    def double(number: int, fail: bool = False) -> int:
        if fail:
            raise ValueError("no such number")
        return 2 * number

    return double


@pytest.fixture
def greet(harness: Harness):
    @job
    async def greet(name: str) -> str:
        await asyncio.sleep(0)
        return f"{current_job().attempt} {name}"

    return greet


# --- options --------------------------------------------------------------------------------------


def test_options_are_those_of_send_with_options(double, harness):
    moment = datetime(2040, 1, 1, tzinfo=UTC)
    sent = double.options(priority=90, max_retries=2, timeout_ms=5_000, scheduled_at=moment, metadata={"a": 1}).send(3)
    also = double.send_with_options(
        args=(3,), priority=90, max_retries=2, timeout_ms=5_000, scheduled_at=moment, metadata={"a": 1}
    )
    for message in (sent, also):
        stored = harness.job_of(message)
        assert (stored.priority, stored.max_retries, stored.timeout_ms) == (90, 2, 5_000)
        assert (stored.scheduled_at, stored.meta, stored.payload) == (moment, {"a": 1}, {"number": 3})


@pytest.mark.parametrize("delay", [60_000, timedelta(minutes=1)])
def test_a_delay_is_milliseconds_or_a_timedelta(double, harness, delay):
    for sent in (double.options(delay=delay).send(1), double.send_with_options(args=(1,), delay=delay)):
        stored = harness.job_of(sent)
        assert timedelta(seconds=59) < stored.scheduled_at - stored.created_at < timedelta(seconds=61)


def test_none_leaves_an_option_out(double, harness):
    stored = harness.job_of(double.options(priority=None, delay=None, depends_on=None, metadata=None).send(1))
    assert (stored.priority, stored.scheduled_at, stored.meta) == (50, None, {})


@pytest.mark.parametrize(("name", "told"), [("prioritty", "; did you mean priority?"), ("eeeee", "")])
def test_a_wrong_option_names_the_near_one(double, name, told):
    for send in (double.options, lambda **o: double.send_with_options(args=(1,), **o), double.message_with_options):
        with pytest.raises(InvalidJob) as refusal:
            send(**{name: 3})
        assert str(refusal.value) == f"{name}: is not an option of a job{told}"


def test_a_delay_or_a_parent_that_makes_no_sense_is_refused_by_name(double):
    for options, field in (({"delay": "x"}, "delay"), ({"depends_on": uuid4()}, "depends_on")):
        with pytest.raises(InvalidJob) as refusal:
            double.options(**options).send(1)
        assert refusal.value.violations[0].field == field


def test_dramatiqs_own_options_of_the_actor_are_still_there(double):
    assert double.options["definition"].name == "double"


# --- results --------------------------------------------------------------------------------------


def test_a_result_is_read_from_postgresql(double, harness):
    sent = double.send(21)
    with pytest.raises(JobNotOver, match=f"job {sent.job_id} is still pending") as early:
        sent.get_result()
    assert isinstance(early.value, ResultMissing)
    with pytest.raises(ResultTimeout):
        sent.get_result(block=True, timeout=30)
    with harness.working():
        assert sent.get_result(block=True) == 42
        assert asyncio.run(sent.result()) == 42
    assert sent.get_result() == 42


def test_a_failed_or_cancelled_job_has_an_error_instead_of_a_result(double, harness):
    failed, cancelled = double.send(1, fail=True), double.options(delay=60_000).send(1)
    with harness.database.transaction() as connection:
        jobs.cancel(connection, cancelled.job_id, "not wanted")
    with harness.working(), pytest.raises(JobFailed, match="has failed: no such number") as failure:
        failed.get_result(block=True)
    assert isinstance(failure.value, ResultFailure)
    with pytest.raises(JobWasCancelled, match="was cancelled: not wanted"):
        cancelled.get_result(block=True)
    with pytest.raises(JobFailed, match="has failed"):
        asyncio.run(failed.result())


def test_a_message_that_was_not_sent_has_no_job(double):
    with pytest.raises(JobNotFound):
        double.message(1).get_result()


# --- plain calls ----------------------------------------------------------------------------------


def test_a_sync_job_type_called_is_its_function_with_checked_arguments(double):
    assert double(4) == 8
    with pytest.raises(InvalidJob, match=r"payload\.number: must be of type integer"):
        double("x")


def test_an_async_job_type_called_is_a_coroutine_as_of_any_async_function(greet):
    async def call() -> str:
        return await greet(name="ann")

    assert asyncio.run(call()) == "1 ann"
    assert asyncio.run(greet(name="ben")) == "1 ben"
    with pytest.raises(InvalidJob, match=r"payload\.name: must be of type string"):
        greet(name=5)


def test_handlers_call_other_job_types_as_functions(greet, double, harness):
    @job
    async def outer() -> list[object]:
        return [await greet(name="ann"), double(2)]

    @job
    def plain() -> str:
        return asyncio.run(greet(name="ben"))

    first, second = outer.send(), plain.send()
    with harness.working():
        assert first.get_result(block=True) == ["1 ann", 4]
        assert second.get_result(block=True) == "1 ben"


def test_an_async_job_type_runs_in_a_worker_retries_included(harness):
    @job(backoff=[0.01])
    async def twice() -> int:
        if current_job().attempt == 1:
            raise Retry(after=0)
        return current_job().attempt

    sent = twice.send()
    with harness.working():
        assert sent.get_result(block=True) == 2
