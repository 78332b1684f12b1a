"""Workers that serve other queues, or know other job types, than other workers."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import (
    ANY_JOB_TYPE,
    DISPATCH,
    LIFE,
    UPKEEP,
)

LANES = [
    Mutation(
        "two services have workers",
        "the job types of a lane",
        ANY_JOB_TYPE,
        [
            "faults/test_two_services.py::test_two_services_on_one_queue_run_their_own_jobs_and_none_is_passed_around",
            "faults/test_two_services.py::test_jobs_of_a_service_that_is_down_keep_nobody_elses_waiting",
        ],
    ),
    Mutation(
        "… and some job types are known",
        "the choice of the lane with more free threads",
        [
            Change(
                "persistence/queue/dispatch.py",
                "max(able[pair], key=lambda lane: left[lane.name] / max(1, lane.threads)).name",
                "able[pair][0].name",
            )
        ],
        [f"{DISPATCH}::test_a_job_that_two_lanes_can_run_goes_to_the_one_with_more_free_threads"],
    ),
    Mutation(
        "… and some job types are known",
        "the job types of a lane",
        ANY_JOB_TYPE,
        [f"{DISPATCH}::test_a_job_that_only_one_lane_can_run_keeps_its_priority_beside_jobs_that_two_can_run"],
    ),
    Mutation(
        "… and define one job type",
        "the check of `doctor`",
        [Change("ops/doctor/runner.py", "    job_types.conflicting_schemas,\n")],
        ["integration/ops/test_doctor.py::test_a_job_type_that_two_services_define_differently"],
    ),
    Mutation(
        "… and define one job type",
        "the look for other schemas while a worker runs",
        [Change("middleware/execution/heartbeat.py", "                self._try(self._warn_of_conflicts)\n")],
        [
            f"{LIFE}::test_a_running_worker_is_told_once_of_another_service_that_defines_its_job_type_differently",
        ],
    ),
    Mutation(
        "a job is sent to another queue",
        "the registration of all job types that a process knows",
        [
            Change(
                "middleware/execution/heartbeat.py",
                "job_types=sorted(definitions)",
                "job_types=sorted(name for name, found in definitions.items() if found.queue_name in queues)",
            )
        ],
        [f"{LIFE}::test_a_job_sent_to_another_queue_than_its_types_own_runs_where_that_queue_is_served"],
    ),
    Mutation(
        "no live worker knows",
        "the job types of a lane",
        ANY_JOB_TYPE,
        [
            f"{LIFE}::test_a_job_of_a_type_that_no_live_worker_knows_waits_and_runs_when_one_does",
            f"{DISPATCH}::test_each_lane_gets_the_job_types_that_its_workers_know_and_the_rest_waits",
        ],
    ),
    Mutation(
        "producers send a new job",
        "the registration of a job type by its producer",
        [
            Change(
                "middleware/transport/submission.py",
                "        self.introduce(definition)\n        # A single",
                "        # A single",
            )
        ],
        [f"{LIFE}::test_a_job_type_that_was_sent_before_any_worker_knows_it_is_told_as_such"],
    ),
    Mutation(
        "the last worker of a kind",
        "the task that looks for lanes without a worker",
        [Change("middleware/dispatch/upkeep.py", "in set(self._transport.lanes()) - live:", "in ():")],
        [f"{UPKEEP}::test_what_is_in_a_lane_without_a_live_worker_goes_back_to_postgresql"],
    ),
    Mutation(
        "… while a dispatcher pushes",
        "the task that looks for lanes without a worker",
        [Change("middleware/dispatch/upkeep.py", "in set(self._transport.lanes()) - live:", "in ():")],
        [
            f"{UPKEEP}::test_what_a_dispatcher_pushes_into_the_lane_of_a_worker_that_just_stopped_comes_back",
            f"{UPKEEP}::test_a_worker_that_comes_back_while_its_lane_is_emptied_gets_every_job",
            f"{UPKEEP}::test_two_dispatchers_that_empty_a_lane_at_once_give_its_jobs_back_once",
        ],
    ),
    Mutation(
        "… while a dispatcher pushes",
        "the look for messages before a lane is forgotten",
        [Change("middleware/transport/drop.lua", "if redis.call('exists', KEYS[1]) == 0 then", "if true then")],
        [f"{UPKEEP}::test_a_lane_that_gets_messages_while_it_is_dropped_stays_known"],
    ),
    Mutation(
        "a worker serves many queues",
        "the count of fetched messages in the prefetch limit",
        [Change("middleware/transport/prefetch.py", "            held = len(self._held)", "            held = 0")],
        [
            "integration/workers/test_consumer.py::test_a_process_holds_no_more_than_its_threads_can_begin_however_many_queues_it_serves"
        ],
    ),
]
