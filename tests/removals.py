"""What `tests/taken_out.py` takes out."""

from __future__ import annotations

from tests.taken_out import Change, Removal

SQL = "persistence/sql"
FIRST_MIGRATION = "persistence/migrations/0001_foundation.up.sql"
KILLED = "faults/test_killed_workers.py"
CRASHES = "faults/test_crash_points.py"
REDIS = "faults/test_disposable_redis.py"
POSTGRES = "faults/test_postgres_restarts.py"
ISOLATED = "faults/test_isolated_processes.py"
RECORD = "integration/test_claim_and_record.py"
DISPATCH = "integration/test_dispatch_sql.py"
LIFE = "integration/test_life_of_a_job.py"
TRANSACTION = "integration/test_transactional_completion.py"

NO_RESCUE = Change(f"{SQL}/rescue.sql", "WHERE status = 'running' AND ((:expired", "WHERE false AND ((:expired")
NO_BURIAL = Change("middleware/upkeep.py", "    if not dead:\n        return []", "    return []")
NO_SKIPPING_IN_RESCUE = Change(f"{SQL}/rescue.sql", "FOR UPDATE SKIP LOCKED", "FOR UPDATE")
NO_ATTEMPT = Change(f"{SQL}/record.sql", " AND jobs.attempt = v.attempt")
NO_MOMENT = Change(f"{SQL}/record.sql", "AND jobs.started_at = v.started_at")
NO_STATUS = Change(f"{SQL}/record.sql", " AND jobs.status::text = 'running'")
NO_KEEPING = Change(f"{SQL}/supersede.sql", "WHERE NOT is_known", "WHERE false")
NO_RECONCILING = Change("middleware/upkeep.py", "        if not waiting:\n            return", "        return")
NO_REFILL = Change("middleware/dispatcher.py", "        if not is_ours:", "        if False:")
NO_SILENCE = Change("middleware/upkeep.py", "        take_back_fetched(self._database, self._wire, self._silent)\n")
NO_TAKING_BACK = Change("middleware/upkeep.py", "        if peer.broker_id is None:", "        if True:")
IMPATIENT_DISPATCHER = Change(
    "middleware/dispatcher.py",
    "except Exception as error:",
    "except SQLAlchemyError as error:",
)
DISPATCHER_WITHOUT_POSTGRES = Change(
    "middleware/dispatcher.py",
    "except Exception as error:",
    "except redis.RedisError as error:",
)
UNIQUE_MOMENT = Change(FIRST_MIGRATION, "CREATE UNIQUE INDEX jobs_schedule_idx", "CREATE INDEX jobs_schedule_idx")
UNIQUE_KEY = Change(FIRST_MIGRATION, "CREATE UNIQUE INDEX jobs_idempotency_idx", "CREATE INDEX jobs_idempotency_idx")
RECORD_APART = Change(
    "middleware/running.py",
    "self._ledger.record_in(connection, Ended.of(self.claimed, verdict))",
    "self._ledger.record(Ended.of(self.claimed, verdict))",
)

WORKERS = [
    Removal(
        "`kill -9` of worker processes",
        "the rescue of running jobs",
        [NO_RESCUE],
        [f"{KILLED}::test_killing_a_worker_process_amid_two_thousand_jobs_loses_and_doubles_nothing"],
    ),
    Removal(
        "`kill -9` of a whole group",
        "the burial of dead processes",
        [NO_BURIAL],
        [f"{KILLED}::test_interrupted_jobs_run_again_at_once_after_a_restart"],
    ),
    Removal(
        "a worker in another container",
        "`lease_expires_at < now()` in `rescue.sql`",
        [Change(f"{SQL}/rescue.sql", "(:expired AND lease_expires_at < now()) OR ")],
        [f"{KILLED}::test_a_thawed_zombie_changes_nothing"],
    ),
    Removal(
        "a worker in another container",
        "`mark_silent.sql`",
        [Change(f"{SQL}/mark_silent.sql", "WHERE last_seen_at", "WHERE false AND last_seen_at")],
        ["integration/test_workers_sql.py::test_whoever_falls_silent_is_lost"],
    ),
    Removal(
        "a worker in another container",
        "taking back what the silent had fetched",
        [NO_SILENCE],
        ["integration/test_upkeep.py::test_what_a_silent_process_had_fetched_is_dispatched_anew"],
    ),
    Removal(
        "it comes back",
        "the attempt, and the moment of its claim, from the guard of `record.sql`",
        [NO_ATTEMPT, NO_MOMENT],
        [f"{RECORD}::test_a_zombie_changes_nothing_and_its_outcome_is_kept_as_superseded"],
    ),
    Removal(
        "it comes back",
        "all three guards of `record.sql`: attempt, moment, status",
        [NO_ATTEMPT, NO_MOMENT, NO_STATUS],
        [f"{KILLED}::test_a_thawed_zombie_changes_nothing"],
    ),
    Removal(
        "it comes back",
        "the line that `supersede.sql` keeps",
        [NO_KEEPING],
        [
            f"{KILLED}::test_a_thawed_zombie_changes_nothing",
            f"{RECORD}::test_a_zombie_changes_nothing_and_its_outcome_is_kept_as_superseded",
        ],
    ),
    Removal(
        "rescue, renewal, cancel and record",
        "`status = 'running'` in `record.sql`",
        [NO_STATUS],
        [f"{RECORD}::test_of_rescue_and_record_at_once_the_first_decides"],
    ),
    Removal(
        "rescue, renewal, cancel and record",
        "`SKIP LOCKED` in `rescue.sql`",
        [NO_SKIPPING_IN_RESCUE],
        [
            f"{RECORD}::test_of_rescue_and_record_at_once_the_first_decides",
            f"{RECORD}::test_of_renewal_and_rescue_at_once_the_first_decides",
        ],
    ),
    Removal(
        "rescue, renewal, cancel and record",
        "the states that `cancel.sql` expects",
        [Change(f"{SQL}/cancel.sql", " AND status IN ('pending', 'queued', 'running')")],
        [f"{RECORD}::test_of_cancel_and_record_at_once_the_first_decides"],
    ),
    Removal(
        "a job kills every worker",
        "the bound on deaths",
        [Change("middleware/upkeep.py", "max_deaths=settings.job_max_worker_deaths", "max_deaths=1_000")],
        [f"{KILLED}::test_a_job_that_kills_its_workers_is_dead_lettered_as_poison"],
    ),
    Removal(
        "the master of a group is killed",
        "the look at the parent in `heartbeat.py`",
        [Change("middleware/heartbeat.py", "elif os.getppid() != self._parent:", "elif False:")],
        [f"{KILLED}::test_a_worker_whose_master_was_killed_ends_itself"],
    ),
    Removal(
        "TERM, as in a deploy",
        "giving back what was fetched and not begun",
        [
            Change(
                "middleware/shutdown.py",
                "            worker.consumers[queue].requeue_messages(messages)",
                "            pass",
            )
        ],
        [
            "integration/test_consumer.py::test_what_was_handed_to_the_threads_and_not_begun_is_given_back_when_the_worker_stops"
        ],
    ),
    Removal(
        "TERM, as in a deploy",
        "the same in the consumer",
        [Change("middleware/consumer.py", "            self.requeue(self._inbox.fetched)", "            pass")],
        ["integration/test_consumer.py::test_closing_tells_the_last_acks_and_gives_back_what_was_not_begun"],
    ),
    Removal(
        "TERM, as in a deploy",
        "the end of fetching",
        [Change("middleware/shutdown.py", "        broker.is_stopping = True  # type: ignore[attr-defined]\n")],
        [
            "integration/test_consumer.py::test_what_was_handed_to_the_threads_and_not_begun_is_given_back_when_the_worker_stops"
        ],
    ),
    Removal(
        "TERM, as in a deploy",
        "the release of what still runs",
        [Change("middleware/shutdown.py", "                self._release(job)\n")],
        [f"{KILLED}::test_a_job_that_outlives_the_time_of_a_shutdown_is_given_back_by_the_worker_itself"],
    ),
    Removal(
        "TERM, as in a deploy",
        "the time for running jobs to finish",
        [
            Change(
                "middleware/shutdown.py",
                "        waiting: defaultdict",
                "        self.after_worker_shutdown(broker, worker)\n        waiting: defaultdict",
            )
        ],
        [f"{KILLED}::test_a_term_lets_running_jobs_finish_and_gives_the_rest_back"],
    ),
    Removal(
        "TERM twice, Ctrl-C twice",
        "the event loop's not holding the process",
        [Change("middleware/async_handlers.py", "        thread.daemon = True\n")],
        [f"{KILLED}::test_a_second_term_ends_a_group_at_once_and_its_jobs_are_freed"],
    ),
    Removal(
        "a deploy brings a new job type",
        "the introduction of a type by whoever sends it",
        [Change("middleware/broker.py", "        self._introduce(definition)\n")],
        [f"{LIFE}::test_a_job_type_that_was_sent_before_any_worker_knows_it_waits_for_one"],
    ),
    Removal(
        "a rolling restart, and only",
        "passing on what is registered",
        [
            Change(
                "middleware/guard.py",
                "                if dispatch.pass_on(connection, found):",
                "                if False:",
            )
        ],
        [f"{LIFE}::test_a_registered_type_that_a_worker_does_not_know_is_left_to_one_that_does"],
    ),
    Removal(
        "a rolling restart, and only",
        "`pass_on.sql`",
        [Change(f"{SQL}/pass_on.sql", "WHERE id = :id", "WHERE false AND id = :id")],
        [f"{DISPATCH}::test_a_dispatch_is_passed_on_while_its_type_is_registered_by_whomever"],
    ),
    Removal(
        "a worker serves many queues",
        "what is held, from the room that is left",
        [Change("middleware/inbox.py", "limit - len(self._held) - self._reserved", "limit - self._reserved")],
        [
            "integration/test_consumer.py::test_a_process_holds_no_more_than_its_threads_can_begin_however_many_queues_it_serves"
        ],
    ),
    Removal(
        "no dispatcher runs",
        "a worker's taking of the role",
        [Change("middleware/role.py", "self._take() if self._is_needed() else self._give_back()", "self._give_back()")],
        [f"{KILLED}::test_a_bare_group_runs_jobs_that_psql_inserted"],
    ),
    Removal(
        "a dispatcher process comes",
        "giving the role back",
        [
            Change(
                "middleware/role.py",
                "        return not any(dedicated or id_ < self._registration.id for id_, dedicated in others)",
                "        return True",
            )
        ],
        [f"{KILLED}::test_the_role_goes_to_a_dispatcher_process_and_comes_back_when_that_dies"],
    ),
    Removal(
        "a dispatcher process comes",
        "taking it again",
        [Change("middleware/role.py", "            self._dispatching = None\n            _log", "            _log")],
        [f"{KILLED}::test_the_role_goes_to_a_dispatcher_process_and_comes_back_when_that_dies"],
    ),
    Removal(
        "two dispatchers, any number",
        "`FOR UPDATE SKIP LOCKED` in `dispatch.sql`",
        [Change(f"{SQL}/dispatch.sql", "        FOR UPDATE SKIP LOCKED\n")],
        [
            f"{DISPATCH}::test_two_dispatchers_at_once_never_take_the_same_job",
            f"{DISPATCH}::test_a_crowd_of_dispatchers_takes_every_job_once",
        ],
    ),
    Removal(
        "… and a limit on a queue",
        "the lock on a queue's row in `dispatch.sql`",
        [Change(f"{SQL}/dispatch.sql", "    ORDER BY name FOR NO KEY UPDATE SKIP LOCKED\n")],
        [f"{DISPATCH}::test_two_dispatchers_at_once_keep_to_the_limit_of_a_queue"],
    ),
    Removal(
        "a queue is paused",
        "taking back what is queued",
        [Change("persistence/queues.py", '    run(connection, "take_back_queue", {"name": name})\n')],
        [
            f"{DISPATCH}::test_what_is_queued_when_its_queue_is_paused_is_taken_back_and_what_runs_goes_on",
            f"{DISPATCH}::test_a_pause_waits_for_a_dispatch_under_way_and_takes_it_back",
        ],
    ),
    Removal(
        "two schedulers",
        "the lock on due schedules, and the uniqueness of a schedule's moment",
        [Change(f"{SQL}/due_schedules.sql", " FOR UPDATE SKIP LOCKED"), UNIQUE_MOMENT],
        ["integration/test_schedules.py::test_a_crowd_of_tickers_runs_each_moment_once"],
    ),
    Removal(
        "two schedulers",
        "the policies `all` and `none`",
        [
            Change("persistence/schedules.py", '    if catch_up == "all":', "    if False:"),
            Change("persistence/schedules.py", 'is_wanted = catch_up == "last" or', "is_wanted = True or"),
        ],
        ["integration/test_schedules.py::test_missed_moments_are_caught_up_with_by_policy"],
    ),
]

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

IN_POSTGRES = [
    Removal(
        "crashed and restarted",
        "the dispatcher's going on after an error of PostgreSQL",
        [DISPATCHER_WITHOUT_POSTGRES],
        [f"{POSTGRES}::test_a_crash_of_postgres_amid_hundreds_of_jobs_loses_and_doubles_no_record"],
    ),
    Removal(
        "away while handlers end",
        "the patience of a record",
        [
            Change(
                "middleware/ledger.py",
                "won = self._patiently(statement, stop_never)",
                "won = self._patiently(statement, stop_after_delay(0))",
            )
        ],
        [f"{POSTGRES}::test_a_handler_that_ends_while_postgres_is_away_is_recorded_first_and_acked_then"],
    ),
    Removal(
        "away, and a worker is told to stop",
        "the end of a record's patience",
        [Change("middleware/shutdown.py", "        self._ledger.gave_up.set()\n")],
        [f"{POSTGRES}::test_a_term_while_postgres_is_away_ends_the_process_and_its_jobs_come_back"],
    ),
    Removal(
        "back after an outage",
        "the wait of rescue and silent",
        [Change("middleware/upkeep.py", "        return time.monotonic() < self._blind_until", "        return False")],
        ["integration/test_upkeep.py::test_after_an_outage_of_postgres_the_living_get_two_heartbeats_to_speak_first"],
    ),
    Removal(
        "crashed under dispatcher and scheduler",
        "the dispatcher's going on after an error of PostgreSQL",
        [DISPATCHER_WITHOUT_POSTGRES],
        [f"{POSTGRES}::test_a_dispatcher_and_a_scheduler_outlive_a_crash_of_postgres"],
    ),
    Removal(
        "takes a claim back in a crash",
        "the moment of the claim from the guard of `record.sql`",
        [NO_MOMENT],
        [f"{POSTGRES}::test_a_claim_that_a_crash_took_back_leaves_no_key_to_the_next_one"],
    ),
    Removal(
        "deadlock, serialization failure",
        "class 40 from the errors that pass",
        [Change("persistence/database.py", '("08", "40", "53", "57P", "55P03")', '("08", "53", "57P", "55P03")')],
        [
            f"{POSTGRES}::test_a_record_that_is_the_victim_of_a_deadlock_is_made_again",
            f"{POSTGRES}::test_a_record_that_cannot_be_serialized_is_made_again",
        ],
    ),
    Removal(
        "the reply to a record is lost",
        "the answer of `supersede.sql` that it stands already",
        [Change(f"{SQL}/supersede.sql", "FROM verdicts WHERE recorded_before", "FROM verdicts WHERE false")],
        [f"{RECORD}::test_recording_again_when_the_reply_was_lost_changes_nothing_and_says_won"],
    ),
    Removal(
        "the reply to a claim is lost",
        "the question for what was claimed before",
        [Change("middleware/ledger.py", "            if is_repeated:", "            if False:")],
        ["integration/test_ledger.py::test_a_claim_whose_reply_was_lost_is_still_ours"],
    ),
    Removal(
        "the reply to a claim is lost",
        "what threads hold, from its answer",
        [Change("middleware/ledger.py", " if (job.id, job.attempt) not in held}", "}")],
        ["integration/test_ledger.py::test_a_repeated_claim_leaves_a_thread_what_it_has"],
    ),
    Removal(
        "a statement of ours does not end",
        "the limit",
        [
            Change(
                "persistence/database.py",
                "    return text(limit + lock + path + sql)",
                "    return text(lock + path + sql)",
            )
        ],
        [
            "integration/test_database_pool.py::test_a_statement_of_ours_is_given_the_time_that_is_set_and_leaves_the_session_its_own"
        ],
    ),
    Removal(
        "it is away while the API is asked",
        "the answer to an error that passes",
        [Change("api/errors.py", "    if is_transient(error):", "    if False:")],
        ["integration/test_api_errors.py::test_a_database_that_is_away_is_503_and_says_when_to_come_back"],
    ),
    Removal(
        "ten processes migrate at once",
        "the lock",
        [
            Change(
                "persistence/migrate.py",
                '        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})\n',
            )
        ],
        ["integration/test_migrations.py::test_ten_processes_that_start_at_once_migrate_once"],
    ),
    Removal(
        "a table of that name is somebody else's",
        "the look at what is there",
        [Change("persistence/migrate.py", "    if names := list(taken):", "    if names := list(taken) and []:")],
        [
            "integration/test_migrations.py::test_an_object_of_a_name_that_we_need_is_refused_by_name_and_nothing_is_touched"
        ],
    ),
    Removal(
        "… and the role's search path",
        "the search path of a statement",
        [
            Change(
                "persistence/database.py",
                "    return text(limit + lock + path + sql)",
                "    return text(limit + lock + sql)",
            )
        ],
        ["integration/test_own_schema.py::test_a_role_that_finds_somebody_elses_jobs_first_uses_ours_all_the_same"],
    ),
]

HANDLERS = [
    Removal(
        "runs longer than its timeout",
        "the interrupt at the deadline",
        [Change("middleware/deadline.py", "        job.interrupt(JobTimedOut)\n")],
        [f"{LIFE}::test_a_handler_that_runs_too_long_is_interrupted_and_retried"],
    ),
    Removal(
        "ignores that (a blocking call)",
        "ending the attempt without its handler",
        [Change("middleware/deadline.py", "        if job.verdict is not None:\n            return", "        return")],
        [f"{KILLED}::test_a_stuck_thread_is_settled_and_stops_nobody_else"],
    ),
    Removal(
        "… while another outcome cannot",
        "the thread of its own",
        [
            Change(
                "middleware/deadline.py",
                '        Thread(target=settle, args=(self._ledger, job), name="aeon-abandon", daemon=True).start()',
                "        settle(self._ledger, job)",
            )
        ],
        ["integration/test_stuck_handlers.py::test_deadlines_hold_while_the_outcome_of_another_cannot_be_recorded"],
    ),
    Removal(
        "… and it is async, so that",
        "the pulse of the event loop",
        [Change("middleware/heartbeat.py", "        elif self._is_loop_lost():", "        elif False:")],
        [
            "integration/test_stuck_handlers.py::test_a_process_whose_event_loop_is_blocked_ends_when_the_attempt_that_blocks_it_is_over_and_not_before"
        ],
    ),
    Removal(
        "… and it is async, so that",
        "the wait for the attempt that blocks it",
        [
            Change(
                "middleware/heartbeat.py",
                "        return all(job.begun_at > since for job in self._running.every())",
                "        return True",
            )
        ],
        [
            "integration/test_stuck_handlers.py::test_a_process_whose_event_loop_is_blocked_ends_when_the_attempt_that_blocks_it_is_over_and_not_before"
        ],
    ),
    Removal(
        "all threads of a process are stuck",
        "the look at stuck threads in `heartbeat.py`",
        [
            Change(
                "middleware/heartbeat.py",
                "elif len(self._deadline.stuck) >= self._worker.worker_threads and not self._ledger.owes:",
                "elif False:",
            )
        ],
        [f"{KILLED}::test_a_process_whose_threads_are_all_stuck_is_replaced"],
    ),
    Removal(
        "an endless C loop",
        "the kill of the child",
        [Change("middleware/isolation.py", "        _kill_group(child)\n        ours.close()", "        ours.close()")],
        [f"{ISOLATED}::test_an_endless_c_loop_that_ignores_signals_is_killed"],
    ),
    Removal(
        "children of its own",
        "the kill of the group and of descendants",
        [
            Change("middleware/isolation.py", "        os.killpg(child.pid, signal.SIGKILL)", "        pass"),
            Change(
                "middleware/isolation.py",
                "            process.kill()\n    child.join(5)",
                "            pass\n    child.join(5)",
            ),
        ],
        [f"{ISOLATED}::test_its_own_children_die_with_it"],
    ),
    Removal(
        "children of its own",
        "the child's death with its parent",
        [Change("middleware/isolation.py", "    _die_with_parent()\n    for", "    for")],
        [f"{ISOLATED}::test_a_worker_killed_with_minus_nine_takes_its_isolated_children_along"],
    ),
    Removal(
        "crashes its process",
        "the answer for a child that died without one",
        [
            Change(
                "middleware/isolation.py",
                "    except EOFError:\n        child.join(1)\n        raise ChildDied(_cause(child)) from None",
                "    except MemoryError:\n        raise",
            )
        ],
        [f"{ISOLATED}::test_a_crash_in_the_child_is_a_failed_attempt_and_no_more"],
    ),
    Removal(
        "is cancelled while it runs",
        "the look for flags",
        [Change("middleware/cancellation.py", "            if flagged:", "            if False:")],
        [f"{LIFE}::test_a_running_job_is_cancelled_through_the_flag"],
    ),
    Removal(
        "is cancelled while it runs",
        "the look at the answer of a renewal",
        [Change("middleware/heartbeat.py", "            if renewal.cancel_requested:", "            if False:")],
        [f"{LIFE}::test_a_running_job_is_cancelled_by_the_next_renewal_when_redis_carries_no_flag"],
    ),
    Removal(
        "… and was cancelled in an earlier",
        "lowering the flag",
        [Change("middleware/state.py", "            self._hints.lower_cancel_flag(claimed.id)", "            pass")],
        [f"{LIFE}::test_a_flag_of_an_earlier_life_does_not_meet_the_next"],
    ),
    Removal(
        "is async, and cleans up",
        "the look behind dramatiq's own error",
        [
            Change(
                "middleware/retries.py",
                "_safely(definition, job, _told(exception))",
                "_safely(definition, job, exception)",
            )
        ],
        [f"{LIFE}::test_an_async_handler_that_takes_long_to_clean_up_ends_as_what_stopped_it"],
    ),
    Removal(
        "ignores the cancellation",
        "ending the attempt without its handler",
        [Change("middleware/heartbeat.py", "            self._deadline.see_to(job)\n")],
        [f"{KILLED}::test_a_handler_that_ignores_its_cancellation_loses_its_job"],
    ),
    Removal(
        "fails, with retries left",
        "the growth of the backoff",
        [Change("persistence/states.py", "self.base_ms * self.multiplier ** min(retry - 1, 64)", "self.base_ms")],
        ["unit/test_states.py::test_by_default_retries_wait_1_2_4_8_16_seconds"],
    ),
    Removal(
        "fails, with retries left",
        "the other side's wish",
        [Change("middleware/retries.py", "error.retry_after if isinstance(error, TransientError) else None", "None")],
        [f"{LIFE}::test_the_time_that_the_other_side_names_is_respected"],
    ),
    Removal(
        "fails for good",
        "the dead letter of `record.sql`",
        [Change(f"{SQL}/record.sql", "WHERE reason IS NOT NULL AND new_status", "WHERE false AND new_status")],
        [
            f"{LIFE}::test_an_exhausted_job_is_dead_lettered_with_its_evidence",
            f"{LIFE}::test_a_permanent_error_is_dead_lettered_at_once",
        ],
    ),
    Removal(
        "fails for good",
        "the sorting of errors",
        [Change("middleware/retries.py", '        return "permanent"\n', "        return None\n")],
        [f"{LIFE}::test_a_permanent_error_is_dead_lettered_at_once"],
    ),
    Removal(
        "nobody knows the job type",
        "the dead letter of the guard",
        [
            Change(
                "middleware/guard.py",
                'if dead_letters.bury(connection, found, "unknown_type", failure):',
                "if failure:",
            )
        ],
        [f"{LIFE}::test_a_job_type_that_nobody_knows_is_dead_lettered"],
    ),
    Removal(
        "nobody knows the job type",
        "the verdict on a payload that does not fit",
        [Change("middleware/retries.py", '        return "invalid_payload"\n', "        return None\n")],
        [f"{LIFE}::test_a_payload_inserted_by_hand_that_does_not_fit_is_dead_lettered"],
    ),
]

EFFECTS = [
    Removal(
        "sent in a transaction",
        "the caller's connection",
        [
            Change(
                "middleware/broker.py",
                "with self._connection(session, new) as connection:",
                "with self._connection(None, new) as connection:",
            )
        ],
        [f"{LIFE}::test_a_job_sent_in_a_session_that_rolls_back_never_was"],
    ),
    Removal(
        "sent twice under one idempotency key",
        "the unique index",
        [UNIQUE_KEY],
        ["integration/test_submit.py::test_a_crowd_with_one_key_makes_one_job"],
    ),
    Removal(
        "sent twice under one idempotency key",
        "the comparison of the payloads",
        [Change("persistence/jobs.py", "            if not holder.same_payload:", "            if False:")],
        ["integration/test_submit.py::test_a_key_with_another_payload_is_a_conflict"],
    ),
    Removal(
        "handler's writes exactly once",
        "the record within the handler's transaction (made beside it)",
        [RECORD_APART],
        [f"{TRANSACTION}::test_a_commit_that_fails_completes_nothing"],
    ),
    Removal(
        "handler's writes exactly once",
        "the commit",
        [
            Change(
                "persistence/database.py",
                "                with connection.begin():\n                    yield connection",
                "                yield connection\n                connection.rollback()",
            )
        ],
        [f"{TRANSACTION}::test_writes_and_completion_commit_together"],
    ),
    Removal(
        "… though the job was taken away",
        "`LeaseLost` for a record that changed nothing",
        [Change("middleware/running.py", "                    raise LeaseLost\n", "                    pass\n")],
        [f"{TRANSACTION}::test_a_job_that_was_taken_away_keeps_none_of_its_writes"],
    ),
    Removal(
        "… or cancelled",
        "the transaction",
        [Change("persistence/database.py", "            raw.autocommit = False", "            raw.autocommit = True")],
        [f"{TRANSACTION}::test_a_cancelled_job_keeps_none_of_its_writes"],
    ),
    Removal(
        "… or cancelled",
        "the check at the end of the block",
        [
            Change(
                "middleware/running.py",
                "                session.flush()\n            self.check()\n",
                "                session.flush()\n",
            )
        ],
        [f"{TRANSACTION}::test_a_cancelled_job_whose_handler_does_not_listen_keeps_none_of_its_writes"],
    ),
    Removal(
        "… and jobs sent in the same session",
        "our schema around a submission in somebody's transaction",
        [
            Change(
                "middleware/broker.py",
                "        with borrowed(connection, self.database.schema):\n            yield connection",
                "        yield connection",
            )
        ],
        [
            "integration/test_own_schema.py::test_a_handler_writes_its_tables_and_sends_jobs_in_the_one_transaction_of_its_completion"
        ],
    ),
    Removal(
        "priority",
        "`priority DESC` in `dispatch.sql`",
        [Change(f"{SQL}/dispatch.sql", "ORDER BY priority DESC, seq", "ORDER BY seq")],
        [f"{LIFE}::test_jobs_start_in_priority_order_but_for_a_window"],
    ),
]

BETWEEN = [
    Removal(
        "a dispatcher, before or after its push",
        "reconciling",
        [NO_RECONCILING],
        [f"{CRASHES}::test_a_dispatcher_that_dies_loses_and_doubles_nothing"],
    ),
    Removal(
        "a worker, after fetch, claim",
        "taking back what the dead had fetched",
        [NO_TAKING_BACK],
        [f"{CRASHES}::test_a_worker_that_dies_repeats_at_most_what_it_had_in_hand"],
    ),
    Removal(
        "a worker, after fetch, claim",
        "the rescue of running jobs",
        [NO_RESCUE],
        [f"{CRASHES}::test_a_worker_that_dies_repeats_at_most_what_it_had_in_hand"],
    ),
    Removal(
        "… around the commit of `transaction()`",
        "the record within the handler's transaction (made beside it)",
        [RECORD_APART],
        [f"{CRASHES}::test_a_transactional_handler_that_dies_has_its_effect_exactly_once"],
    ),
    Removal(
        "who frees a dead worker's jobs",
        "the order: the dead are marked first, not last",
        [
            Change(
                "middleware/upkeep.py",
                "    while rescue(database, settings, ids):\n",
                "    with database.connection() as connection:\n        buried = workers.mark_lost(connection, ids)\n"
                "    while rescue(database, settings, ids):\n",
            )
        ],
        [f"{CRASHES}::test_an_undertaker_that_dies_leaves_the_rest_to_the_next"],
    ),
    Removal(
        "a tick, half way",
        "the transaction around a tick (each job committed by itself)",
        [
            Change(
                "persistence/schedules.py",
                '            crash("schedule.submitted")',
                '            connection.commit()\n            crash("schedule.submitted")',
            )
        ],
        [f"{CRASHES}::test_a_tick_that_dies_half_way_makes_each_moment_one_job"],
    ),
    Removal(
        "a producer, before its commit",
        "the transaction around a submission with dependencies",
        [
            Change(
                "middleware/broker.py",
                "with self.database.transaction() if new.depends_on else self.database.connection() as connection:",
                "with self.database.connection() as connection:",
            )
        ],
        [f"{CRASHES}::test_a_producer_that_dies_before_its_commit_may_just_send_again"],
    ),
    Removal(
        "a producer, before its commit",
        "the unique index",
        [UNIQUE_KEY],
        [f"{CRASHES}::test_a_producer_that_dies_before_its_answer_may_just_send_again"],
    ),
]

REMOVALS = [*WORKERS, *IN_REDIS, *IN_POSTGRES, *HANDLERS, *EFFECTS, *BETWEEN]
