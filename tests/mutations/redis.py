"""Redis is down, full, or loses its data."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import CONSUMER, DISPATCHER_WITHOUT_REDIS, LIFE, NO_FILLING, NO_RECONCILE, REDIS

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
                "        self._unpushed += dispatched\n        _, is_ours = self._transport.push(self._unpushed)",
                "        _, is_ours = self._transport.push(dispatched)",
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
                'policy = str(memory.get("maxmemory_policy", "noeviction"))',
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
        "the master of Redis dies",
        "the question to the sentinels at each new connection",
        [
            Change(
                "persistence/redis_clients.py",
                "asked.master_for(sentinels.master, redis_class=Behind, **ours)",
                'redis.Redis(**dict(zip(("host", "port"), asked.discover_master(sentinels.master))), **ours)',
            )
        ],
        ["integration/test_sentinels.py::test_each_client_finds_the_new_master_when_the_old_one_is_killed"],
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
        "a message is damaged, or",
        "the place for messages that name no dispatch",
        [
            Change(
                "middleware/transport/consumer.py",
                '                self._source.give_up(self._lane, id_, "it is no dispatch of a job")',
                "                pass",
            )
        ],
        [
            f"{CONSUMER}::test_a_message_that_is_no_dispatch_harms_no_other_of_its_fetch",
            f"{LIFE}::test_an_unreadable_message_costs_its_job_nothing",
        ],
    ),
    Mutation(
        "a message reaches a worker",
        "the look whether this process knows the job type",
        [Change("middleware/transport/consumer.py", "elif self._source.can_run(job_type):", "elif job_type:")],
        [f"{CONSUMER}::test_a_job_of_a_type_that_this_process_does_not_know_is_given_back"],
    ),
    Mutation(
        "the scheduler loses Redis",
        "the scheduler's second try",
        [Change("ops/scheduler.py", "            signal.alarm(0)  # periodiq's own clock\n", "            raise\n")],
        ["integration/ops/test_scheduler_process.py::test_the_scheduler_continues_when_redis_is_back"],
    ),
]
