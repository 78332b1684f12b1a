"""A process dies between two steps."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import CRASHES, NO_RECONCILE, NO_RELEASE_BY_PEERS, NO_RESCUE, SEPARATE_RECORD, UNIQUE_KEY

CRASHES_BETWEEN_STEPS = [
    Mutation(
        "a dispatcher, before or after",
        "the task `reconcile`",
        [NO_RECONCILE],
        [f"{CRASHES}::test_a_dispatcher_that_dies_loses_and_doubles_nothing"],
    ),
    Mutation(
        "a worker, after fetch, claim",
        "the release of jobs that a dead worker had fetched",
        [NO_RELEASE_BY_PEERS],
        [f"{CRASHES}::test_a_worker_that_dies_repeats_at_most_what_it_had_in_hand"],
    ),
    Mutation(
        "a worker, after fetch, claim",
        "the rescue of running jobs",
        [NO_RESCUE],
        [f"{CRASHES}::test_a_worker_that_dies_repeats_at_most_what_it_had_in_hand"],
    ),
    Mutation(
        "… before or after the",
        "the record in the handler's transaction (it gets its own transaction)",
        [SEPARATE_RECORD],
        [f"{CRASHES}::test_a_transactional_handler_that_dies_has_its_effect_exactly_once"],
    ),
    Mutation(
        "a process that frees a",
        "the order of steps: the worker is marked as lost first, not last",
        [
            Change(
                "middleware/dispatch/upkeep.py",
                "    while rescue(database, settings, ids):\n",
                "    with database.connection() as connection:\n        lost = workers.mark_lost(connection, ids)\n"
                "    while rescue(database, settings, ids):\n",
            )
        ],
        [f"{CRASHES}::test_a_process_that_dies_while_it_frees_jobs_leaves_the_rest_to_the_next"],
    ),
    Mutation(
        "a dispatcher that empties the lane",
        "the task that looks for lanes without a worker",
        [Change("middleware/dispatch/upkeep.py", "in set(self._transport.lanes()) - live:", "in ():")],
        [f"{CRASHES}::test_a_dispatcher_that_dies_while_it_empties_a_lane_leaves_the_rest_to_the_next"],
    ),
    Mutation(
        "a scheduler, between two jobs",
        "the transaction around all jobs of a tick (each job gets its own commit)",
        [
            Change(
                "persistence/schedules/tick.py",
                '        crash("schedule.submitted")',
                '        connection.commit()\n        crash("schedule.submitted")',
            )
        ],
        [f"{CRASHES}::test_a_tick_that_dies_half_way_makes_each_moment_one_job"],
    ),
    Mutation(
        "a producer, before its commit",
        "the transaction around a submission with dependencies",
        [
            Change(
                "middleware/transport/submission.py",
                "with self._database.transaction() if in_transaction else self._database.connection() as connection:",
                "with self._database.connection() as connection:",
            )
        ],
        [f"{CRASHES}::test_a_producer_that_dies_before_its_commit_may_just_send_again"],
    ),
    Mutation(
        "a producer, before its commit",
        "the unique index on idempotency keys",
        [UNIQUE_KEY],
        [f"{CRASHES}::test_a_producer_that_dies_before_its_answer_may_just_send_again"],
    ),
]
