"""Submitting: what is stored, what is refused, and whose job an idempotency key brings back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError

from aeon_jobs.persistence.core.database import Database, is_transient
from aeon_jobs.persistence.core.errors import IdempotencyConflict, InvalidJob, JobNotFound, UnknownJobType, WrongState
from aeon_jobs.persistence.core.examples import payload_example
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.queue import batches, job_types, jobs
from aeon_jobs.persistence.queue.submissions import NewJob, Submitted
from tests.races import at_once, rival
from tests.rows import NOTE, add_job, job, queue, register, rows, running_job, value


@pytest.fixture(autouse=True)
def _registered(database: Database, environment: object) -> None:
    register(database)


def submit(database: Database, **fields: object) -> Submitted:
    with database.transaction() as connection:
        return jobs.submit(connection, NewJob(**{"job_type": "note", **fields}))


def count(database: Database) -> int:
    return value(database, "SELECT count(*) FROM jobs")


def test_every_field_of_a_submission_is_stored(database):
    parent = submit(database)
    schedule = value(
        database, "INSERT INTO job_schedules (name, job_type, cron) VALUES ('s', 'note', '@') RETURNING id"
    )
    moment = datetime(2040, 1, 31, 9, tzinfo=UTC)
    new = NewJob(
        job_type="note",
        payload={"text": "grüße 🎉", "n": [1.5, None, True]},
        priority=100,
        max_retries=0,
        timeout_ms=1_000,
        queue_name="slow",
        scheduled_at=moment,
        metadata={"tenant": "t1"},
        created_by="somebody",
        idempotency_key="k",
        idempotency_window_s=60,
        depends_on=[parent.id],
        on_dependency_failure="run",
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        tracestate="x=y",
        schedule_id=schedule,
        schedule_run_at=moment,
    )
    with database.transaction() as connection:
        submitted = jobs.submit(connection, new)
        stored = jobs.get(connection, submitted.id)
    assert (submitted.status, submitted.is_new, submitted.created_at) == ("pending", True, stored.created_at)
    names = ["priority", "max_retries", "timeout_ms", "queue_name", "scheduled_at", "created_by", "idempotency_key"]
    names += ["payload", "traceparent", "tracestate", "schedule_id", "schedule_run_at"]
    assert {name: getattr(stored, name) for name in names} == {name: getattr(new, name) for name in names}
    assert (stored.meta, stored.blocked_by, stored.ready) == ({"tenant": "t1"}, 1, False)
    assert stored.idempotency_expires_at == stored.created_at + timedelta(seconds=60)
    (edge,) = rows(database, "SELECT * FROM job_dependencies")
    assert (edge.job_id, edge.depends_on_job_id, edge.on_failure) == (submitted.id, parent.id, "run")


def test_what_a_submission_leaves_open_is_its_job_types_default(database):
    own = {"queue_name": "q", "priority": 7, "max_retries": 9, "timeout_ms": 2_000, "name": "own"}
    register(database, JobType(**{**NOTE.model_dump(), **own}))
    stored = job(database, submit(database, job_type="own").id)
    assert (stored.queue_name, stored.priority, stored.max_retries, stored.timeout_ms) == ("q", 7, 9, 2_000)
    stored = job(database, submit(database, job_type="own", priority=0, max_retries=0).id)
    assert (stored.priority, stored.max_retries) == (0, 0)


def test_a_job_type_without_an_example_is_registered_with_one_of_its_schema(database):
    with database.connection() as connection:
        assert job_types.get(connection, "note").example == payload_example(NOTE.payload_schema)
    schema = {"type": "object", "required": ["order"], "properties": {"order": {"type": "integer"}}}
    register(database, JobType(name="own", payload_schema=schema))
    with database.connection() as connection:
        assert job_types.get(connection, "own").example == {"order": 1}


def nested(levels: int) -> object:
    inner: object = 1
    for _ in range(levels):
        inner = [inner]
    return inner


CYCLE: list[object] = []
CYCLE.append(CYCLE)

REFUSED = [
    ("job_type", {"job_type": "nobody"}),
    ("job_type", {"job_type": "a\0b"}),
    ("job_type", {"job_type": "\ud800"}),
    ("job_type", {"job_type": "x" * 10_000}),
    ("job_type", {"job_type": 5}),
    ("job_type", {"job_type": None}),
    ("job_type", {"job_type": ["note"]}),
    ("payload", {"payload": None}),
    ("payload", {"payload": [1]}),
    ("payload", {"payload": "text"}),
    ("payload.text", {"payload": {"text": 7}}),
    ("payload.txt", {"payload": {"txt": "misspelt"}}),
    ("payload.text", {"payload": {"text": "a\0b"}}),
    ("payload.a\\0b (key)", {"payload": {"a\0b": 1}}),
    ("payload.text", {"payload": {"text": "\ud800"}}),
    ("payload.n", {"payload": {"n": math.nan}}),
    ("payload.n", {"payload": {"n": math.inf}}),
    ("payload.n", {"payload": {"n": 10**6_000}}),
    ("payload.n", {"payload": {"n": {1: 2}}}),
    ("payload", {"payload": {"n": nested(10_000)}}),
    ("payload", {"payload": {"n": CYCLE}}),
    ("payload", {"payload": {"text": "x" * 10_000_000}}),
    ("metadata", {"metadata": [1]}),
    ("metadata", {"metadata": {"x": "y" * 70_000}}),
    ("metadata.x", {"metadata": {"x": "\0"}}),
    ("metadata.x", {"metadata": {"x": math.nan}}),
    ("priority", {"priority": 101}),
    ("priority", {"priority": -1}),
    ("priority", {"priority": True}),
    ("priority", {"priority": 5.0}),
    ("priority", {"priority": "high"}),
    ("max_retries", {"max_retries": 11}),
    ("max_retries", {"max_retries": -1}),
    ("timeout_ms", {"timeout_ms": 0}),
    ("timeout_ms", {"timeout_ms": 600_001}),
    ("queue_name", {"queue_name": ""}),
    ("queue_name", {"queue_name": "q" * 101}),
    ("queue_name", {"queue_name": 5}),
    ("created_by", {"created_by": "a\0"}),
    ("created_by", {"created_by": "\udfff"}),
    ("idempotency_key", {"idempotency_key": ""}),
    ("idempotency_key", {"idempotency_key": "k" * 256}),
    ("idempotency_key", {"idempotency_key": "\ud800"}),
    ("idempotency_window_s", {"idempotency_window_s": 0}),
    ("idempotency_window_s", {"idempotency_window_s": math.nan}),
    ("idempotency_window_s", {"idempotency_window_s": math.inf}),
    ("idempotency_window_s", {"idempotency_window_s": "a day"}),
    ("scheduled_at", {"scheduled_at": datetime(2030, 1, 1)}),
    ("scheduled_at", {"scheduled_at": "2030-01-01T00:00:00Z"}),
    ("scheduled_at", {"scheduled_at": datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-1)))}),
    ("depends_on", {"depends_on": [uuid4()]}),
    ("depends_on", {"depends_on": ["not an id"]}),
    ("depends_on", {"depends_on": [uuid4()] * 1_001}),
    ("on_dependency_failure", {"on_dependency_failure": "explode"}),
    ("traceparent", {"traceparent": "x" * 56}),
    ("tracestate", {"tracestate": "x" * 513}),
]


def test_every_broken_rule_names_its_field_and_nothing_is_stored(database):
    """One test for all: they need one database."""
    for field, fields in REFUSED:
        with pytest.raises(InvalidJob) as refusal:
            submit(database, **fields)
        assert [violation.field for violation in refusal.value.violations] == [field], fields
        str(refusal.value).encode()
        with pytest.raises(InvalidJob) as refusal, database.transaction() as connection:
            jobs.submit_many(connection, [NewJob(job_type="note"), NewJob(**{"job_type": "note", **fields})])
        assert [violation.field for violation in refusal.value.violations] == [f"jobs[1].{field}"], fields
    assert count(database) == 0


def test_an_unknown_job_type_is_an_error_of_its_own(database):
    with pytest.raises(UnknownJobType, match="'nobody' is not registered by any worker"):
        submit(database, job_type="nobody")


def test_all_broken_rules_are_told_at_once(database):
    with pytest.raises(InvalidJob) as refusal:
        submit(database, priority=101, timeout_ms=0, payload={"n": math.nan}, metadata={"x": "\0"}, queue_name="")
    fields = {violation.field for violation in refusal.value.violations}
    assert fields == {"priority", "timeout_ms", "payload.n", "metadata.x", "queue_name"}


def test_the_extremes_that_are_allowed_are_stored_as_given(database):
    payload = {"n": [10**999, -(10**999), 1e308, 5e-324, -0.0, 2**63], "text": "\u0001\uffff\U0010ffff\ud7ff"}
    submitted = submit(database, payload=payload, priority=100, scheduled_at=datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    stored = job(database, submitted.id)
    assert stored.payload["text"] == payload["text"]
    # JSON has one kind of number, so 1e308 comes back as a whole one; its value is the same.
    assert [float(n) if n == 10**308 else n for n in stored.payload["n"]] == payload["n"]
    assert stored.scheduled_at.year == 9999


def test_the_limit_of_a_payload_is_a_setting(database, monkeypatch):
    monkeypatch.setenv("JOB_MAX_PAYLOAD_BYTES", "1024")
    get_settings.cache_clear()
    submit(database, payload={"text": "x" * (1024 - len('{"text":""}'))})
    with pytest.raises(InvalidJob, match="payload: must be at most 1024 bytes as JSON, is 1025"):
        submit(database, payload={"text": "x" * (1025 - len('{"text":""}'))})


def test_a_rolled_back_submission_never_was(database):
    def fail(connection):
        jobs.submit(connection, NewJob(job_type="note"))
        return 1 / 0

    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        fail(connection)
    assert count(database) == 0


# --- many ---------------------------------------------------------------------------------------


def test_many_submissions_are_answered_and_queued_in_their_order(database):
    with database.transaction() as connection:
        answers = jobs.submit_many(connection, [NewJob(job_type="note", payload={"n": n}) for n in range(500)])
    stored = rows(database, "SELECT id, payload FROM jobs ORDER BY seq")
    assert [row.id for row in stored] == [answer.id for answer in answers]
    assert [row.payload["n"] for row in stored] == list(range(500))


def test_of_many_submissions_all_or_none_are_stored(database):
    new = [NewJob(job_type="note", idempotency_key="k", payload={"n": n}) for n in (1, 2)]
    with pytest.raises(IdempotencyConflict), database.transaction() as connection:
        jobs.submit_many(connection, [NewJob(job_type="note"), *new])
    assert count(database) == 0


def test_many_submissions_are_read_as_they_are_stored_and_may_be_none(database):
    def endless():
        yield NewJob(job_type="note")
        while True:
            yield NewJob(job_type="note", payload={"text": 7})

    with pytest.raises(InvalidJob) as refusal, database.transaction() as connection:
        jobs.submit_many(connection, endless())
    assert len(refusal.value.violations) == batches.MAX_VIOLATIONS
    with database.transaction() as connection:
        assert jobs.submit_many(connection, []) == []
    assert count(database) == 0


def test_a_bulk_has_the_time_that_is_set_for_each_portion(database, monkeypatch):
    monkeypatch.setenv("DATABASE_STATEMENT_TIMEOUT", "50")
    get_settings.cache_clear()
    with database.transaction() as holder:
        rows(holder, "LOCK TABLE jobs IN SHARE MODE")
        with pytest.raises(OperationalError) as error, database.transaction() as connection:
            jobs.submit_many(connection, [NewJob(job_type="note")])
    assert error.value.orig.pgcode == "57014"


def test_a_key_twice_in_one_submission_of_many_is_one_job(database):
    keyed = NewJob(job_type="note", idempotency_key="k", payload={"n": 1})
    with database.transaction() as connection:
        answers = jobs.submit_many(connection, [keyed, NewJob(job_type="note"), keyed])
    assert answers[0].id == answers[2].id != answers[1].id
    assert [answer.is_new for answer in answers] == [True, True, False]
    assert count(database) == 2


# --- idempotency keys ---------------------------------------------------------------------------


def test_a_key_with_the_same_payload_brings_the_same_job_back(database):
    first = submit(database, idempotency_key="k", payload={"text": "a", "n": 1})
    again = submit(database, idempotency_key="k", payload={"n": 1, "text": "a"})
    assert (again.id, again.is_new, again.created_at) == (first.id, False, first.created_at)
    assert count(database) == 1


def test_a_key_with_another_payload_is_a_conflict(database):
    first = submit(database, idempotency_key="k", payload={"n": 1})
    with pytest.raises(IdempotencyConflict) as conflict:
        submit(database, idempotency_key="k", payload={"n": 2})
    assert conflict.value.job_id == first.id
    assert count(database) == 1


def test_a_key_belongs_to_a_job_type(database):
    register(database, JobType(**{**NOTE.model_dump(), "name": "other"}))
    assert submit(database, idempotency_key="k").id != submit(database, idempotency_key="k", job_type="other").id


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_key_stays_taken_while_its_job_lives_even_past_its_window(database, status):
    first = submit(database, idempotency_key="k", idempotency_window_s=0.000001)
    rows(database, f"UPDATE jobs SET status = '{status}'")
    assert submit(database, idempotency_key="k").id == first.id


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_key_without_a_window_is_free_when_its_job_is_over(database, status):
    first = submit(database, idempotency_key="k", payload={"n": 1})
    rows(database, f"UPDATE jobs SET status = '{status}'")
    second = submit(database, idempotency_key="k", payload={"n": 2})
    assert second.is_new
    assert second.id != first.id
    assert job(database, first.id).idempotency_key is None
    assert submit(database, idempotency_key="k", payload={"n": 2}).id == second.id


def test_a_key_with_a_window_is_free_when_its_job_is_over_and_the_window_has_passed(database):
    first = submit(database, idempotency_key="k", idempotency_window_s=3_600)
    rows(database, "UPDATE jobs SET status = 'completed'")
    answer = submit(database, idempotency_key="k")
    assert (answer.id, answer.status, answer.is_new) == (first.id, "completed", False)
    rows(database, "UPDATE jobs SET idempotency_expires_at = now()")
    assert submit(database, idempotency_key="k").is_new


def keyed(connection):
    return jobs.submit(connection, NewJob(job_type="note", idempotency_key="k"))


def test_of_two_at_once_with_one_key_the_second_gets_the_first_ones_job(database):
    with database.transaction() as connection:
        first = keyed(connection)
        with rival(database, keyed) as second:
            second.waits()
            connection.commit()
            answer = second.answer()
    assert (answer.id, answer.is_new) == (first.id, False)
    assert count(database) == 1


def test_of_two_at_once_with_one_key_the_second_makes_the_job_if_the_first_rolls_back(database):
    with database.transaction() as connection:
        first = keyed(connection)
        with rival(database, keyed) as second:
            second.waits()
            connection.rollback()
            answer = second.answer()
    assert answer.is_new
    assert answer.id != first.id
    assert count(database) == 1


def test_of_two_at_once_that_take_a_key_from_a_job_that_is_over_one_makes_the_job(database):
    submit(database, idempotency_key="k")
    rows(database, "UPDATE jobs SET status = 'completed'")
    with database.transaction() as connection:
        first = keyed(connection)
        with rival(database, keyed) as second:
            second.waits()
            connection.commit()
            answer = second.answer()
    assert (first.is_new, answer.is_new, answer.id) == (True, False, first.id)


def test_many_submissions_with_one_key_make_one_job(database):
    answers = at_once(database, [keyed] * 6)
    assert len({answer.id for answer in answers}) == 1
    assert sum(answer.is_new for answer in answers) == 1


def test_two_bulks_that_share_keys_in_opposite_order_are_stored_or_told_to_try_again(database):
    """They may deadlock; PostgreSQL ends one of them, which has then stored nothing."""
    new = [NewJob(job_type="note", idempotency_key=key) for key in "ab"]
    with database.transaction() as connection:
        jobs.submit(connection, new[0])
        with rival(database, lambda other: jobs.submit_many(other, new[::-1])) as second:
            second.waits()
            ends = [attempt(lambda: jobs.submit(connection, new[1]))]
            connection.rollback() if ends[0] else connection.commit()
            ends.append(attempt(second.answer))
    (error,) = [end for end in ends if end]
    assert isinstance(error, OperationalError)
    assert is_transient(error)
    assert count(database) == 2


def attempt(work: Callable[[], object]) -> Exception | None:
    """What it raised."""
    try:
        work()
    except Exception as error:
        return error
    return None


# --- get and cancel -----------------------------------------------------------------------------


def test_an_unknown_job_is_not_found(database):
    with database.transaction() as connection:
        for verb in (jobs.get, jobs.cancel):
            with pytest.raises(JobNotFound):
                verb(connection, uuid4())


def cancel(connection, job_id: UUID, reason: str = "no longer wanted"):
    return jobs.cancel(connection, job_id, reason, by="operator")


def test_a_job_that_nobody_runs_is_cancelled_at_once_with_its_reason(database):
    waiting, queued = add_job(database), add_job(database)
    queue(database, queued)
    for job_id in (waiting, queued):
        with database.connection() as connection:
            cancelled = cancel(connection, job_id)
        assert (cancelled.status, cancelled.cancel_reason, cancelled.cancel_requested_by) == (
            "cancelled",
            "no longer wanted",
            "operator",
        )
        assert cancelled.completed_at is not None


def test_a_running_job_has_the_request_noted_and_the_first_reason_stays(database):
    running = running_job(database)
    with database.connection() as connection:
        noted = cancel(connection, running.id)
        again = cancel(connection, running.id, "another")
    assert (noted.status, noted.completed_at) == ("running", None)
    assert again.cancel_reason == "no longer wanted"
    assert again.cancel_requested_at == noted.cancel_requested_at


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_job_that_is_over_cannot_be_cancelled(database, status):
    job_id = add_job(database, status=status)
    before = job(database, job_id)
    with pytest.raises(WrongState, match=f"is {status}: cannot be cancelled"), database.connection() as connection:
        cancel(connection, job_id)
    assert job(database, job_id) == before


def test_a_submission_can_be_told_apart_from_its_repetition_by_nothing_but_is_new(database):
    first = submit(database, idempotency_key="k")
    assert replace(submit(database, idempotency_key="k"), is_new=True) == first
