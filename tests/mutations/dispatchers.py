"""Dispatchers and schedulers that start, die, and are many."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import (
    DISPATCH,
    FUNCTIONS,
    KILLED,
    UNIQUE_DUE_TIME,
)

DISPATCHERS = [
    Mutation(
        "no dispatcher process runs",
        "the start of dispatching in a worker",
        [
            Change(
                "middleware/dispatch/role.py",
                "self._take() if self._is_needed(others) else self._give_back()",
                "self._give_back()",
            )
        ],
        [f"{KILLED}::test_a_bare_group_runs_jobs_that_psql_inserted"],
    ),
    Mutation(
        "a dispatcher process starts, and",
        "the end of dispatching in the worker",
        [
            Change(
                "middleware/dispatch/role.py",
                "        return not any(other.dedicated or other.id < self._registration.id for other in others)",
                "        return True",
            )
        ],
        [f"{KILLED}::test_the_role_goes_to_a_dispatcher_process_and_comes_back_when_that_dies"],
    ),
    Mutation(
        "a dispatcher process starts, and",
        "the second start of dispatching in the worker",
        [
            Change(
                "middleware/dispatch/role.py",
                "            self._dispatching = None\n            _log",
                "            _log",
            )
        ],
        [f"{KILLED}::test_the_role_goes_to_a_dispatcher_process_and_comes_back_when_that_dies"],
    ),
    Mutation(
        "a transaction stays open for minutes",
        "the walks near the newest job",
        [
            Change(
                "middleware/dispatch/backlog.py",
                "max(0, self._newest - OVERLAP) if self._began < self._whole_at else 0",
                "0",
            )
        ],
        ["unit/workers/test_backlog.py::test_after_slow_walks_the_next_ones_begin_near_the_newest_job_for_a_while"],
    ),
    Mutation(
        "a transaction stays open for minutes",
        "the number behind which `dispatch_jobs.sql` begins",
        [
            Change(
                f"{FUNCTIONS}/dispatch_jobs.sql",
                "job_type = s.job_type\n              AND seq > after AND",
                "job_type = s.job_type\n              AND",
            )
        ],
        [f"{DISPATCH}::test_a_walk_behind_a_job_takes_only_later_ones"],
    ),
    Mutation(
        "a transaction stays open for minutes",
        "the end of these walks",
        [Change("middleware/dispatch/backlog.py", "min(self._pause * took, MOST_S)", "self._pause * took")],
        ["unit/workers/test_backlog.py::test_however_slow_it_is_a_walk_from_the_beginning_comes"],
    ),
    Mutation(
        "a transaction stays open for minutes",
        "the share of these walks while they find nothing",
        [Change("middleware/dispatch/backlog.py", "PAUSE if dispatched else SHORT_PAUSE", "PAUSE")],
        [
            "unit/workers/test_backlog.py::test_if_the_walks_between_find_nothing_the_next_from_the_beginning_comes_sooner"
        ],
    ),
    Mutation(
        "a transaction stays open for minutes",
        "the moment of the next walk from the beginning",
        [
            Change(
                "middleware/dispatch/dispatcher.py", "look_at=self._backlog.look_at if open_lanes", "look_at=0 if False"
            )
        ],
        [
            "integration/workers/test_upkeep.py"
            "::test_a_round_that_began_near_the_newest_job_tells_when_to_look_for_older_ones"
        ],
    ),
    Mutation(
        "two or more dispatchers run",
        "`FOR UPDATE SKIP LOCKED` in `dispatch_jobs.sql`",
        [
            Change(
                f"{FUNCTIONS}/dispatch_jobs.sql",
                "LIMIT only_free\n            FOR UPDATE SKIP LOCKED\n",
                "LIMIT only_free",
            ),
            Change(
                f"{FUNCTIONS}/dispatch_jobs.sql", "LIMIT s.share\n            FOR UPDATE SKIP LOCKED\n", "LIMIT s.share"
            ),
        ],
        [
            f"{DISPATCH}::test_two_dispatchers_at_once_never_take_the_same_job",
            f"{DISPATCH}::test_many_dispatchers_take_every_job_once",
        ],
    ),
    Mutation(
        "… and a queue has",
        "the lock on a queue's row in `dispatch_jobs.sql`",
        [Change(f"{FUNCTIONS}/dispatch_jobs.sql", "        ORDER BY name FOR NO KEY UPDATE SKIP LOCKED\n")],
        [f"{DISPATCH}::test_two_dispatchers_at_once_keep_to_the_limit_of_a_queue"],
    ),
    Mutation(
        "a queue is paused, also",
        "the release of queued jobs",
        [Change("persistence/queue/queues.py", '    run(connection, "queue/take_back_queue", {"name": name})\n')],
        [
            f"{DISPATCH}::test_what_is_queued_when_its_queue_is_paused_is_taken_back_and_what_runs_goes_on",
            f"{DISPATCH}::test_a_pause_waits_for_a_dispatch_under_way_and_takes_it_back",
        ],
    ),
    Mutation(
        "two schedulers run, or a",
        "the lock on due schedules, and the unique index on schedule and time",
        [Change("persistence/schedules/sql/due.sql", " FOR UPDATE SKIP LOCKED"), UNIQUE_DUE_TIME],
        ["integration/persistence/test_schedules.py::test_many_schedulers_run_each_due_time_once"],
    ),
    Mutation(
        "two schedulers run, or a",
        "the policies `all` and `none`",
        [
            Change("persistence/schedules/policy.py", 'if catch_up == "all" or', "if False or"),
            Change("persistence/schedules/policy.py", '(catch_up == "last" or', "(True or"),
        ],
        ["integration/persistence/test_schedules.py::test_missed_moments_are_caught_up_with_by_policy"],
    ),
]
