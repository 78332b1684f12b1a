"""Workers, dispatchers and schedulers that die, freeze, start and stop."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import (
    ANY_JOB_TYPE,
    CLAIM,
    CLAIMS,
    CONSUMER,
    DISPATCH,
    FUNCTIONS,
    KILLED,
    LIFE,
    NO_ATTEMPT,
    NO_CLAIM_TIME,
    NO_REAPING,
    NO_RELEASE_OF_FETCHED,
    NO_RESCUE,
    NO_SKIP_LOCKED_IN_RESCUE,
    NO_STATUS,
    NO_STATUS_AT_CLAIM,
    NO_SUPERSEDED,
    RECORD,
    SQL,
    UNIQUE_DUE_TIME,
    UPKEEP,
)

WORKERS = [
    Mutation(
        "`kill -9` of worker processes",
        "the rescue of running jobs",
        [NO_RESCUE],
        [f"{KILLED}::test_killing_a_worker_process_amid_two_thousand_jobs_loses_and_doubles_nothing"],
    ),
    Mutation(
        "`kill -9` of a whole",
        "the task `reap_dead`",
        [NO_REAPING],
        [f"{KILLED}::test_interrupted_jobs_run_again_at_once_after_a_restart"],
    ),
    Mutation(
        "a worker in another container",
        "`lease_expires_at < now()` in `rescue.sql`",
        [Change(f"{SQL}/rescue.sql", "(:expired AND lease_expires_at < now()) OR ")],
        [f"{KILLED}::test_a_frozen_worker_that_continues_changes_nothing"],
    ),
    Mutation(
        "a worker in another container",
        "`mark_silent.sql`",
        [Change(f"{SQL}/mark_silent.sql", "WHERE last_seen_at", "WHERE false AND last_seen_at")],
        ["integration/persistence/test_workers_sql.py::test_a_worker_without_heartbeats_is_lost"],
    ),
    Mutation(
        "a worker in another container",
        "the release of jobs that a lost worker had fetched",
        [NO_RELEASE_OF_FETCHED],
        ["integration/workers/test_upkeep.py::test_what_a_silent_process_had_fetched_is_dispatched_anew"],
    ),
    Mutation(
        "that worker comes back",
        "the attempt and the time of the claim in the guard of `record_jobs.sql`",
        [NO_ATTEMPT, NO_CLAIM_TIME],
        [f"{RECORD}::test_a_zombie_changes_nothing_and_its_outcome_is_kept_as_superseded"],
    ),
    Mutation(
        "that worker comes back",
        "all three conditions of `record_jobs.sql`: attempt, time of the claim, status",
        [NO_ATTEMPT, NO_CLAIM_TIME, NO_STATUS],
        [f"{KILLED}::test_a_frozen_worker_that_continues_changes_nothing"],
    ),
    Mutation(
        "that worker comes back",
        "the execution that `supersede.sql` stores",
        [NO_SUPERSEDED],
        [
            f"{KILLED}::test_a_frozen_worker_that_continues_changes_nothing",
            f"{RECORD}::test_a_zombie_changes_nothing_and_its_outcome_is_kept_as_superseded",
        ],
    ),
    Mutation(
        "rescue, renewal, cancellation and record",
        "`status = 'running'` in `record_jobs.sql`",
        [NO_STATUS],
        [f"{RECORD}::test_of_rescue_and_record_at_once_the_first_decides"],
    ),
    Mutation(
        "rescue, renewal, cancellation and record",
        "`SKIP LOCKED` in `rescue.sql`",
        [NO_SKIP_LOCKED_IN_RESCUE],
        [
            f"{RECORD}::test_of_rescue_and_record_at_once_the_first_decides",
            f"{RECORD}::test_of_renewal_and_rescue_at_once_the_first_decides",
        ],
    ),
    Mutation(
        "rescue, renewal, cancellation and record",
        "the states that `cancel.sql` expects",
        [Change(f"{SQL}/cancel.sql", " AND status IN ('pending', 'queued', 'running')")],
        [f"{RECORD}::test_of_cancel_and_record_at_once_the_first_decides"],
    ),
    Mutation(
        "a job kills every worker",
        "the limit on worker deaths",
        [Change("middleware/dispatch/upkeep.py", "max_deaths=settings.job_max_worker_deaths", "max_deaths=1_000")],
        [f"{KILLED}::test_a_job_that_kills_its_workers_is_dead_lettered_as_poison"],
    ),
    Mutation(
        "… and other jobs are beside it",
        "the wait after a second death in `rescue.sql`",
        [Change(f"{SQL}/rescue.sql", "WHEN worker_deaths > 0 THEN", "WHEN false THEN")],
        [
            "integration/persistence/test_rescue_sql.py::test_jobs_that_were_beside_a_deadly_one_are_not_claimed_with_it_again"
        ],
    ),
    Mutation(
        "the master process of a",
        "the check of the parent process in `heartbeat.py`",
        [Change("middleware/execution/heartbeat.py", "elif os.getppid() != self._parent:", "elif False:")],
        [f"{KILLED}::test_a_worker_whose_master_was_killed_ends_itself"],
    ),
    Mutation(
        "a group gets TERM, as",
        "the return of messages that were fetched and not started",
        [
            Change(
                "middleware/execution/shutdown.py",
                "            worker.consumers[queue].requeue_messages(messages)",
                "            pass",
            )
        ],
        [
            "integration/workers/test_consumer.py::test_what_was_handed_to_the_threads_and_not_begun_is_given_back_when_the_worker_stops"
        ],
    ),
    Mutation(
        "a group gets TERM, as",
        "the same in the consumer",
        [Change("middleware/transport/consumer.py", "        self.requeue(self._buffer.fetched)\n")],
        ["integration/workers/test_consumer.py::test_closing_sends_the_last_acks_and_gives_back_what_was_not_begun"],
    ),
    Mutation(
        "a group gets TERM, as",
        "the end of fetching",
        [
            Change(
                "middleware/execution/shutdown.py", "        broker.is_stopping = True  # type: ignore[attr-defined]\n"
            )
        ],
        [
            "integration/workers/test_consumer.py::test_what_was_handed_to_the_threads_and_not_begun_is_given_back_when_the_worker_stops"
        ],
    ),
    Mutation(
        "a group gets TERM, as",
        "the release of jobs that still run",
        [Change("middleware/execution/shutdown.py", "                self._release(job)\n")],
        [f"{KILLED}::test_a_job_that_outlives_the_time_of_a_shutdown_is_given_back_by_the_worker_itself"],
    ),
    Mutation(
        "a group gets TERM, as",
        "the time for running jobs to finish",
        [
            Change(
                "middleware/execution/shutdown.py",
                "        waiting: defaultdict",
                "        self.after_worker_shutdown(broker, worker)\n        waiting: defaultdict",
            )
        ],
        [f"{KILLED}::test_a_term_lets_running_jobs_finish_and_gives_the_rest_back"],
    ),
    Mutation(
        "a group gets TERM, as",
        "the wait for the last records",
        [Change("middleware/transport/consumer.py", "        self._claims.flush(FLUSH_S)\n")],
        [f"{CONSUMER}::test_closing_sends_the_last_acks_and_gives_back_what_was_not_begun"],
    ),
    Mutation(
        "a job is claimed and waits",
        "the attempt that `unclaim.sql` does not count",
        [
            Change(
                f"{SQL}/unclaim.sql",
                "attempt = jobs.attempt - (cancel_requested_at IS NULL)::integer",
                "attempt = jobs.attempt",
            )
        ],
        [
            f"{CLAIMS}::test_what_is_given_back_is_pending_at_once_and_is_not_begun",
            f"{CLAIMS}::test_a_stopping_worker_gives_back_what_waits_and_finishes_what_runs",
            f"{CLAIM}::test_a_job_that_is_given_back_is_as_if_it_had_not_been_claimed",
        ],
    ),
    Mutation(
        "… and its worker lives",
        "the claimed jobs in the list of leases",
        [Change("middleware/execution/claims.py", "            self._running.add(job)\n")],
        [f"{CLAIMS}::test_the_lease_of_a_job_that_waits_is_renewed"],
    ),
    Mutation(
        "… and its worker lives",
        "the return of what waits too long",
        [
            Change(
                "middleware/transport/consumer.py",
                "        self._claims.give_back(self._claims.waiting_for(MOST_WAIT_S if may_take else 0))\n",
            )
        ],
        [f"{CLAIMS}::test_what_waits_longer_than_a_second_is_given_back"],
    ),
    Mutation(
        "… and it is cancelled, or",
        "the look for a cancellation before the handler begins",
        [Change("middleware/execution/attempt.py", "            running.check()\n")],
        [f"{CLAIMS}::test_a_job_that_is_cancelled_while_it_waits_does_not_begin"],
    ),
    Mutation(
        "… and it is cancelled, or",
        "the difference between a job that waits and one that runs",
        [Change("middleware/execution/heartbeat.py", "            if job.has_thread:", "            if True:")],
        [f"{CLAIMS}::test_a_job_that_is_cancelled_and_given_back_counts_as_no_stuck_thread"],
    ),
    Mutation(
        "… and it is cancelled, or",
        "the look for a lost lease before the handler begins",
        [Change("middleware/execution/claims.py", "        if job.stopped_by is LeaseLost:", "        if False:")],
        [
            f"{CLAIMS}::test_a_job_that_is_rescued_while_it_waits_is_begun_by_its_next_claim_alone",
            f"{CLAIMS}::test_a_job_that_was_lost_while_it_waited_is_not_begun",
        ],
    ),
    Mutation(
        "… and it is cancelled, or",
        "the look for a cancellation before a child process is made",
        [
            Change(
                "middleware/execution/isolation.py",
                "    job.check()\n    ours, theirs",
                "    ours, theirs",
            )
        ],
        [f"{CLAIMS}::test_an_isolated_job_that_was_cancelled_while_it_waited_gets_no_child_process"],
    ),
    Mutation(
        "… and it is cancelled, given",
        "the number that a cancelled job keeps",
        [Change(f"{SQL}/unclaim.sql", " - (cancel_requested_at IS NULL)::integer", " - 1")],
        [f"{CLAIMS}::test_a_job_that_was_cancelled_while_it_waited_and_is_requeued_runs"],
    ),
    Mutation(
        "… and a thread begins it",
        "the removal of what a thread begins from what waits",
        [
            Change(
                "middleware/execution/claims.py",
                "        job = self._waiting.pop(dispatched, None)\n        if job is None:",
                "        job = self._waiting.get(dispatched)\n        if job is None:",
            )
        ],
        [f"{CLAIMS}::test_what_a_thread_has_begun_is_not_given_back"],
    ),
    Mutation(
        "… and a thread begins it",
        "the time of the claim in the guard of `unclaim.sql`",
        [Change(f"{SQL}/unclaim.sql", " AND jobs.started_at = claimed.started_at")],
        [f"{CLAIM}::test_what_is_given_back_late_is_not_taken_from_the_next_worker"],
    ),
    Mutation(
        "… and a thread begins it",
        "`status = 'running'` in `unclaim.sql`",
        [Change(f"{SQL}/unclaim.sql", "  AND jobs.status::text = 'running'\n")],
        [
            f"{CLAIM}::test_of_unclaim_and_rescue_at_once_the_first_decides",
            f"{CLAIM}::test_of_unclaim_and_record_at_once_the_first_decides",
        ],
    ),
    Mutation(
        "… and a thread begins it",
        "`SKIP LOCKED` in `renew.sql`",
        [Change(f"{SQL}/renew.sql", "FOR NO KEY UPDATE SKIP LOCKED", "FOR NO KEY UPDATE")],
        [f"{CLAIM}::test_of_unclaim_and_renewal_at_once_the_first_decides"],
    ),
    Mutation(
        "… and a thread begins it",
        "the state `cancelled` in `unclaim.sql`",
        [Change(f"{SQL}/unclaim.sql", "'pending' ELSE 'cancelled' END", "'pending' ELSE 'pending' END")],
        [f"{CLAIM}::test_of_unclaim_and_cancel_at_once_the_job_is_cancelled_in_any_order"],
    ),
    Mutation(
        "two processes have the same",
        "`status = 'queued'` in `claim_jobs.sql`",
        [NO_STATUS_AT_CLAIM],
        [
            f"{CLAIMS}::test_two_processes_with_the_same_message_run_its_job_once",
            f"{CLAIM}::test_of_a_claim_and_the_end_of_its_dispatch_at_once_one_wins",
        ],
    ),
    Mutation(
        "`kill -9` of a worker while",
        "the wait of a thread for room",
        [Change("middleware/execution/outbox.py", "        self._free.get()\n")],
        [
            f"{KILLED}::test_fewer_than_two_handlers_for_each_thread_run_again_when_a_worker_is_killed_before_their_records"
        ],
    ),
    Mutation(
        "… and the job type says `waits",
        "the wait for the record",
        [Change("middleware/execution/state.py", "                is_settled.wait()", "                pass")],
        [f"{LIFE}::test_a_thread_of_a_job_type_that_waits_for_its_record_begins_nothing_before"],
    ),
    Mutation(
        "a handler ended, and its",
        "the set of messages whose outcomes are not recorded",
        [
            Change(
                "middleware/transport/consumer.py", "        if id_ not in self._buffer.unrecorded:", "        if True:"
            )
        ],
        [f"{CONSUMER}::test_a_message_is_acked_when_its_outcome_is_recorded"],
    ),
    Mutation(
        "a group gets TERM twice",
        "`daemon` on the thread of the event loop",
        [Change("middleware/execution/async_handlers.py", "        thread.daemon = True\n")],
        [f"{KILLED}::test_a_second_term_ends_a_group_at_once_and_its_jobs_are_freed"],
    ),
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
