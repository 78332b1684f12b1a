"""Jobs through a real worker, Redis and PostgreSQL: what a handler says, and what becomes of its job."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import dramatiq
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from aeon_jobs.middleware import smoke_job
from aeon_jobs.middleware.execution import heartbeat
from aeon_jobs.middleware.execution.attempt import FORKED
from aeon_jobs.middleware.execution.outcomes import Cancel, Discard, PermanentError, Retry, Snooze, TransientError
from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.core.errors import IdempotencyConflict, InvalidJob
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import dead_letters, job_types, jobs, workers
from aeon_jobs.persistence.queue.dispatch import lane_name
from aeon_jobs.persistence.queue.process import registration
from aeon_jobs.persistence.queue.states import Backoff
from aeon_jobs.persistence.reads.explain import explain
from tests.harness import Harness, open_harness
from tests.waiting import wait_for

SOON = Backoff(base_ms=1, multiplier=1)


def test_a_sent_job_runs_and_keeps_its_result(harness: Harness) -> None:
    @harness.job
    def add(a: int, b: int) -> dict[str, int]:
        return {"sum": a + b}

    with harness.working():
        job = harness.finished(add.send(2, b=3))

    assert (job.status, job.result, job.attempt, job.retry_count) == ("completed", {"sum": 5}, 1, 0)
    assert job.started_at is not None
    assert job.completed_at is not None
    assert harness.outcomes(job.id) == ["completed"]


def test_an_async_handler_runs_and_knows_its_job(harness: Harness) -> None:
    @harness.job
    async def think(subject: str) -> list[str]:
        await asyncio.sleep(0)
        return [subject, str(current_job().id), str(current_job().attempt)]

    with harness.working():
        job = harness.finished(think.send("fences"))

    assert job.result == ["fences", str(job.id), "1"]


def test_sending_pushes_nothing_to_redis(harness: Harness) -> None:
    @harness.job
    def quiet() -> None: ...

    message = quiet.send()

    assert harness.job_of(message).status == "pending"
    assert harness.broker.client.keys("*") == []


def test_a_job_sent_in_a_session_that_rolls_back_never_was(harness: Harness, settings: Settings) -> None:
    @harness.job
    def born() -> None: ...

    engine = create_engine(settings.postgres_dsn)
    with Session(engine) as session:
        lost = born.send_with_options(session=session)
        session.rollback()
        kept = born.send_with_options(session=session)
        assert harness.execute("SELECT id FROM jobs") == []
        session.commit()
    engine.dispose()

    assert [row.id for row in harness.execute("SELECT id FROM jobs")] == [UUID(kept.message_id)]
    assert lost.message_id != kept.message_id


def test_a_session_wakes_the_dispatcher_once_a_commit_whatever_it_sends(
    harness: Harness, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(harness.broker.hints, "job_ready", lambda: woken.append(1))

    @harness.job
    def born() -> None: ...

    engine = create_engine(settings.postgres_dsn)
    with Session(engine) as session:
        for _ in range(5):
            born.send_with_options(session=session)
        assert woken == []
        session.commit()
        assert woken == [1]
        born.send_with_options(session=session)
        session.commit()
    engine.dispose()
    assert woken == [1, 1]


def test_options_of_a_submission_reach_the_row(harness: Harness) -> None:
    @harness.job
    def configured() -> None: ...

    moment = datetime(2040, 1, 1, tzinfo=UTC)
    message = configured.send_with_options(
        priority=90, max_retries=7, timeout_ms=5_000, scheduled_at=moment, metadata={"tenant": "a"}, created_by="me"
    )
    job = harness.job_of(message)

    assert (job.priority, job.max_retries, job.timeout_ms, job.scheduled_at) == (90, 7, 5_000, moment)
    assert (job.meta, job.created_by, job.ready) == ({"tenant": "a"}, "me", False)


@pytest.mark.parametrize(
    ("arguments", "options", "field"),
    [
        ({}, {}, "payload.n"),
        ({"n": "many"}, {}, "payload.n"),
        ({"n": 1, "m": 2}, {}, "payload.m"),
        ({"n": 1}, {"priority": 101}, "priority"),
        ({"n": 1}, {"timeout_ms": 0}, "timeout_ms"),
        ({"n": 1}, {"max_retries": 11}, "max_retries"),
        ({"n": 1}, {"colour": "red"}, "colour"),
        ({"n": 1}, {"scheduled_at": datetime(2040, 1, 1)}, "scheduled_at"),
        ({"n": 1}, {"depends_on": ["nonsense"]}, "depends_on"),
        ({"n": 1}, {"delay": 5, "scheduled_at": datetime(2040, 1, 1, tzinfo=UTC)}, "delay"),
        ({"n": 1, "text": "a\0b"}, {}, "payload.text"),
    ],
)
def test_a_bad_submission_names_the_field_and_stores_nothing(
    harness: Harness, arguments: dict[str, Any], options: dict[str, Any], field: str
) -> None:
    @harness.job
    def strict(n: int, text: str = "") -> None: ...

    with pytest.raises(InvalidJob) as refusal:
        strict.send_with_options(kwargs=arguments, **options)

    assert field in [violation.field for violation in refusal.value.violations]
    assert harness.execute("SELECT 1 FROM jobs") == []


def test_an_idempotency_key_brings_the_existing_job_back(harness: Harness) -> None:
    @harness.job
    def once(n: int) -> None: ...

    first = once.send_with_options(kwargs={"n": 1}, idempotency_key="k")
    second = once.send_with_options(kwargs={"n": 1}, idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        once.send_with_options(kwargs={"n": 2}, idempotency_key="k")

    assert first.message_id == second.message_id
    assert len(harness.execute("SELECT 1 FROM jobs")) == 1


def test_a_failing_job_is_retried_to_success(harness: Harness) -> None:
    @harness.job(backoff=SOON)
    def flaky(failures: int) -> int:
        if current_job().attempt <= failures:
            raise ConnectionError("not yet")
        return current_job().retry_count

    with harness.working():
        job = harness.finished(flaky.send(failures=2))

    assert (job.status, job.result, job.retry_count) == ("completed", 2, 2)
    assert harness.outcomes(job.id) == ["retried", "retried", "completed"]


def test_an_exhausted_job_is_dead_lettered_with_its_error_and_history(harness: Harness) -> None:
    @harness.job(backoff=SOON, max_retries=1)
    def hopeless() -> None:
        raise LookupError("no such customer")

    with harness.working():
        job = harness.finished(hopeless.send())

    dead_letter = harness.dead_letter(job.id)
    assert (job.status, job.error_message, job.retry_count) == ("failed", "no such customer", 1)
    assert (dead_letter.reason, dead_letter.error_type, dead_letter.attempts) == ("exhausted", "LookupError", 2)
    assert "in hopeless" in (dead_letter.traceback or "")
    assert dead_letter.fingerprint


@pytest.mark.parametrize(("error", "registry"), [(PermanentError("no"), ()), (KeyError("no"), (LookupError,))])
def test_a_permanent_error_is_dead_lettered_at_once(
    harness: Harness, error: Exception, registry: tuple[type[Exception], ...]
) -> None:
    @harness.job(permanent=registry, max_retries=5)
    def refused() -> None:
        raise error

    with harness.working():
        job = harness.finished(refused.send())

    assert harness.outcomes(job.id) == ["failed"]
    assert harness.dead_letter(job.id).reason == "permanent"


def test_the_transient_registry_wins_over_a_permanent_base(harness: Harness) -> None:
    @harness.job(permanent=(OSError,), transient=(ConnectionError,), backoff=SOON)
    def sorted_out() -> None:
        if current_job().attempt == 1:
            raise ConnectionResetError("try again")

    with harness.working():
        assert harness.finished(sorted_out.send()).status == "completed"


def test_a_handler_asks_for_its_own_delay(harness: Harness) -> None:
    @harness.job(backoff=[3_000])
    def impatient() -> None:
        if current_job().attempt == 1:
            raise Retry(after=0.01)

    with harness.working():
        assert harness.outcomes(harness.finished(impatient.send()).id) == ["retried", "completed"]


def test_the_time_that_the_other_side_names_is_respected(harness: Harness) -> None:
    @harness.job(backoff=SOON)
    def throttled() -> None:
        raise TransientError("slow down", retry_after=3_600)

    with harness.working():
        message = throttled.send()
        wait_for(lambda: harness.outcomes(message) == ["retried"])

    scheduled_at = harness.job_of(message).scheduled_at
    assert scheduled_at is not None
    assert scheduled_at > datetime.now(UTC) + timedelta(minutes=59)


def test_a_snooze_uses_no_retry(harness: Harness) -> None:
    @harness.job(max_retries=0)
    def sleepy() -> None:
        if current_job().attempt < 3:
            raise Snooze(0.01)

    with harness.working():
        job = harness.finished(sleepy.send())

    assert (job.status, job.retry_count) == ("completed", 0)
    assert harness.outcomes(job.id) == ["snoozed", "snoozed", "completed"]


def test_a_discarded_job_leaves_no_dead_letter(harness: Harness) -> None:
    @harness.job
    def stale() -> None:
        raise Discard("older than a day")

    with harness.working():
        job = harness.finished(stale.send())

    assert (job.status, job.error_message) == ("failed", "older than a day")
    assert harness.execute("SELECT 1 FROM dead_letter_jobs") == []


def test_a_handler_cancels_its_own_job(harness: Harness) -> None:
    @harness.job
    def withdrawn() -> None:
        raise Cancel("the order is gone")

    with harness.working():
        job = harness.finished(withdrawn.send())

    assert (job.status, job.error_message) == ("cancelled", "the order is gone")


def test_a_result_that_cannot_be_stored_is_a_permanent_failure(harness: Harness) -> None:
    @harness.job
    def odd() -> object:
        return {"n": float("nan")}

    with harness.working():
        job = harness.finished(odd.send())

    assert job.status == "failed"
    assert "result.n" in (job.error_message or "")


def test_a_payload_inserted_by_hand_that_does_not_fit_is_dead_lettered(harness: Harness) -> None:
    @harness.job
    def typed(n: int) -> None: ...

    with harness.working():
        ((job_id,),) = harness.execute(
            """INSERT INTO jobs (job_type, payload) VALUES ('typed', '{"n": "x"}') RETURNING id"""
        )
        job = harness.finished(job_id)

    assert harness.dead_letter(job.id).reason == "invalid_payload"
    assert "payload.n" in (job.error_message or "")


def test_payloads_that_python_cannot_read_become_dead_letters_and_others_run(harness: Harness) -> None:
    """jsonb holds what json.loads refuses. All of them may come with one fetch."""

    @harness.job
    def any_payload(x: Any = None) -> str:
        return "ran"

    insert = "INSERT INTO jobs (job_type, payload, metadata, priority) VALUES ('any_payload', {}, {}, 90) RETURNING id"
    deep = "CAST('{\"x\": ' || repeat('[', 1000) || repeat(']', 1000) || '}' AS jsonb)"
    long = "jsonb_build_object('x', CAST(repeat('9', 6000) AS numeric))"
    odd = [
        harness.execute(insert.format(*columns))[0][0] for columns in ((deep, "'{}'"), (long, "'{}'"), ("'{}'", long))
    ]
    with harness.working():
        others = [harness.finished(any_payload.send(x=n)) for n in range(3)]
        ended = [harness.finished(job_id) for job_id in odd]

    assert [job.result for job in others] == ["ran"] * 3
    assert [(job.status, job.attempt) for job in ended] == [("failed", 1)] * 3
    assert [harness.dead_letter(job_id).reason for job_id in odd] == ["invalid_payload"] * 3
    assert "payload: must not be nested deeper than 200 levels" in (ended[0].error_message or "")
    assert "metadata: must not" in (ended[2].error_message or "")


def test_a_job_of_a_type_that_no_live_worker_knows_waits_and_runs_when_one_does(harness: Harness) -> None:
    """A plain INSERT with a new name, a deploy that brings the producers first, a rolling restart: no dead letter."""

    @harness.job
    def known(n: int) -> int:
        return n

    with harness.working():
        ((job_id,),) = harness.execute("INSERT INTO jobs (job_type, priority) VALUES ('news', 100) RETURNING id")
        assert [harness.finished(known.send(n)).result for n in range(5)] == list(range(5))
        waiting = harness.job_of(job_id)
        with harness.database.connection() as connection:
            reasons = {reason.code for reason in explain(connection, job_id, silence_ms=20_000).reasons}
    assert (waiting.status, waiting.dispatch_seq, waiting.scheduled_at) == ("pending", 0, None)
    assert reasons == {"unknown_job_type"}

    with open_harness() as restarted:

        @restarted.job
        def news() -> str:
            return "read"

        with restarted.working():
            job = restarted.finished(job_id)

    assert (job.status, job.result, job.attempt, job.dispatch_seq) == ("completed", "read", 1, 1)
    assert harness.execute("SELECT 1 FROM dead_letter_jobs") == []


def test_a_job_sent_to_another_queue_than_its_types_own_runs_where_that_queue_is_served(harness: Harness) -> None:
    """`dramatiq shop -Q bulk`: no job type needs to have that queue as its own."""

    @harness.job
    def tidy() -> str:
        return "tidied"

    bulk, own = tidy.send_with_options(queue_name="bulk"), tidy.send()
    with harness.working(queues={"bulk"}):
        assert harness.finished(bulk).result == "tidied"
    assert (harness.job_of(own).status, harness.job_of(own).dispatch_seq) == ("pending", 0)


def test_a_job_type_that_was_sent_before_any_worker_knows_it_is_told_as_such(harness: Harness) -> None:
    """A deploy that brings the producers first: the name is known, the worker is not here yet."""

    @harness.job
    def brand_new() -> str:
        return "done"

    message = brand_new.send()
    harness.broker.actors.pop("brand_new")

    @harness.job
    def old() -> None: ...

    with harness.working():
        assert harness.finished(old.send()).status == "completed"
        with harness.database.connection() as connection:
            explanation = explain(connection, UUID(message.message_id), silence_ms=20_000)
    assert [reason.code for reason in explanation.reasons] == ["no_worker_for_type"]
    assert "brand_new" in explanation.summary


def test_a_running_worker_is_told_once_of_another_service_that_defines_its_job_type_differently(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeat, "CONFLICTS_EVERY_S", 0)

    @harness.job
    def greet(name: str) -> None: ...

    def told() -> int:
        return sum("another payload schema" in record.getMessage() for record in caplog.records)

    other = registration("worker", "shipping", job_types=["greet"], schema_digests={"greet": "another"})
    with harness.working():
        harness.finished(greet.send("x"))
        assert told() == 0
        with harness.database.connection() as connection:
            workers.register(connection, other)
        wait_for(lambda: told(), "the warning")
        beats = harness.execute("SELECT max(last_seen_at) FROM workers WHERE id <> :id", id=other.id)
        wait_for(
            lambda: harness.execute("SELECT max(last_seen_at) FROM workers WHERE id <> :id", id=other.id) > beats,
            "another heartbeat",
        )
    assert told() == 1
    (line,) = (record.getMessage() for record in caplog.records if "another payload schema" in record.getMessage())
    assert "greet" in line
    assert other.id in line


def test_an_example_may_be_of_the_handlers_own_types(harness: Harness) -> None:
    @harness.job(example={"when": datetime(2026, 1, 1, tzinfo=UTC)})
    def at(when: datetime) -> int:
        return when.year

    message = at.send(when=datetime(2027, 1, 1, tzinfo=UTC))
    with harness.database.connection() as connection:
        assert job_types.get(connection, "at").example == {"when": "2026-01-01T00:00:00Z"}
    with harness.working():
        assert harness.finished(message).result == 2027


def test_an_unreadable_message_costs_its_job_nothing(harness: Harness) -> None:
    @harness.job
    def wanted() -> None: ...

    lane = f"{harness.broker.namespace}:{lane_name(['default', smoke_job.QUEUE], ['wanted', smoke_job.NAME])}"
    message = wanted.send()
    harness.execute("UPDATE jobs SET status = 'queued', dispatch_seq = 1, queued_at = now()")
    # Otherwise a dispatcher takes this Redis for a new one, and dispatches the job again.
    RedisTransport(harness.broker.client, harness.broker.namespace).begin_epoch()
    broken = {f"{message.message_id}:1": b"{broken", "not-a-job": b"\xff"}
    for id_, body in broken.items():
        harness.broker.client.hset(f"{lane}.msgs", id_, body)
        harness.broker.client.rpush(lane, id_)

    with harness.working():
        job = harness.finished(message)

    assert (job.status, job.dispatch_seq) == ("completed", 1)
    assert harness.broker.client.hget(f"{lane}.XQ.msgs", "not-a-job") == b"\xff"


def test_ordinary_actors_keep_dramatiqs_own_path(harness: Harness) -> None:
    seen: list[str] = []

    @dramatiq.actor(broker=harness.broker)
    def ordinary(word: str) -> None:
        seen.append(word)

    with harness.working():
        ordinary.send("hello")
        ordinary.send_with_options(args=("later",), delay=10)
        wait_for(lambda: len(seen) == 2)

    assert sorted(seen) == ["hello", "later"]
    assert harness.execute("SELECT 1 FROM jobs") == []


def test_dramatiq_groups_of_jobs_are_rows_too(harness: Harness) -> None:
    @harness.job
    def part(n: int) -> int:
        return n

    dramatiq.group([part.message(n=1), part.message(n=2)], broker=harness.broker).run()

    assert [row.payload for row in harness.execute("SELECT payload FROM jobs ORDER BY seq")] == [{"n": 1}, {"n": 2}]


@pytest.fixture
def no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are renewed at the start of a worker, and then not for ten minutes."""
    monkeypatch.setenv("WORKER_HEARTBEAT_INTERVAL", "600000")
    monkeypatch.setenv("WORKER_LOCK_DURATION", "1200000")


def test_a_running_job_is_cancelled_through_the_flag(no_heartbeat: None, harness: Harness) -> None:
    running, stopped = threading.Event(), threading.Event()

    @harness.job
    def endless() -> None:
        running.set()
        try:
            while True:
                stopped.wait(0.01)
        finally:
            stopped.set()

    with harness.working():
        message = endless.send()
        running.wait(20)
        with harness.database.connection() as connection:
            jobs.cancel(connection, UUID(message.message_id), "changed my mind", "me")
        harness.broker.hints.cancel(UUID(message.message_id))
        job = harness.finished(message)

    assert (job.status, job.cancel_reason, job.cancel_requested_by) == ("cancelled", "changed my mind", "me")
    assert stopped.is_set()
    assert harness.outcomes(job.id) == ["cancelled"]


def test_a_running_job_is_cancelled_by_the_next_renewal_when_redis_carries_no_flag(
    monkeypatch: pytest.MonkeyPatch, harness: Harness
) -> None:
    running, never = threading.Event(), threading.Event()
    monkeypatch.setattr(harness.broker.hints, "cancelled", lambda _: [])

    @harness.job
    def endless() -> None:
        running.set()
        while True:
            never.wait(0.01)

    with harness.working():
        message = endless.send()
        running.wait(20)
        with harness.database.connection() as connection:
            jobs.cancel(connection, UUID(message.message_id), "changed my mind")
        job = harness.finished(message)

    assert (job.status, job.cancel_reason) == ("cancelled", "changed my mind")


@pytest.mark.parametrize("why", ["cancelled", "timeout"])
def test_an_async_handler_that_takes_long_to_clean_up_ends_as_what_stopped_it(harness: Harness, why: str) -> None:
    running, recorded = threading.Event(), threading.Event()

    @harness.job(max_retries=0, timeout=timedelta(seconds=1 if why == "timeout" else 60))
    async def tidy() -> None:
        try:
            running.set()
            await asyncio.Event().wait()
        finally:
            # Longer than dramatiq waits for it, which is a second.
            while not recorded.is_set():
                await asyncio.sleep(0.01)

    with harness.working():
        message = tidy.send()
        running.wait(20)
        if why == "cancelled":
            with harness.database.connection() as connection:
                jobs.cancel(connection, UUID(message.message_id), "enough")
            harness.broker.hints.cancel(UUID(message.message_id))
        job = harness.finished(message)
        recorded.set()

    if why == "cancelled":
        assert (job.status, harness.outcomes(job.id)) == ("cancelled", ["cancelled"])
    else:
        assert (job.status, harness.dead_letter(job.id).reason) == ("failed", "timeout")


def test_a_flag_that_an_operator_sets_cancels_too(harness: Harness) -> None:
    running, never = threading.Event(), threading.Event()

    @harness.job
    def endless() -> None:
        running.set()
        while True:
            never.wait(0.01)

    with harness.working():
        message = endless.send()
        running.wait(20)
        harness.broker.client.set(f"job:cancel:{message.message_id}", "1")
        job = harness.finished(message)

    assert job.status == "cancelled"
    assert harness.broker.client.exists(f"job:cancel:{message.message_id}") == 0


def test_a_cancel_flag_from_before_a_requeue_does_not_cancel_the_job(harness: Harness) -> None:
    looked = threading.Event()

    @harness.job(max_retries=0)
    def reborn() -> None:
        if current_job().attempt == 1:
            raise ValueError("the first life")
        # Longer than it takes to look for flags, and to do what they ask for.
        looked.wait(20)

    with harness.working():
        message = reborn.send()
        assert harness.finished(message).status == "failed"
        harness.broker.hints.cancel(UUID(message.message_id))
        with harness.database.connection() as connection:
            dead_letters.requeue(connection, UUID(message.message_id))
        look, looks = harness.broker.hints.cancelled, count(1)

        def watched(job_ids: list[UUID]) -> list[UUID]:
            if job_ids and next(looks) == 2:
                looked.set()
            return look(job_ids)

        harness.broker.hints.cancelled = watched  # type: ignore[method-assign, assignment]
        assert harness.finished(message).status == "completed"


def test_a_cancelled_pending_job_never_runs(harness: Harness) -> None:
    ran: list[int] = []

    @harness.job
    def unwanted(n: int) -> None:
        ran.append(n)

    first = unwanted.send(1)
    with harness.database.connection() as connection:
        jobs.cancel(connection, UUID(first.message_id))
    with harness.working():
        harness.finished(unwanted.send(2))

    assert ran == [2]


@pytest.fixture
def no_abandoning(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt whose handler does not stop goes on."""
    monkeypatch.setenv("JOB_INTERRUPT_GRACE", "600000")


def test_a_handler_that_runs_too_long_is_interrupted_and_retried(no_abandoning: None, harness: Harness) -> None:
    never = threading.Event()

    @harness.job(timeout=timedelta(seconds=1), backoff=SOON, max_retries=1)
    def slow() -> str:
        if current_job().attempt == 1:
            while True:
                never.wait(0.01)
        return "in time"

    with harness.working():
        job = harness.finished(slow.send())

    assert (job.status, job.result) == ("completed", "in time")
    assert harness.outcomes(job.id) == ["retried", "completed"]


def test_progress_is_stored_and_ends_with_the_attempt(harness: Harness) -> None:
    reported, go_on = threading.Event(), threading.Event()

    @harness.job
    def steps() -> None:
        current_job().progress(0.5, "half way")
        reported.set()
        go_on.wait(20)

    with harness.working():
        message = steps.send()
        reported.wait(20)
        half = harness.job_of(message).progress
        go_on.set()
        harness.finished(message)

    assert half == {"fraction": 0.5, "message": "half way"}


def test_a_job_waits_for_the_one_it_depends_on(harness: Harness) -> None:
    order: list[str] = []

    @harness.job
    def step(name: str) -> None:
        order.append(name)

    parent = step.send_with_options(kwargs={"name": "parent"}, priority=1)
    child = step.send_with_options(kwargs={"name": "child"}, priority=100, depends_on=[parent])
    with harness.working():
        harness.finished(child)

    assert order == ["parent", "child"]


def test_calling_a_job_runs_it_here_and_validates(harness: Harness) -> None:
    @harness.job
    def double(n: int) -> int:
        current_job().progress(1)
        current_job().check()
        return 2 * n

    assert double(21) == 42
    with pytest.raises(InvalidJob):
        double(n="x")


def test_a_handler_may_call_jobs_as_functions_its_own_included(harness: Harness) -> None:
    @harness.job
    def factorial(n: int) -> int:
        return n * factorial(n - 1) if n else 1

    with harness.working():
        assert harness.finished(factorial.send(5)).result == 120


def test_an_async_handler_that_exits_fails_alone(harness: Harness) -> None:
    @harness.job(max_retries=0)
    async def leave() -> None:
        raise SystemExit(3)

    @harness.job
    async def stay() -> str:
        return "here"

    with harness.working():
        assert harness.finished(leave.send()).error_message == "SystemExit: 3"
        assert harness.finished(stay.send()).result == "here"


def test_a_circular_result_is_a_permanent_failure(harness: Harness) -> None:
    @harness.job
    def circular() -> list[object]:
        knot: list[object] = []
        knot.append(knot)
        return knot

    with harness.working():
        job = harness.finished(circular.send())

    assert harness.dead_letter(job.id).reason == "permanent"


def test_jobs_start_in_priority_order_but_for_a_window(harness: Harness) -> None:
    started: list[int] = []

    @harness.job
    def ranked(n: int) -> None:
        started.append(n)

    priorities = [(7 * n) % 101 for n in range(1_000)]
    with harness.database.transaction() as connection:
        job_types.register(connection, list(harness.broker.definitions.values()))
        jobs.submit_many(connection, [jobs.NewJob(job_type="ranked", payload={"n": p}, priority=p) for p in priorities])
    with harness.working(threads=2):
        wait_for(lambda: len(started) == 1_000, timeout_s=60)

    # One window (2 threads, 4 each) may overtake, and what runs at the moment.
    ideal = sorted(priorities, reverse=True)
    misplaced = [p for place, p in enumerate(started) if p not in ideal[max(0, place - 10) : place + 11]]
    assert misplaced == []


def test_a_child_that_a_handler_forks_and_does_not_end_is_no_second_worker(harness: Harness) -> None:
    @harness.job
    def forks() -> int:
        return os.fork()

    with harness.working():
        child = harness.finished(forks.send()).result
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == FORKED
        assert harness.finished(forks.send()).result != child


def test_an_error_whose_text_cannot_be_made_is_retried_as_any_other(harness: Harness) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    @harness.job(max_retries=1, backoff=[0.01])
    def mute() -> None:
        raise Mute

    with harness.working():
        message = mute.send()
        job = harness.finished(message)
    assert (job.status, harness.outcomes(message)) == ("failed", ["retried", "failed"])
    assert job.error_message == "Mute has no text: its __str__ raised RuntimeError"


def test_a_thread_of_a_job_type_that_waits_for_its_record_begins_nothing_before(harness: Harness) -> None:
    ended, held, other_ends = threading.Event(), threading.Event(), threading.Event()

    @harness.job(waits_for_record=True)
    def careful() -> None:
        ended.set()
        held.wait(20)

    @harness.job
    def other() -> None:
        other_ends.wait(20)

    @harness.job
    def following(first: UUID) -> str:
        return str(harness.job_of(first).status)

    with harness.working(threads=2):
        first = careful.send()
        busy = other.send()
        ended.wait(20)
        with harness.database.transaction() as connection:
            # The record of the first job waits for this transaction.
            connection.execute(text("SELECT FROM jobs WHERE id = :id FOR UPDATE"), {"id": first.message_id})
            held.set()
            last = following.send(first=UUID(first.message_id))
            wait_for(lambda: harness.job_of(last).status in ("queued", "running"), "the last job is dispatched")
        done = harness.finished(last)
        other_ends.set()
        harness.finished(busy)

    assert done.result == "completed"
