"""A process dies between two steps."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.places import CRASHES, NO_RECONCILING, NO_RESCUE, NO_TAKING_BACK, RECORD_APART, UNIQUE_KEY

BETWEEN = [
    Mutation(
        "a dispatcher, before or after its push",
        "reconciling",
        [NO_RECONCILING],
        [f"{CRASHES}::test_a_dispatcher_that_dies_loses_and_doubles_nothing"],
    ),
    Mutation(
        "a worker, after fetch, claim",
        "taking back what the dead had fetched",
        [NO_TAKING_BACK],
        [f"{CRASHES}::test_a_worker_that_dies_repeats_at_most_what_it_had_in_hand"],
    ),
    Mutation(
        "a worker, after fetch, claim",
        "the rescue of running jobs",
        [NO_RESCUE],
        [f"{CRASHES}::test_a_worker_that_dies_repeats_at_most_what_it_had_in_hand"],
    ),
    Mutation(
        "… around the commit of `transaction()`",
        "the record within the handler's transaction (made beside it)",
        [RECORD_APART],
        [f"{CRASHES}::test_a_transactional_handler_that_dies_has_its_effect_exactly_once"],
    ),
    Mutation(
        "who frees a dead worker's jobs",
        "the order: the dead are marked first, not last",
        [
            Change(
                "middleware/dispatch/upkeep.py",
                "    while rescue(database, settings, ids):\n",
                "    with database.connection() as connection:\n        buried = workers.mark_lost(connection, ids)\n"
                "    while rescue(database, settings, ids):\n",
            )
        ],
        [f"{CRASHES}::test_an_undertaker_that_dies_leaves_the_rest_to_the_next"],
    ),
    Mutation(
        "a tick, half way",
        "the transaction around a tick (each job committed by itself)",
        [
            Change(
                "persistence/queue/schedules.py",
                '            crash("schedule.submitted")',
                '            connection.commit()\n            crash("schedule.submitted")',
            )
        ],
        [f"{CRASHES}::test_a_tick_that_dies_half_way_makes_each_moment_one_job"],
    ),
    Mutation(
        "a producer, before its commit",
        "the transaction around a submission with dependencies",
        [
            Change(
                "middleware/transport/broker.py",
                "with self.database.transaction() if new.depends_on else self.database.connection() as connection:",
                "with self.database.connection() as connection:",
            )
        ],
        [f"{CRASHES}::test_a_producer_that_dies_before_its_commit_may_just_send_again"],
    ),
    Mutation(
        "a producer, before its commit",
        "the unique index",
        [UNIQUE_KEY],
        [f"{CRASHES}::test_a_producer_that_dies_before_its_answer_may_just_send_again"],
    ),
]
