"""Redis is down, full, or loses its data."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import DISPATCHER_WITHOUT_REDIS, NO_FILLING, NO_RECONCILE, REDIS

REDIS_FAILURES = [
    Mutation(
        "`FLUSHALL` and `SCRIPT FLUSH` while",
        "the filling of an empty Redis, and the task `reconcile`",
        [NO_FILLING, NO_RECONCILE],
        [f"{REDIS}::test_flushing_redis_amid_five_hundred_jobs_loses_none"],
    ),
    Mutation(
        "`FLUSHALL` and `SCRIPT FLUSH` while",
        "the filling of an empty Redis",
        [NO_FILLING],
        [
            "integration/workers/test_upkeep.py::test_what_redis_lost_is_dispatched_again_by_the_next_round_after_a_flush"
        ],
    ),
    Mutation(
        "Redis is killed and started",
        "the dispatcher's handling of Redis errors",
        [DISPATCHER_WITHOUT_REDIS],
        [f"{REDIS}::test_redis_stopped_and_started_loses_nothing"],
    ),
    Mutation(
        "Redis is full (`noeviction`)",
        "the dispatcher's handling of Redis errors",
        [DISPATCHER_WITHOUT_REDIS],
        [f"{REDIS}::test_a_full_redis_stops_delivery_and_nothing_else"],
    ),
    Mutation(
        "Redis is full (`noeviction`)",
        "the list of messages that could not be sent",
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
        "Redis is configured to evict",
        "the check of `maxmemory-policy`",
        [
            Change(
                "middleware/transport/redis_transport.py",
                'policy = str(config.get("maxmemory-policy", "noeviction"))',
                'policy = "noeviction"',
            )
        ],
        [f"{REDIS}::test_an_evicting_redis_is_reported"],
    ),
    Mutation(
        "Redis is configured to evict",
        "the log line",
        [
            Change(
                "middleware/dispatch/dispatcher.py",
                "        if policy := self._transport.evicts():",
                "        if policy := None:",
            )
        ],
        [f"{REDIS}::test_an_evicting_redis_is_reported"],
    ),
    Mutation(
        "single messages are lost, or",
        "the task `reconcile`",
        [NO_RECONCILE],
        [
            "integration/workers/test_upkeep.py::test_a_dispatch_that_redis_lacks_and_one_that_nobody_takes_are_made_anew"
        ],
    ),
    Mutation(
        "single messages are lost, or",
        "the new dispatch of jobs that wait too long",
        [Change("middleware/dispatch/upkeep.py", "for entry in [*lost, *stale]", "for entry in lost")],
        [
            "integration/workers/test_upkeep.py::test_a_dispatch_that_redis_lacks_and_one_that_nobody_takes_are_made_anew"
        ],
    ),
    Mutation(
        "a message cannot be read",
        "the new dispatch in `give_up`",
        [
            Change(
                "middleware/transport/broker.py",
                "                    dispatch.take_back(connection, [found])",
                "                    pass",
            )
        ],
        ["integration/workers/test_consumer.py::test_the_job_of_an_unreadable_message_is_given_back_to_postgresql"],
    ),
    Mutation(
        "the scheduler loses Redis",
        "the scheduler's second try",
        [Change("ops/scheduler.py", "            signal.alarm(0)  # periodiq's own clock\n", "            raise\n")],
        ["integration/ops/test_scheduler_process.py::test_the_scheduler_continues_when_redis_is_back"],
    ),
]
