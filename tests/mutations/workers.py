"""Workers that die, freeze, start and stop."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import (
    CLAIM,
    CLAIMS,
    CONSUMER,
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
        "`kill -9` of a whole",
        "the wait of the consumer for the registration",
        [Change("middleware/transport/consumer.py", "self._source.is_registered and ")],
        [f"{CONSUMER}::test_a_worker_fetches_nothing_before_it_is_registered"],
    ),
    Mutation(
        "`kill -9` of a whole",
        "the same in the heartbeat: it says so before it is",
        [
            Change(
                "middleware/execution/heartbeat.py",
                "        broker.is_registered = False  # type",
                "        broker.is_registered = True  # type",
            )
        ],
        [
            "integration/workers/test_registration.py::test_a_job_waits_for_the_registration_and_an_ordinary_message_does_not"
        ],
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
]
