"""Finds violations of the guarantees in the record of a run. Each rule is a pure function of the record.

An execution with the outcome `superseded` comes from a worker that had lost the job. All others are "outcomes" below.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

from tests.faults.history.record import Change, Execution, JobRow, Record

FINAL = {"completed", "failed", "cancelled"}
ENDS_A_JOB = {"completed": "completed", "failed": "failed", "discarded": "failed", "cancelled": "cancelled"}
TRANSACTIONAL = "h_booking"
KNOWN_TO_ONE = {"h_other": "w1"}
"""Job types that one group of workers alone knows, and the beginning of its workers' ids."""

LEGAL = {
    ("pending", "queued"),
    ("pending", "cancelled"),
    ("queued", "pending"),
    ("queued", "running"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("running", "pending"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
}
CLOCK_TOLERANCE_S = 0.02
"""Times from different calls of the clock may differ by this much."""


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    job_id: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: job {self.job_id}: {self.detail}"


class _OfJob(Protocol):
    @property
    def job_id(self) -> str: ...


T = TypeVar("T", bound=_OfJob)
Found = Iterator[tuple[str, str]]
"""(job id, what is wrong with it)."""


def check(record: Record) -> list[Violation]:
    """Every violation of every rule."""
    return [Violation(rule.__name__, job_id, detail) for rule in RULES for job_id, detail in rule(record)]


def accepted_jobs_are_there_and_final(record: Record) -> Found:
    statuses = {job.id: job.status for job in record.jobs}
    for accepted in record.accepted:
        if accepted.job_id not in statuses:
            yield accepted.job_id, "was accepted and does not exist"
    for job in record.jobs:
        if job.status not in FINAL:
            yield job.id, f"is {job.status} at the end"


def a_key_names_one_job(record: Record) -> Found:
    holders = defaultdict(set)
    for accepted in record.accepted:
        if accepted.key:
            holders[accepted.key].add(accepted.job_id)
    for job in record.jobs:
        if job.key:
            holders[job.key].add(job.id)
    for key, ids in holders.items():
        if len(ids) > 1:
            yield min(ids), f"shares key {key} with {len(ids) - 1} others"


def completed_jobs_had_their_effect(record: Record) -> Found:
    ran = {(effect.job_id, effect.attempt) for effect in record.effects if effect.what == "ran"}
    for execution in record.executions:
        done = (execution.job_id, execution.attempt)
        # A transactional handler may be killed after its commit and before its log line. Its row is its effect.
        if execution.outcome == "completed" and done not in ran and not _is_booked(record, execution):
            yield execution.job_id, f"attempt {execution.attempt} completed without its effect"


def transactional_effects_happened_exactly_once(record: Record) -> Found:
    attempts = _by_job(record.bookings)
    for job in _of_type(record, TRANSACTIONAL):
        booked = [booking.attempt for booking in attempts[job.id]]
        expected = [execution.attempt for execution in _outcomes(record)[job.id] if execution.outcome == "completed"]
        if booked != expected:
            yield job.id, f"completed in attempts {expected}, but its rows are from attempts {booked}"


def an_attempt_runs_once(record: Record) -> Found:
    began = Counter((effect.job_id, effect.attempt) for effect in record.effects if effect.what == "began")
    for (job_id, attempt), times in began.items():
        if times > 1 + record.crashes:
            yield job_id, f"attempt {attempt} began {times} times"


def only_claimed_attempts_have_effects(record: Record) -> Found:
    attempts = {job.id: job.attempt for job in record.jobs}
    for effect in record.effects:
        if effect.attempt > attempts.get(effect.job_id, 0) + _removed_claims(record):
            yield effect.job_id, f"{effect.what} in attempt {effect.attempt}, which no worker claimed"


def nothing_begins_after_a_cancellation(record: Record) -> Found:
    """An attempt that was already running may have its effect. A claim after the cancellation is a violation."""
    last = {job.id: job.attempt for job in record.jobs}
    begun = _by_job(record.effects)
    for cancelled in record.cancelled:
        if last.get(cancelled.job_id, 0) > cancelled.attempt:
            yield cancelled.job_id, f"claimed {last[cancelled.job_id] - cancelled.attempt} times after it was cancelled"
        for effect in begun[cancelled.job_id]:
            if effect.attempt > cancelled.attempt + _removed_claims(record):
                yield cancelled.job_id, f"{effect.what} in attempt {effect.attempt}, after it was cancelled"


def cancelled_jobs_were_cancelled(record: Record) -> Found:
    for job in record.jobs:
        if job.status == "cancelled" and not job.is_cancel_requested:
            yield job.id, "is cancelled, but nobody requested it"


def nothing_runs_before_its_time(record: Record) -> Found:
    earliest: dict[str, float] = {}
    for effect in record.effects:
        earliest[effect.job_id] = min(effect.at, earliest.get(effect.job_id, effect.at))
    for job in record.jobs:
        due = job.scheduled_at or job.due_time
        if due and earliest.get(job.id, due) < due - CLOCK_TOLERANCE_S:
            yield job.id, f"ran {due - earliest[job.id]:.3f} s too early"


def children_run_after_their_parents(record: Record) -> Found:
    completed = {e.job_id: e.finished_at for e in record.executions if e.outcome == "completed"}
    effects = _by_job(record.effects)
    for job in record.jobs:
        for parent in job.parents:
            for effect in effects[job.id]:
                if effect.at < completed.get(parent, float("inf")) - CLOCK_TOLERANCE_S:
                    yield job.id, f"{effect.what} before its parent {parent} completed"


def every_due_time_of_a_schedule_has_one_job(record: Record) -> Found:
    jobs = Counter(job.due_time for job in record.jobs if job.due_time is not None)
    for due_time in record.due_times:
        if jobs[due_time] != 1:
            yield "-", f"due time {due_time} has {jobs[due_time]} jobs"


def outcomes_are_in_order(record: Record) -> Found:
    outcomes_of = _outcomes(record)
    for job in record.jobs:
        mine = outcomes_of[job.id]
        attempts = [execution.attempt for execution in mine]
        if attempts != list(range(1, job.attempt + 1)) and job.status in FINAL:
            yield job.id, f"has {job.attempt} attempts, but outcomes of {attempts}"
        for earlier, later in pairwise(mine):
            if later.started_at < earlier.finished_at - CLOCK_TOLERANCE_S:
                yield job.id, f"attempt {later.attempt} started before attempt {earlier.attempt} had ended"
            if earlier.outcome in ENDS_A_JOB:
                yield job.id, f"continued after attempt {earlier.attempt} had {earlier.outcome}"


def the_status_is_the_last_outcome(record: Record) -> Found:
    outcomes_of = _outcomes(record)
    for job in record.jobs:
        last = outcomes_of[job.id][-1].outcome if outcomes_of[job.id] else None
        if job.status == "cancelled":
            fits = last not in ("completed", "failed", "discarded")
        elif job.status == "failed":
            # No worker could start it, or every worker died of it.
            fits = last in ("failed", "discarded", "lost", None)
        else:
            fits = job.status not in FINAL or last == job.status
        if not fits:
            yield job.id, f"is {job.status}; the last outcome is {last}"


def no_job_completes_twice(record: Record) -> Found:
    for job_id, times in Counter(e.job_id for e in record.executions if e.outcome == "completed").items():
        if times > 1:
            yield job_id, f"completed {times} times"


def the_last_claim_has_the_last_outcome(record: Record) -> Found:
    """The last claim, the last outcome and the result come from one attempt of one worker."""
    outcomes_of = _outcomes(record)
    for job in record.jobs:
        if job.status == "completed" and outcomes_of[job.id]:
            last = outcomes_of[job.id][-1]
            if last.worker_id != job.worker_id:
                yield job.id, f"claimed by {job.worker_id}, completed by {last.worker_id}"
            if job.result != last.attempt:
                yield job.id, f"completed by attempt {last.attempt}, its result is from attempt {job.result}"


def only_workers_that_know_a_job_type_run_it(record: Record) -> Found:
    executions = _by_job(record.executions)
    for job_type, group in KNOWN_TO_ONE.items():
        for job in _of_type(record, job_type):
            for worker_id in {job.worker_id, *(execution.worker_id for execution in executions[job.id])} - {None}:
                if not str(worker_id).startswith(f"{group}:"):
                    yield job.id, f"is a {job_type}, and was claimed by {worker_id}"


def attempts_are_within_bounds(record: Record) -> Found:
    outcomes_of = _outcomes(record)
    for job in record.jobs:
        counts = Counter(execution.outcome for execution in outcomes_of[job.id])
        if counts["retried"] + counts["failed"] > job.max_retries + 1:
            yield job.id, f"failed more often than {job.max_retries} retries allow"
        if job.retry_count != counts["retried"]:
            yield job.id, f"retry_count {job.retry_count}, but {counts['retried']} outcomes say retried"
        if job.worker_deaths != counts["lost"] or counts["lost"] > record.max_deaths:
            yield job.id, f"worker_deaths {job.worker_deaths}, and {counts['lost']} attempts lost"


def dead_letters_agree_with_their_jobs(record: Record) -> Found:
    dead_letters, outcomes_of = _by_job(record.dead_letters), _outcomes(record)
    for job in record.jobs:
        open_ones = [one for one in dead_letters[job.id] if one.is_open]
        is_discarded = bool(outcomes_of[job.id]) and outcomes_of[job.id][-1].outcome == "discarded"
        expected = 1 if job.status == "failed" and not is_discarded else 0
        if len(open_ones) != expected:
            yield job.id, f"is {job.status} with {len(open_ones)} open dead letters"
        for dead_letter in open_ones:
            if dead_letter.reason in ("exhausted", "timeout") and job.retry_count < job.max_retries:
                yield job.id, f"dead letter says {dead_letter.reason} after {job.retry_count} retries"
            if dead_letter.reason == "poison" and job.worker_deaths < record.max_deaths:
                yield job.id, f"dead letter says poison after {job.worker_deaths} deaths"


def a_limit_is_never_exceeded(record: Record) -> Found:
    keys = {job.id: job.limit_key for job in record.jobs if job.limit_key is not None}
    steps: defaultdict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for execution in record.executions:
        # A worker that had lost the job held no place any more.
        if execution.job_id in keys and execution.outcome != "superseded":
            steps[keys[execution.job_id]] += [
                (execution.started_at, 1, execution.job_id),
                (execution.finished_at - CLOCK_TOLERANCE_S, -1, execution.job_id),
            ]
    for key, changes in steps.items():
        running = 0
        for at, change, job_id in sorted(changes):
            running += change
            if running > record.limit:
                yield job_id, f"is number {running} of key {key} at {at:.3f}; the limit is {record.limit}"


def a_workflow_ends_once_with_the_counts_of_its_jobs(record: Record) -> Found:
    members = defaultdict(Counter[str])
    for job in record.jobs:
        members[job.workflow_id][job.status] += 1
    callbacks = Counter(job.ends_workflow_id for job in record.jobs)
    for workflow in record.workflows:
        counts = members[workflow.id]
        said = {"completed": workflow.completed, "failed": workflow.failed, "cancelled": workflow.cancelled}
        if workflow.total != counts.total() or any(counts[status] != number for status, number in said.items()):
            yield workflow.id, f"says {said} of {workflow.total}, and its jobs are {dict(counts)}"
        state = "failed" if counts["failed"] else "cancelled" if counts["cancelled"] else "completed"
        if workflow.state != state:
            yield workflow.id, f"is {workflow.state}, and its jobs are {dict(counts)}"
        if callbacks[workflow.id] != 1:
            yield workflow.id, f"has {callbacks[workflow.id]} callbacks"


def every_change_is_legal(record: Record) -> Found:
    for change in record.changes:
        for wrong in _illegal(change):
            yield change.job_id, f"{change.old_status} to {change.new_status}: {wrong}"


def changes_follow_from_each_other(record: Record) -> Found:
    for job_id, changes in _by_job(record.changes).items():
        state = ("pending", 0)
        for change in changes:
            if (change.old_status, change.old_attempt) != state:
                yield job_id, f"was {state}, then changed from {(change.old_status, change.old_attempt)}"
            state = (change.new_status, change.new_attempt)


RULES: tuple[Callable[[Record], Found], ...] = (
    accepted_jobs_are_there_and_final,
    a_key_names_one_job,
    completed_jobs_had_their_effect,
    transactional_effects_happened_exactly_once,
    an_attempt_runs_once,
    only_claimed_attempts_have_effects,
    nothing_begins_after_a_cancellation,
    cancelled_jobs_were_cancelled,
    nothing_runs_before_its_time,
    children_run_after_their_parents,
    every_due_time_of_a_schedule_has_one_job,
    outcomes_are_in_order,
    the_status_is_the_last_outcome,
    no_job_completes_twice,
    the_last_claim_has_the_last_outcome,
    only_workers_that_know_a_job_type_run_it,
    attempts_are_within_bounds,
    dead_letters_agree_with_their_jobs,
    a_limit_is_never_exceeded,
    a_workflow_ends_once_with_the_counts_of_its_jobs,
    every_change_is_legal,
    changes_follow_from_each_other,
)


def _illegal(change: Change) -> Iterator[str]:
    step = (change.old_status, change.new_status)
    if change.old_status in FINAL:
        yield "a finished job changed"
    elif step[0] != step[1] and step not in LEGAL:
        yield "no such transition"
    if change.new_attempt - change.old_attempt != (
        1 if step == ("queued", "running") else -1 if _unclaims(change) else 0
    ):
        yield f"attempt went from {change.old_attempt} to {change.new_attempt}"
    if change.retries not in ((0, 1) if step == ("running", "pending") else (0,)):
        yield f"retry_count changed by {change.retries}"
    if change.deaths not in ((0, 1) if change.old_status == "running" != change.new_status else (0,)):
        yield f"worker_deaths changed by {change.deaths}"
    if change.result_changed and step != ("running", "completed"):
        yield "the result changed"


def _unclaims(change: Change) -> bool:
    """Claimed and never begun: given back as if it had not been claimed. `an_attempt_runs_once` says that it had not begun."""
    step = (change.old_status, change.new_status)
    return (
        step == ("running", "pending")
        and change.new_attempt < change.old_attempt
        and not (change.retries or change.deaths)
    )


def _outcomes(record: Record) -> defaultdict[str, list[Execution]]:
    return _by_job(execution for execution in record.executions if execution.outcome != "superseded")


def _by_job(items: Iterable[T]) -> defaultdict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        found[item.job_id].append(item)
    return found


def _of_type(record: Record, job_type: str) -> list[JobRow]:
    return [job for job in record.jobs if job.job_type == job_type]


def _is_booked(record: Record, execution: Execution) -> bool:
    return any((b.job_id, b.attempt) == (execution.job_id, execution.attempt) for b in record.bookings)


def _removed_claims(record: Record) -> int:
    """A crash may remove the claim of one attempt. Its number is then one above the known attempts."""
    return 1 if record.crashes else 0
