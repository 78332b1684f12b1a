"""Limits of job types, expiry, unique jobs."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import FUNCTIONS, KILLED

LIMITS_SQL = "integration/persistence/test_limits_sql.py"
LIMITED = "integration/workers/test_limited_jobs.py"

LIMITS = [
    Mutation(
        "a job type has limits",
        "the lock on the state of a job type in `pass_gate.sql`",
        [Change(f"{FUNCTIONS}/pass_gate.sql", " FOR NO KEY UPDATE OF s SKIP LOCKED")],
        [f"{LIMITS_SQL}::test_two_dispatchers_at_once_keep_to_the_limit"],
    ),
    Mutation(
        "`kill -9` of workers whose jobs hold",
        "running jobs from the count of places in `choose_gated.sql`",
        [
            Change(
                f"{FUNCTIONS}/choose_gated.sql",
                "AND ready AND status IN ('pending', 'queued', 'running') AND job_type = in_type",
                "AND ready AND status IN ('pending', 'queued') AND job_type = in_type",
            )
        ],
        [
            f"{KILLED}::test_a_limit_holds_while_workers_are_killed_and_the_places_of_the_dead_are_given_to_others",
        ],
    ),
    Mutation(
        "a job of a type with limits ends",
        "the hint of a worker that a place is free",
        [Change("middleware/execution/state.py", "            if definition.limits:\n", "            if False:\n")],
        [f"{LIMITED}::test_the_end_of_a_job_starts_the_next_one_of_its_limit_and_they_never_overlap"],
    ),
    Mutation(
        "one key submits far more",
        "the key of the last turn",
        [Change(f"{FUNCTIONS}/choose_gated.sql", " AND limit_key > state.last_key")],
        [f"{LIMITS_SQL}::test_keys_take_turns_however_many_jobs_one_has"],
    ),
    Mutation(
        "limits are set while jobs wait",
        "the keys of jobs that are queued or run",
        [Change("persistence/queue/job_types.py", '    run(connection, "queue/key_in_motion", {"name": name})\n')],
        [f"{LIMITS_SQL}::test_limits_that_are_set_later_hold_for_jobs_that_wait_are_on_their_way_or_run"],
    ),
    Mutation(
        "a job is not begun before",
        "the expiry in `claim_jobs.sql`",
        [Change(f"{FUNCTIONS}/claim_jobs.sql", " AND (jobs.expires_at IS NULL OR jobs.expires_at > now())")],
        [f"{LIMITS_SQL}::test_a_job_that_expired_is_neither_claimed_nor_kept"],
    ),
    Mutation(
        "unique or debounced jobs",
        "the key of a unique job",
        [Change("persistence/queue/submissions.py", "        if self.unique_key is not None:", "        if False:")],
        ["integration/persistence/test_unique.py::test_two_submissions_at_once_make_one_job"],
    ),
]
