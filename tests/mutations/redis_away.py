"""Redis is lost."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.places import IMPATIENT_DISPATCHER, LIFE, NO_RECONCILING, NO_REFILL, REDIS

IN_REDIS = [
    Mutation(
        "FLUSHALL and SCRIPT FLUSH",
        "filling an empty Redis, and reconciling",
        [NO_REFILL, NO_RECONCILING],
        [f"{REDIS}::test_flushing_redis_amid_five_hundred_jobs_loses_none"],
    ),
    Mutation(
        "FLUSHALL and SCRIPT FLUSH",
        "filling an empty Redis",
        [NO_REFILL],
        ["integration/workers/test_upkeep.py::test_what_redis_lost_is_pushed_again_by_the_next_round_after_a_flush"],
    ),
    Mutation(
        "killed and started again",
        "the dispatcher's going on after an error of Redis",
        [IMPATIENT_DISPATCHER],
        [f"{REDIS}::test_redis_stopped_and_started_loses_nothing"],
    ),
    Mutation(
        "full (`noeviction`)",
        "the dispatcher's going on after an error of Redis",
        [IMPATIENT_DISPATCHER],
        [f"{REDIS}::test_a_full_redis_stops_delivery_and_nothing_else"],
    ),
    Mutation(
        "full (`noeviction`)",
        "keeping what could not be pushed",
        [
            Change(
                "middleware/dispatch/dispatcher.py",
                "        self._unpushed += dispatched\n        self._transport.push(self._unpushed)",
                "        self._transport.push(dispatched)",
            )
        ],
        ["integration/workers/test_upkeep.py::test_what_could_not_be_pushed_is_pushed_first_when_redis_is_back"],
    ),
    Mutation(
        "configured to evict",
        "the look at the policy",
        [
            Change(
                "middleware/transport/redis_transport.py",
                'policy = str(config.get("maxmemory-policy", "noeviction"))',
                'policy = "noeviction"',
            )
        ],
        [f"{REDIS}::test_an_evicting_redis_is_complained_about"],
    ),
    Mutation(
        "configured to evict",
        "the word in the log",
        [
            Change(
                "middleware/dispatch/dispatcher.py",
                "        if policy := self._transport.evicts():",
                "        if policy := None:",
            )
        ],
        [f"{REDIS}::test_an_evicting_redis_is_complained_about"],
    ),
    Mutation(
        "loses single messages",
        "reconciling",
        [NO_RECONCILING],
        [
            "integration/workers/test_upkeep.py::test_a_dispatch_that_redis_lacks_is_pushed_again_and_one_that_nobody_takes_is_made_anew"
        ],
    ),
    Mutation(
        "loses single messages",
        "the dispatch anew of what waits too long",
        [Change("middleware/dispatch/upkeep.py", "        self._renumber(stale)\n")],
        [
            "integration/workers/test_upkeep.py::test_a_dispatch_that_redis_lacks_is_pushed_again_and_one_that_nobody_takes_is_made_anew"
        ],
    ),
    Mutation(
        "a message that cannot be read",
        "the dispatch anew in `give_up`",
        [
            Change(
                "middleware/transport/broker.py",
                "                    dispatch.take_back(connection, [found])",
                "                    pass",
            )
        ],
        [f"{LIFE}::test_an_unreadable_message_costs_its_job_nothing"],
    ),
    Mutation(
        "the scheduler loses Redis",
        "the scheduler's second try",
        [Change("ops/scheduler.py", "            signal.alarm(0)  # periodiq's own clock\n", "            raise\n")],
        ["integration/ops/test_scheduler_process.py::test_it_goes_on_when_redis_is_back"],
    ),
]
