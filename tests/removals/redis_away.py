"""Redis is lost."""

from __future__ import annotations

from tests.removals.places import IMPATIENT_DISPATCHER, LIFE, NO_RECONCILING, NO_REFILL, REDIS
from tests.taken_out import Change, Removal

IN_REDIS = [
    Removal(
        "FLUSHALL and SCRIPT FLUSH",
        "filling an empty Redis, and reconciling",
        [NO_REFILL, NO_RECONCILING],
        [f"{REDIS}::test_flushing_redis_amid_five_hundred_jobs_loses_none"],
    ),
    Removal(
        "FLUSHALL and SCRIPT FLUSH",
        "filling an empty Redis",
        [NO_REFILL],
        ["integration/test_upkeep.py::test_what_redis_lost_is_pushed_again_by_the_next_round_after_a_flush"],
    ),
    Removal(
        "killed and started again",
        "the dispatcher's going on after an error of Redis",
        [IMPATIENT_DISPATCHER],
        [f"{REDIS}::test_redis_stopped_and_started_loses_nothing"],
    ),
    Removal(
        "full (`noeviction`)",
        "the dispatcher's going on after an error of Redis",
        [IMPATIENT_DISPATCHER],
        [f"{REDIS}::test_a_full_redis_stops_delivery_and_nothing_else"],
    ),
    Removal(
        "full (`noeviction`)",
        "keeping what could not be pushed",
        [
            Change(
                "middleware/dispatcher.py",
                "        self._unpushed += dispatched\n        self._wire.push(self._unpushed)",
                "        self._wire.push(dispatched)",
            )
        ],
        ["integration/test_upkeep.py::test_what_could_not_be_pushed_is_pushed_first_when_redis_is_back"],
    ),
    Removal(
        "configured to evict",
        "the look at the policy",
        [
            Change(
                "middleware/wire.py",
                'policy = str(config.get("maxmemory-policy", "noeviction"))',
                'policy = "noeviction"',
            )
        ],
        [f"{REDIS}::test_an_evicting_redis_is_complained_about"],
    ),
    Removal(
        "configured to evict",
        "the word in the log",
        [Change("middleware/dispatcher.py", "        if policy := self._wire.evicts():", "        if policy := None:")],
        [f"{REDIS}::test_an_evicting_redis_is_complained_about"],
    ),
    Removal(
        "loses single messages",
        "reconciling",
        [NO_RECONCILING],
        [
            "integration/test_upkeep.py::test_a_dispatch_that_redis_lacks_is_pushed_again_and_one_that_nobody_takes_is_made_anew"
        ],
    ),
    Removal(
        "loses single messages",
        "the dispatch anew of what waits too long",
        [Change("middleware/upkeep.py", "        self._renumber(stale)\n")],
        [
            "integration/test_upkeep.py::test_a_dispatch_that_redis_lacks_is_pushed_again_and_one_that_nobody_takes_is_made_anew"
        ],
    ),
    Removal(
        "a message that cannot be read",
        "the dispatch anew in `give_up`",
        [
            Change(
                "middleware/broker.py",
                "                    dispatch.take_back(connection, [found])",
                "                    pass",
            )
        ],
        [f"{LIFE}::test_an_unreadable_message_costs_its_job_nothing"],
    ),
    Removal(
        "the scheduler loses Redis",
        "the scheduler's second try",
        [Change("ops/scheduler.py", "            signal.alarm(0)  # periodiq's own clock\n", "            raise\n")],
        ["integration/test_scheduler_process.py::test_it_goes_on_when_redis_is_back"],
    ),
]
