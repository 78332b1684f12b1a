"""The checker of the random failures: a correct record passes, and each rule finds a violation in a wrong record."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.history.checker import RULES, check
from tests.faults.history.record import (
    Accepted,
    Booking,
    Cancelled,
    Change,
    DeadLetter,
    Effect,
    Execution,
    JobRow,
    Record,
    WorkflowRow,
)

Edit = Callable[[Record], Any]


def good() -> Record:
    """One job of each kind: retried, transactional, exhausted, cancelled, lost, dependent, scheduled, limited in a batch."""
    return Record(
        accepted=[Accepted("retried", "key"), Accepted("retried", "key"), *map(Accepted, ("booked", "failed", "gone"))],
        cancelled=[Cancelled("gone", 1)],
        jobs=[
            JobRow(id="retried", job_type="h_flaky", status="completed", attempt=2, retry_count=1, result=2, key="key"),
            JobRow(id="booked", job_type="h_booking", status="completed", attempt=2, worker_deaths=1, result=2),
            JobRow(id="failed", job_type="h_failing", status="failed", attempt=1, max_retries=0),
            JobRow(id="gone", job_type="h_nap", status="cancelled", attempt=1, is_cancel_requested=True),
            JobRow(id="child", job_type="h_note", status="completed", attempt=1, result=1, parents=("retried",)),
            JobRow(id="timed", job_type="h_note", status="completed", attempt=1, result=1, scheduled_at=5, due_time=5),
            *(
                JobRow(
                    id=f"member{n}",
                    job_type="h_limited",
                    status="completed",
                    attempt=1,
                    result=1,
                    limit_key="0",
                    workflow_id="batch",
                )
                for n in range(3)
            ),
            JobRow(id="callback", job_type="h_note", status="completed", attempt=1, result=1, ends_workflow_id="batch"),
        ],
        workflows=[WorkflowRow("batch", "completed", 3, 3, 0, 0)],
        executions=[
            Execution("retried", 1, "retried", 1, 2),
            Execution("retried", 2, "completed", 2, 3),
            Execution("booked", 1, "lost", 1, 2),
            Execution("booked", 2, "completed", 2, 3),
            Execution("booked", 1, "superseded", 1, 4),
            Execution("failed", 1, "failed", 1, 2),
            Execution("gone", 1, "cancelled", 1, 2),
            Execution("child", 1, "completed", 4, 5),
            Execution("timed", 1, "completed", 6, 7),
            Execution("member0", 1, "completed", 1, 2),
            Execution("member1", 1, "completed", 1, 3),
            Execution("member2", 1, "completed", 2, 3),
            Execution("callback", 1, "completed", 4, 5),
        ],
        effects=[
            Effect("retried", 1, "began", 1),
            Effect("retried", 2, "began", 2),
            Effect("retried", 2, "ran", 2),
            Effect("booked", 2, "began", 2),
            Effect("gone", 1, "began", 1),
            Effect("child", 1, "began", 4),
            Effect("child", 1, "ran", 5),
            Effect("timed", 1, "ran", 6),
            *(Effect(f"member{n}", 1, "ran", 2) for n in range(3)),
            Effect("callback", 1, "ran", 4),
        ],
        bookings=[Booking("booked", 2)],
        dead_letters=[DeadLetter("failed", "exhausted")],
        changes=[
            Change("failed", "pending", "queued", 0, 0),
            Change("failed", "queued", "running", 0, 1),
            Change("failed", "running", "failed", 1, 1),
        ],
        due_times=[5],
    )


def test_a_good_record_passes() -> None:
    assert check(good()) == []


def test_a_claim_may_be_given_back_with_its_number() -> None:
    record = good()
    record.changes[2:2] = [
        Change("failed", "running", "pending", 1, 0),
        Change("failed", "pending", "queued", 0, 0),
        Change("failed", "queued", "running", 0, 1),
    ]
    assert check(record) == []


def job(record: Record, job_id: str, **changes: Any) -> None:
    """Change the row of a job."""
    record.jobs = [replace(row, **changes) if row.id == job_id else row for row in record.jobs]


def execution(record: Record, job_id: str, attempt: int, **changes: Any) -> None:
    record.executions = [
        replace(e, **changes) if (e.job_id, e.attempt) == (job_id, attempt) else e for e in record.executions
    ]


BAD: list[tuple[str, str, Edit]] = [
    ("accepted_jobs_are_there_and_final", "a job is gone", lambda r: r.accepted.append(Accepted("lost"))),
    ("accepted_jobs_are_there_and_final", "a job is stuck", lambda r: job(r, "child", status="queued")),
    ("a_key_names_one_job", "two replies for one key", lambda r: r.accepted.append(Accepted("booked", "key"))),
    ("a_key_names_one_job", "two rows with one key", lambda r: job(r, "booked", key="key")),
    ("completed_jobs_had_their_effect", "completed and never ran", lambda r: r.effects.remove(r.effects[2])),
    ("transactional_effects_happened_exactly_once", "twice", lambda r: r.bookings.append(Booking("booked", 1))),
    ("transactional_effects_happened_exactly_once", "never", lambda r: r.bookings.clear()),
    (
        "transactional_effects_happened_exactly_once",
        "by a zombie",
        lambda r: r.bookings.__setitem__(0, Booking("booked", 1)),
    ),
    ("an_attempt_runs_once", "delivered twice", lambda r: r.effects.append(r.effects[0])),
    (
        "only_claimed_attempts_have_effects",
        "ran unclaimed",
        lambda r: r.effects.append(Effect("failed", 2, "ran", 3)),
    ),
    (
        "only_workers_that_know_a_job_type_run_it",
        "claimed by another group",
        lambda r: job(r, "failed", job_type="h_other", worker_id="w0:1:a"),
    ),
    ("nothing_begins_after_a_cancellation", "claimed later", lambda r: job(r, "gone", attempt=2)),
    (
        "nothing_begins_after_a_cancellation",
        "ran later",
        lambda r: r.effects.append(Effect("gone", 2, "ran", 3)),
    ),
    ("cancelled_jobs_were_cancelled", "by nobody", lambda r: job(r, "gone", is_cancel_requested=False)),
    ("nothing_runs_before_its_time", "too early", lambda r: job(r, "timed", scheduled_at=6.5)),
    (
        "children_run_after_their_parents",
        "too early",
        lambda r: r.effects.append(Effect("child", 1, "began", 2.5)),
    ),
    ("every_due_time_of_a_schedule_has_one_job", "twice", lambda r: job(r, "child", due_time=5)),
    ("every_due_time_of_a_schedule_has_one_job", "never", lambda r: r.due_times.append(6)),
    ("outcomes_are_in_order", "an attempt without outcome", lambda r: job(r, "retried", attempt=3)),
    ("outcomes_are_in_order", "two at once", lambda r: execution(r, "retried", 2, started_at=1.5)),
    ("outcomes_are_in_order", "continued after the end", lambda r: execution(r, "retried", 1, outcome="failed")),
    ("the_status_is_the_last_outcome", "completed but failed", lambda r: job(r, "retried", status="failed")),
    ("the_status_is_the_last_outcome", "cancelled but completed", lambda r: job(r, "child", status="cancelled")),
    (
        "no_job_completes_twice",
        "twice",
        lambda r: r.executions.append(Execution("child", 2, "completed", 6, 7)),
    ),
    ("the_last_claim_has_the_last_outcome", "another worker", lambda r: execution(r, "child", 1, worker_id="other")),
    ("the_last_claim_has_the_last_outcome", "another attempt's result", lambda r: job(r, "retried", result=1)),
    ("attempts_are_within_bounds", "too many failures", lambda r: job(r, "failed", max_retries=-1)),
    ("attempts_are_within_bounds", "a retry too many", lambda r: job(r, "retried", retry_count=2)),
    ("attempts_are_within_bounds", "a death uncounted", lambda r: job(r, "booked", worker_deaths=0)),
    ("attempts_are_within_bounds", "too many deaths", lambda r: setattr(r, "max_deaths", 0)),
    ("dead_letters_agree_with_their_jobs", "none", lambda r: r.dead_letters.clear()),
    ("dead_letters_agree_with_their_jobs", "two", lambda r: r.dead_letters.append(r.dead_letters[0])),
    (
        "dead_letters_agree_with_their_jobs",
        "of a completed job",
        lambda r: r.dead_letters.append(DeadLetter("child", "poison")),
    ),
    ("dead_letters_agree_with_their_jobs", "too early", lambda r: job(r, "failed", max_retries=3)),
    (
        "dead_letters_agree_with_their_jobs",
        "no poison",
        lambda r: r.dead_letters.__setitem__(0, DeadLetter("failed", "poison")),
    ),
    ("a_limit_is_never_exceeded", "three of two", lambda r: execution(r, "member2", 1, started_at=1.5)),
    (
        "a_workflow_ends_once_with_the_counts_of_its_jobs",
        "a job too few",
        lambda r: r.workflows.__setitem__(0, replace(r.workflows[0], total=2, completed=2)),
    ),
    (
        "a_workflow_ends_once_with_the_counts_of_its_jobs",
        "another state",
        lambda r: r.workflows.__setitem__(0, replace(r.workflows[0], state="failed")),
    ),
    (
        "a_workflow_ends_once_with_the_counts_of_its_jobs",
        "no callback",
        lambda r: job(r, "callback", ends_workflow_id=None),
    ),
    (
        "a_workflow_ends_once_with_the_counts_of_its_jobs",
        "two callbacks",
        lambda r: job(r, "child", ends_workflow_id="batch"),
    ),
    (
        "every_change_is_legal",
        "after the end",
        lambda r: r.changes.append(Change("failed", "failed", "pending", 1, 1)),
    ),
    (
        "every_change_is_legal",
        "no such transition",
        lambda r: r.changes.__setitem__(1, Change("failed", "queued", "completed", 0, 0)),
    ),
    (
        "every_change_is_legal",
        "two attempts in one claim",
        lambda r: r.changes.__setitem__(1, Change("failed", "queued", "running", 0, 2)),
    ),
    (
        "every_change_is_legal",
        "an unexpected retry",
        lambda r: r.changes.__setitem__(0, replace(r.changes[0], retries=1)),
    ),
    (
        "every_change_is_legal",
        "an unexpected death",
        lambda r: r.changes.__setitem__(0, replace(r.changes[0], deaths=1)),
    ),
    (
        "every_change_is_legal",
        "a result of a failure",
        lambda r: r.changes.__setitem__(2, replace(r.changes[2], result_changed=True)),
    ),
    (
        "every_change_is_legal",
        "a retry gives its attempt back",
        lambda r: r.changes.__setitem__(2, Change("failed", "running", "pending", 1, 0, retries=1)),
    ),
    ("changes_follow_from_each_other", "a change is missing", lambda r: r.changes.remove(r.changes[1])),
]


@pytest.mark.parametrize(("rule", "what", "edit"), BAD, ids=[f"{rule}: {what}" for rule, what, _ in BAD])
def test_a_violation_is_found(rule: str, what: str, edit: Edit) -> None:
    record = deepcopy(good())

    edit(record)

    assert rule in {violation.rule for violation in check(record)}


def test_every_rule_has_a_record_that_breaks_it() -> None:
    assert {rule.__name__ for rule in RULES} == {rule for rule, _, _ in BAD}
