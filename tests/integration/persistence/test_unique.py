"""Unique and debounced jobs: which job answers a submission that is like another one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.queue import job_types, jobs
from aeon_jobs.persistence.queue.batches import Batch
from aeon_jobs.persistence.queue.submissions import NewJob, Submitted
from aeon_jobs.persistence.queue.unique import Debounce, Unique, key_of, shape
from tests.races import at_once, rival
from tests.rows import NOTE, job, register, rows, value

Rule = Unique | Debounce


@pytest.fixture(autouse=True)
def _registered(database: Database, environment: object) -> None:
    register(database)


def new(text: str, rule: Rule | None, n: int = 0, **fields: Any) -> NewJob:
    return NewJob(job_type="note", payload={"text": text, "n": n}, unique=rule, **fields)


def submit(database: Database, text: str, rule: Rule | None, n: int = 0, **fields: Any) -> Submitted:
    with database.transaction() as connection:
        return jobs.submit(connection, new(text, rule, n, **fields))


def become(database: Database, submitted: Submitted, status: str) -> None:
    rows(database, "UPDATE jobs SET status = CAST(:s AS job_status) WHERE id = :id", s=status, id=submitted.id)


BY_TEXT = ("text",)


@pytest.mark.parametrize(
    ("rule", "status", "is_new"),
    [
        (Unique(by=BY_TEXT), "pending", False),
        (Unique(by=BY_TEXT), "queued", False),
        (Unique(by=BY_TEXT), "running", False),
        (Unique(by=BY_TEXT), "completed", True),
        (Unique(by=BY_TEXT), "failed", True),
        (Unique(by=BY_TEXT, while_="pending"), "queued", False),
        (Unique(by=BY_TEXT, while_="pending"), "running", True),
        (Unique(by=BY_TEXT, period=60), "completed", False),
        (Unique(by=BY_TEXT, while_="pending", period=60), "running", False),
        (Unique(by=BY_TEXT, while_=None, period=timedelta(minutes=1)), "completed", False),
        (Debounce(60, by=BY_TEXT), "pending", False),
        (Debounce(60, by=BY_TEXT), "queued", True),
        (Debounce(60, by=BY_TEXT), "running", True),
    ],
    ids=str,
)
def test_a_job_that_is_like_another_one_is_that_one_for_as_long_as_its_rule_says(database, rule, status, is_new):
    first = submit(database, "a", rule, n=1)
    assert submit(database, "b", rule).is_new
    become(database, first, status)
    second = submit(database, "a", rule, n=2)
    assert (second.is_new, second.id == first.id) == (is_new, not is_new)
    # The new one has the key now.
    third = submit(database, "a", rule, n=3)
    assert (third.id, third.is_new) == (second.id, False)


def test_a_throttle_ends_with_its_period_even_if_the_job_waits_on(database):
    throttle = Unique(by=BY_TEXT, while_=None, period=60)
    first = submit(database, "a", throttle)
    assert not submit(database, "a", throttle).is_new
    rows(database, "UPDATE jobs SET idempotency_expires_at = now()")
    assert submit(database, "a", throttle).is_new
    assert job(database, first.id).status == "pending"


def test_a_debounced_job_has_the_last_payload_and_waits_for_silence_but_no_longer_than_it_may(database):
    rule = Debounce(60, max_wait=100, by=BY_TEXT)
    first = submit(database, "a", rule, n=1)
    began = job(database, first.id)
    assert timedelta(seconds=59) < began.scheduled_at - began.created_at < timedelta(seconds=61)
    rows(
        database,
        "UPDATE jobs SET created_at = created_at - interval '30 s', scheduled_at = scheduled_at - interval '30 s'",
    )
    assert submit(database, "a", rule, n=2).id == first.id
    moved = job(database, first.id)
    assert moved.payload == {"text": "a", "n": 2}
    assert moved.scheduled_at >= began.scheduled_at
    rows(database, "UPDATE jobs SET created_at = created_at - interval '30 s'")
    submit(database, "a", rule, n=3)
    last = job(database, first.id)
    assert (last.payload["n"], last.scheduled_at - last.created_at) == (3, timedelta(seconds=100))
    assert not last.ready


def test_a_debounced_job_that_waits_for_a_retry_keeps_its_payload(database):
    rule = Debounce(60, by=BY_TEXT)
    first = submit(database, "a", rule, n=1)
    rows(database, "UPDATE jobs SET attempt = 1")
    assert submit(database, "a", rule, n=2).is_new
    assert job(database, first.id).payload["n"] == 1


def test_without_fields_the_whole_payload_counts(database):
    assert submit(database, "a", Unique(), n=1).is_new
    assert submit(database, "a", Unique(), n=2).is_new
    assert not submit(database, "a", Unique(), n=1).is_new


def test_a_field_in_a_field_counts():
    rule = shape(Unique(by=("customer.id", "kind")))
    assert key_of(rule, {"customer": {"id": 7, "name": "x"}}) == key_of(rule, {"customer": {"id": 7}, "kind": None})
    assert key_of(rule, {"customer": {"id": 7}}) != key_of(rule, {"customer": {"id": 8}})


def test_the_rule_of_the_job_type_holds_and_a_submission_may_replace_it(database):
    NOTE.uniqueness = shape(Unique(by=BY_TEXT))
    try:
        with database.transaction() as connection:
            job_types.register(connection, [NOTE])
    finally:
        NOTE.uniqueness = None
    assert submit(database, "a", None, n=1).is_new
    assert not submit(database, "a", None, n=2).is_new
    assert submit(database, "a", Unique(), n=2).is_new
    assert submit(database, "a", None, n=1, idempotency_key="mine").is_new


def test_many_that_are_alike_are_one_job(database):
    with database.transaction() as connection:
        batch = Batch(connection)
        texts = ["a", "b", "a"]
        unique = batch.add_new([new(text, Unique(by=BY_TEXT), n=n) for n, text in enumerate(texts)])
        debounced = batch.add_new([new(text, Debounce(60, by=BY_TEXT), n=n) for n, text in enumerate(["c", "c"])])
        batch.close()
    assert [(one.id == unique[0].id, one.is_new) for one in unique] == [(True, True), (False, True), (True, False)]
    assert debounced[0].id == debounced[1].id
    assert job(database, debounced[0].id).payload["n"] == 1


@pytest.mark.parametrize("rule", [Unique(by=BY_TEXT), Debounce(60, by=BY_TEXT)], ids=str)
def test_two_submissions_at_once_make_one_job(database, rule):
    with database.transaction() as connection:
        first = jobs.submit(connection, new("a", rule, n=1))
        with rival(database, lambda other: jobs.submit(other, new("a", rule, n=2))) as second:
            second.waits()
            connection.commit()
            assert second.answer().id == first.id
    assert value(database, "SELECT count(*) FROM jobs") == 1


@pytest.mark.parametrize("rule", [Unique(by=BY_TEXT), Debounce(60, by=BY_TEXT)], ids=str)
def test_a_submission_that_is_taken_back_leaves_the_key_to_the_next_one(database, rule):
    with database.transaction() as connection:
        jobs.submit(connection, new("a", rule, n=1))
        with rival(database, lambda other: jobs.submit(other, new("a", rule, n=2))) as second:
            second.waits()
            connection.rollback()
            assert second.answer().is_new


def test_a_debounced_job_that_is_dispatched_meanwhile_is_followed_by_another_one(database):
    rule = Debounce(60, by=BY_TEXT)
    first = submit(database, "a", rule, n=1)
    with database.transaction() as connection:
        rows(connection, "UPDATE jobs SET status = 'queued'")
        with rival(database, lambda other: jobs.submit(other, new("a", rule, n=2))) as second:
            second.waits()
            connection.commit()
            assert second.answer().is_new
    assert job(database, first.id).payload["n"] == 1


def test_many_that_take_over_a_key_at_once_make_one_job(database):
    become(database, submit(database, "a", Unique(by=BY_TEXT)), "completed")
    work = [lambda connection: jobs.submit(connection, new("a", Unique(by=BY_TEXT)))] * 6
    assert len({submitted.id for submitted in at_once(database, work)}) == 1
    assert value(database, "SELECT count(*) FROM jobs") == 2


@pytest.mark.parametrize(
    ("rule", "fields", "told"),
    [
        (Unique(by="text"), {}, 'unique: by must be a list of fields of the payload, such as \\["to"\\]'),
        (Unique(while_=None), {}, "unique: while_ and period cannot both be None"),
        (Unique(while_="running"), {}, "unique: while_ must be one of pending, unfinished, or None with a period"),
        (Debounce(0), {}, "unique: period must be 1 ms to 366 days"),
        (Debounce(1, max_wait=-1), {}, "unique: max_wait must be 1 ms to 366 days"),
        ({"by": []}, {}, "unique: must be a Unique or a Debounce"),
        (Unique(), {"idempotency_key": "k"}, "give either idempotency_key or unique, not both"),
        (Debounce(1), {"delay_ms": 5}, "delay: must be left out: a debounced job runs when its period is over"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(database, rule, fields, told):
    with pytest.raises(InvalidJob, match=told):
        submit(database, "a", rule, **fields)
