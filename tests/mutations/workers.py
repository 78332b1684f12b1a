"""Workers die, freeze, come and go."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.places import (
    DISPATCH,
    KILLED,
    LIFE,
    NO_ATTEMPT,
    NO_KEEPING,
    NO_MOMENT,
    NO_REAPING,
    NO_RESCUE,
    NO_SILENCE,
    NO_SKIPPING_IN_RESCUE,
    NO_STATUS,
    RECORD,
    SQL,
    UNIQUE_MOMENT,
)

WORKERS = [
    Mutation(
        "`kill -9` of worker processes",
        "the rescue of running jobs",
        [NO_RESCUE],
        [f"{KILLED}::test_killing_a_worker_process_amid_two_thousand_jobs_loses_and_doubles_nothing"],
    ),
    Mutation(
        "`kill -9` of a whole group",
        "the burial of dead processes",
        [NO_REAPING],
        [f"{KILLED}::test_interrupted_jobs_run_again_at_once_after_a_restart"],
    ),
    Mutation(
        "a worker in another container",
        "`lease_expires_at < now()` in `rescue.sql`",
        [Change(f"{SQL}/rescue.sql", "(:expired AND lease_expires_at < now()) OR ")],
        [f"{KILLED}::test_a_thawed_zombie_changes_nothing"],
    ),
    Mutation(
        "a worker in another container",
        "`mark_silent.sql`",
        [Change(f"{SQL}/mark_silent.sql", "WHERE last_seen_at", "WHERE false AND last_seen_at")],
        ["integration/persistence/test_workers_sql.py::test_whoever_falls_silent_is_lost"],
    ),
    Mutation(
        "a worker in another container",
        "taking back what the silent had fetched",
        [NO_SILENCE],
        ["integration/workers/test_upkeep.py::test_what_a_silent_process_had_fetched_is_dispatched_anew"],
    ),
    Mutation(
        "it comes back",
        "the attempt, and the moment of its claim, from the guard of `record.sql`",
        [NO_ATTEMPT, NO_MOMENT],
        [f"{RECORD}::test_a_zombie_changes_nothing_and_its_outcome_is_kept_as_superseded"],
    ),
    Mutation(
        "it comes back",
        "all three guards of `record.sql`: attempt, moment, status",
        [NO_ATTEMPT, NO_MOMENT, NO_STATUS],
        [f"{KILLED}::test_a_thawed_zombie_changes_nothing"],
    ),
    Mutation(
        "it comes back",
        "the line that `supersede.sql` keeps",
        [NO_KEEPING],
        [
            f"{KILLED}::test_a_thawed_zombie_changes_nothing",
            f"{RECORD}::test_a_zombie_changes_nothing_and_its_outcome_is_kept_as_superseded",
        ],
    ),
    Mutation(
        "rescue, renewal, cancel and record",
        "`status = 'running'` in `record.sql`",
        [NO_STATUS],
        [f"{RECORD}::test_of_rescue_and_record_at_once_the_first_decides"],
    ),
    Mutation(
        "rescue, renewal, cancel and record",
        "`SKIP LOCKED` in `rescue.sql`",
        [NO_SKIPPING_IN_RESCUE],
        [
            f"{RECORD}::test_of_rescue_and_record_at_once_the_first_decides",
            f"{RECORD}::test_of_renewal_and_rescue_at_once_the_first_decides",
        ],
    ),
    Mutation(
        "rescue, renewal, cancel and record",
        "the states that `cancel.sql` expects",
        [Change(f"{SQL}/cancel.sql", " AND status IN ('pending', 'queued', 'running')")],
        [f"{RECORD}::test_of_cancel_and_record_at_once_the_first_decides"],
    ),
    Mutation(
        "a job kills every worker",
        "the bound on deaths",
        [Change("middleware/dispatch/upkeep.py", "max_deaths=settings.job_max_worker_deaths", "max_deaths=1_000")],
        [f"{KILLED}::test_a_job_that_kills_its_workers_is_dead_lettered_as_poison"],
    ),
    Mutation(
        "the master of a group is killed",
        "the look at the parent in `heartbeat.py`",
        [Change("middleware/execution/heartbeat.py", "elif os.getppid() != self._parent:", "elif False:")],
        [f"{KILLED}::test_a_worker_whose_master_was_killed_ends_itself"],
    ),
    Mutation(
        "TERM, as in a deploy",
        "giving back what was fetched and not begun",
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
        "TERM, as in a deploy",
        "the same in the consumer",
        [
            Change(
                "middleware/transport/consumer.py", "            self.requeue(self._buffer.fetched)", "            pass"
            )
        ],
        ["integration/workers/test_consumer.py::test_closing_tells_the_last_acks_and_gives_back_what_was_not_begun"],
    ),
    Mutation(
        "TERM, as in a deploy",
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
        "TERM, as in a deploy",
        "the release of what still runs",
        [Change("middleware/execution/shutdown.py", "                self._release(job)\n")],
        [f"{KILLED}::test_a_job_that_outlives_the_time_of_a_shutdown_is_given_back_by_the_worker_itself"],
    ),
    Mutation(
        "TERM, as in a deploy",
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
        "TERM twice, Ctrl-C twice",
        "the event loop's not holding the process",
        [Change("middleware/execution/async_handlers.py", "        thread.daemon = True\n")],
        [f"{KILLED}::test_a_second_term_ends_a_group_at_once_and_its_jobs_are_freed"],
    ),
    Mutation(
        "a deploy brings a new job type",
        "the introduction of a type by whoever sends it",
        [Change("middleware/transport/broker.py", "        self._introduce(definition)\n")],
        [f"{LIFE}::test_a_job_type_that_was_sent_before_any_worker_knows_it_waits_for_one"],
    ),
    Mutation(
        "a rolling restart, and only",
        "passing on what is registered",
        [
            Change(
                "middleware/transport/unknown_types.py",
                "                if dispatch.pass_on(connection, found):",
                "                if False:",
            )
        ],
        [f"{LIFE}::test_a_registered_type_that_a_worker_does_not_know_is_left_to_one_that_does"],
    ),
    Mutation(
        "a rolling restart, and only",
        "`pass_on.sql`",
        [Change(f"{SQL}/pass_on.sql", "WHERE id = :id", "WHERE false AND id = :id")],
        [f"{DISPATCH}::test_a_dispatch_is_passed_on_while_its_type_is_registered_by_whomever"],
    ),
    Mutation(
        "a worker serves many queues",
        "what is held, from the room that is left",
        [
            Change(
                "middleware/transport/prefetch.py", "limit - len(self._held) - self._reserved", "limit - self._reserved"
            )
        ],
        [
            "integration/workers/test_consumer.py::test_a_process_holds_no_more_than_its_threads_can_begin_however_many_queues_it_serves"
        ],
    ),
    Mutation(
        "no dispatcher runs",
        "a worker's taking of the role",
        [
            Change(
                "middleware/dispatch/role.py",
                "self._take() if self._is_needed() else self._give_back()",
                "self._give_back()",
            )
        ],
        [f"{KILLED}::test_a_bare_group_runs_jobs_that_psql_inserted"],
    ),
    Mutation(
        "a dispatcher process comes",
        "giving the role back",
        [
            Change(
                "middleware/dispatch/role.py",
                "        return not any(dedicated or id_ < self._registration.id for id_, dedicated in others)",
                "        return True",
            )
        ],
        [f"{KILLED}::test_the_role_goes_to_a_dispatcher_process_and_comes_back_when_that_dies"],
    ),
    Mutation(
        "a dispatcher process comes",
        "taking it again",
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
        "two dispatchers, any number",
        "`FOR UPDATE SKIP LOCKED` in `dispatch.sql`",
        [Change(f"{SQL}/dispatch.sql", "        FOR UPDATE SKIP LOCKED\n")],
        [
            f"{DISPATCH}::test_two_dispatchers_at_once_never_take_the_same_job",
            f"{DISPATCH}::test_a_crowd_of_dispatchers_takes_every_job_once",
        ],
    ),
    Mutation(
        "… and a limit on a queue",
        "the lock on a queue's row in `dispatch.sql`",
        [Change(f"{SQL}/dispatch.sql", "    ORDER BY name FOR NO KEY UPDATE SKIP LOCKED\n")],
        [f"{DISPATCH}::test_two_dispatchers_at_once_keep_to_the_limit_of_a_queue"],
    ),
    Mutation(
        "a queue is paused",
        "taking back what is queued",
        [Change("persistence/queue/queues.py", '    run(connection, "queue/take_back_queue", {"name": name})\n')],
        [
            f"{DISPATCH}::test_what_is_queued_when_its_queue_is_paused_is_taken_back_and_what_runs_goes_on",
            f"{DISPATCH}::test_a_pause_waits_for_a_dispatch_under_way_and_takes_it_back",
        ],
    ),
    Mutation(
        "two schedulers",
        "the lock on due schedules, and the uniqueness of a schedule's moment",
        [Change(f"{SQL}/due_schedules.sql", " FOR UPDATE SKIP LOCKED"), UNIQUE_MOMENT],
        ["integration/persistence/test_schedules.py::test_a_crowd_of_tickers_runs_each_moment_once"],
    ),
    Mutation(
        "two schedulers",
        "the policies `all` and `none`",
        [
            Change("persistence/queue/schedules.py", '    if catch_up == "all":', "    if False:"),
            Change("persistence/queue/schedules.py", 'is_wanted = catch_up == "last" or', "is_wanted = True or"),
        ],
        ["integration/persistence/test_schedules.py::test_missed_moments_are_caught_up_with_by_policy"],
    ),
]
