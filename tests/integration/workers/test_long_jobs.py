"""Jobs that run for long: iterations that go on where they stopped, heartbeats, wider ranges, reports of progress."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aeon_jobs import InvalidJob, Jobs
from aeon_jobs.middleware.execution.outcomes import Retry
from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue.states import Backoff
from aeon_jobs.persistence.queue.submissions import NO_TIMEOUT_MS
from tests.harness import Harness, open_harness
from tests.waiting import wait_for

SOON = Backoff(base_ms=1, multiplier=1)


def test_an_iteration_is_given_back_when_its_worker_stops_and_goes_on_in_the_next_one(environment: Settings) -> None:
    seen: list[int] = []
    reached = threading.Event()

    def count() -> None:
        job = current_job()
        for number in job.iterate(range(5)):
            seen.append(number)
            if number == 2:
                reached.set()
                assert job.stopping is not None
                job.stopping.wait(20)

    with open_harness() as first:
        declared = first.job(max_retries=0)(count)
        with first.working():
            message = declared.send()
            assert reached.wait(20)
        assert (first.job_of(message).status, first.job_of(message).checkpoint) == ("pending", {"": 3})
    with open_harness() as second:
        second.job(max_retries=0)(count)
        with second.working():
            job = second.finished(message)
        outcomes = second.outcomes(message)

    assert (job.status, job.retry_count, seen) == ("completed", 0, [0, 1, 2, 3, 4])
    assert outcomes == ["released", "completed"]


def test_an_iteration_goes_on_after_a_failure_and_does_the_item_again_that_failed(harness: Harness) -> None:
    seen: list[str] = []
    asked: list[str | None] = []

    def after(cursor: str | None) -> Iterator[str]:
        asked.append(cursor)
        return iter("abcd"["abcd".index(cursor) + 1 if cursor else 0 :])

    @harness.job(backoff=SOON)
    def spell() -> None:
        for letter in current_job().iterate(after, cursor=lambda letter: letter, name="letters"):
            seen.append(letter)
            if seen == ["a", "b", "c"]:
                raise RuntimeError("once")

    with harness.working():
        job = harness.finished(spell.send())

    assert (seen, asked) == (["a", "b", "c", "c", "d"], [None, "b"])
    assert (job.retry_count, job.checkpoint) == (1, {"letters": "d"})


def test_an_iteration_gives_its_job_back_when_its_time_is_nearly_over(harness: Harness) -> None:
    seen: list[int] = []

    @harness.job(max_retries=0)
    def count() -> None:
        job = current_job()
        for number in job.iterate(range(3)):
            seen.append(number)
            job.deadline_at = job.begun_at

    with harness.working():
        job = harness.finished(count.send())

    assert (job.status, seen) == ("completed", [0, 1, 2])
    assert harness.outcomes(job.id) == ["released", "released", "completed"]


def test_a_requeue_with_another_payload_begins_anew(harness: Harness) -> None:
    seen: list[int] = []

    @harness.job(max_retries=0)
    def upto(end: int) -> None:
        for number in current_job().iterate(range(end)):
            seen.append(number)
            if len(seen) in (2, 4):
                raise RuntimeError("stopped")

    with harness.working(), Jobs.from_settings() as jobs:
        job = harness.finished(upto.send(end=3))
        jobs.requeue(job.id)
        harness.finished(job.id)
        assert seen == [0, 1, 1, 2]
        jobs.requeue_dead_letter(
            harness.execute("SELECT id FROM dead_letter_jobs WHERE resolved_at IS NULL")[0][0], payload={"end": 1}
        )
        harness.finished(job.id)

    assert seen == [0, 1, 1, 2, 0]


@pytest.mark.parametrize("wrong", [{"source": lambda after: []}, {"source": [1], "cursor": str}])
def test_cursor_belongs_to_a_source_that_is_a_function(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cursor belongs to a source that is a function"):
        list(current_job().iterate(**wrong))


def test_a_silent_handler_is_interrupted_and_one_that_is_heard_has_no_time_limit(harness: Harness) -> None:
    @harness.job(timeout=None, heartbeat=timedelta(seconds=1), max_retries=0)
    def work(is_silent: bool) -> str:
        for _ in range(400 if is_silent else 40):
            threading.Event().wait(0.05)
            if not is_silent:
                current_job().check()
        return "done"

    with harness.working():
        silent, heard = harness.finished(work.send(is_silent=True)), harness.finished(work.send(is_silent=False))

    assert (silent.status, harness.dead_letter(silent.id).reason) == ("failed", "timeout")
    assert harness.dead_letter(silent.id).error_type == "JobStalled"
    assert (heard.status, heard.result, heard.timeout_ms) == ("completed", "done", NO_TIMEOUT_MS)


def test_a_job_type_that_declares_more_raises_the_ranges_of_its_own_jobs(harness: Harness) -> None:
    @harness.job(max_retries=50, timeout=timedelta(hours=1))
    def patient() -> None: ...

    @harness.job
    def ordinary() -> None: ...

    ordinary.send()
    stored = harness.job_of(patient.send_with_options(max_retries=50, timeout_ms=3_600_000))
    assert (stored.max_retries, stored.timeout_ms) == (50, 3_600_000)
    with pytest.raises(InvalidJob, match="max_retries: must be a whole number from 0 to 50"):
        patient.send_with_options(max_retries=51)
    with Jobs.from_settings() as jobs:
        assert jobs.submit("patient", {}, timeout_ms=3_600_000).is_new
        with pytest.raises(InvalidJob, match="timeout_ms: must be a whole number from 1000 to 600000"):
            jobs.submit("ordinary", {}, timeout_ms=600_001)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_retries": 1_001}, "max_retries must be 0 to 1000"),
        ({"timeout": timedelta(days=25)}, "timeout in ms must be 1000 to 2073600000"),
        ({"heartbeat": timedelta(milliseconds=1)}, "heartbeat in ms must be 1000"),
        ({"heartbeat": timedelta(minutes=1), "isolation": "process"}, "heartbeat needs isolation='thread'"),
    ],
)
def test_a_declaration_that_goes_too_far_is_refused(harness: Harness, options: dict[str, Any], message: str) -> None:
    def handler() -> None: ...

    with pytest.raises(ValueError, match=message):
        harness.job(**options)(handler)


def test_retry_until_a_moment(harness: Harness) -> None:
    moment = datetime.now(UTC) + timedelta(hours=2)

    @harness.job
    def later() -> None:
        raise Retry(until=moment)

    with harness.working():
        message = later.send()
        wait_for(lambda: harness.outcomes(message) == ["retried"], "the job waits for its moment")

    due = harness.job_of(message).scheduled_at
    assert due is not None
    assert abs(due - moment) < timedelta(minutes=1)
    with pytest.raises(ValueError, match="until must carry a time zone"):
        Retry(until=datetime(2030, 1, 1))
    with pytest.raises(ValueError, match="either after or until"):
        Retry(5, until=moment)


def test_the_last_report_of_progress_is_stored_while_the_handler_goes_on_and_when_it_ends(harness: Harness) -> None:
    reported, go_on = threading.Event(), threading.Event()

    @harness.job
    def steps() -> None:
        for fraction in (0.1, 0.2, 0.3):
            current_job().progress(fraction)
        reported.set()
        go_on.wait(20)
        for fraction in (0.4, 0.5):
            current_job().progress(fraction)

    with harness.working():
        message = steps.send()
        assert reported.wait(20)
        wait_for(lambda: _fraction(harness.job_of(message).progress) == 0.3, "the last report is stored")
        go_on.set()
        job = harness.finished(message)

    assert _fraction(job.progress) == 0.5


def _fraction(progress: dict[str, Any] | None) -> float | None:
    return progress["fraction"] if progress else None
