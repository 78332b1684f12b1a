"""PostgreSQL is down, crashes, or refuses."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import (
    CLAIM,
    CLAIMS,
    DISPATCHER_WITHOUT_POSTGRES,
    FUNCTIONS,
    MIGRATIONS,
    NO_CLAIM_TIME,
    POSTGRES,
    RECORD,
    SQL,
)

POOL = "integration/persistence/test_database_pool.py"

POSTGRES_FAILURES = [
    Mutation(
        "PostgreSQL is read-only",
        "error 25006 as transient",
        [
            Change("persistence/core/database.py", ', "25006")', ")"),
            Change("persistence/core/database.py", '"pgcode", None) == "25006"', '"pgcode", None) == ""'),
        ],
        ["faults/test_postgres_restarts.py::test_while_postgres_is_read_only_outcomes_wait_and_no_job_runs_twice"],
    ),
    Mutation(
        "the primary dies, and a standby",
        "the end of connections to a server that is read-only",
        [Change("persistence/core/database.py", '"pgcode", None) == "25006"', '"pgcode", None) == ""')],
        [f"{POOL}::test_a_server_that_became_read_only_is_left"],
    ),
    Mutation(
        "the primary dies, and a standby",
        "`target_session_attrs` of addresses with several hosts",
        [Change("persistence/core/addresses.py", '"target_session_attrs=read-write"', '"target_session_attrs=any"')],
        [f"{POOL}::test_of_several_hosts_the_one_that_is_there_and_can_be_written_to_is_used"],
    ),
    Mutation(
        "PostgreSQL crashes and restarts (`pg_ctl -m immediate`)",
        "the dispatcher's handling of PostgreSQL errors",
        [DISPATCHER_WITHOUT_POSTGRES],
        [f"{POSTGRES}::test_a_crash_of_postgres_amid_hundreds_of_jobs_loses_and_doubles_no_record"],
    ),
    Mutation(
        "PostgreSQL is down when handlers",
        "the retries of a record",
        [
            Change(
                "middleware/execution/recorder.py",
                "won = self._with_retries(statement, stop_never)",
                "won = self._with_retries(statement, stop_after_delay(0))",
            )
        ],
        [f"{POSTGRES}::test_a_handler_that_ends_while_postgres_is_away_is_recorded_first_and_acked_then"],
    ),
    Mutation(
        "PostgreSQL is down, and a",
        "the limit of the wait for the last records",
        [Change("middleware/transport/consumer.py", "FLUSH_S = 5\n", "FLUSH_S = 60\n")],
        [f"{POSTGRES}::test_a_term_while_postgres_is_away_ends_the_process_and_its_jobs_come_back"],
    ),
    Mutation(
        "PostgreSQL is down, and a",
        "the end of a record's retries at shutdown",
        [Change("middleware/execution/shutdown.py", "        self._recorder.gave_up.set()\n")],
        [f"{POSTGRES}::test_a_term_while_postgres_is_away_ends_the_process_and_its_jobs_come_back"],
    ),
    Mutation(
        "PostgreSQL comes back after all",
        "the wait of `rescue` and `silent`",
        [
            Change(
                "middleware/dispatch/upkeep.py",
                "        return time.monotonic() < self._blind_until",
                "        return False",
            )
        ],
        [
            "integration/workers/test_upkeep.py::test_after_an_outage_of_postgres_live_workers_have_two_heartbeats_to_renew"
        ],
    ),
    Mutation(
        "PostgreSQL crashes while a dispatcher",
        "the dispatcher's handling of PostgreSQL errors",
        [DISPATCHER_WITHOUT_POSTGRES],
        [f"{POSTGRES}::test_a_dispatcher_and_a_scheduler_outlive_a_crash_of_postgres"],
    ),
    Mutation(
        "a crash of PostgreSQL removes",
        "the time of the claim in the guard of `record_jobs.sql`",
        [NO_CLAIM_TIME],
        [
            f"{POSTGRES}::test_an_attempt_whose_claim_a_crash_removed_cannot_record_for_the_next_one",
            f"{POSTGRES}::test_a_dispatch_and_a_claim_that_a_crash_removed_are_made_again_under_the_same_numbers_and_recorded_once",
        ],
    ),
    Mutation(
        "a crash of PostgreSQL removes",
        "the ack of a message that is void",
        [
            Change(
                "middleware/transport/consumer.py",
                "                self._buffer.done.add(id_)\n            elif",
                "                pass\n            elif",
            )
        ],
        [
            f"{POSTGRES}::test_jobs_whose_dispatch_a_crash_removed_are_dispatched_again_though_their_messages_are_in_redis"
        ],
    ),
    Mutation(
        "a crash of PostgreSQL removes",
        "the look for the attempt itself before it is forgotten",
        [
            Change(
                "middleware/execution/running.py",
                "            if self._jobs.get((job.id, job.attempt)) is job:",
                "            if True:",
            )
        ],
        [f"{CLAIMS}::test_the_end_of_a_claim_that_a_crash_removed_leaves_the_next_one_of_that_number"],
    ),
    Mutation(
        "a deadlock, or a serialization",
        "error class 40 as transient, and the second try with each outcome alone",
        [
            Change(
                "persistence/core/database.py",
                '("08", "40", "53", "57P", "55P03", "25006")',
                '("08", "53", "57P", "55P03", "25006")',
            ),
            Change(
                "middleware/execution/recorder.py",
                "            if len(ended) == 1:\n                raise",
                "            raise",
            ),
        ],
        [
            f"{POSTGRES}::test_a_record_that_is_the_victim_of_a_deadlock_is_made_again",
            f"{POSTGRES}::test_a_record_that_cannot_be_serialized_is_made_again",
        ],
    ),
    Mutation(
        "the reply to a record",
        'the answer "already recorded" of `supersede.sql`',
        [Change(f"{SQL}/supersede.sql", "FROM verdicts WHERE recorded_before", "FROM verdicts WHERE false")],
        [f"{RECORD}::test_recording_again_when_the_reply_was_lost_changes_nothing_and_says_won"],
    ),
    Mutation(
        "the reply to a claim",
        "the query for earlier claims of this worker",
        [Change("middleware/execution/recorder.py", "            if is_repeated:", "            if False:")],
        ["integration/workers/test_recorder.py::test_a_claim_whose_reply_was_lost_is_still_ours"],
    ),
    Mutation(
        "the reply to a claim",
        "the removal of jobs that threads already have from its answer",
        [Change("middleware/execution/recorder.py", " if (job.id, job.attempt) not in held}", "}")],
        ["integration/workers/test_recorder.py::test_a_repeated_claim_leaves_a_thread_what_it_has"],
    ),
    Mutation(
        "PostgreSQL is down at a claim",
        "the end of a claim's retries without an error",
        [
            Change(
                "middleware/execution/claims.py", "            return {}\n        for", "            raise\n        for"
            )
        ],
        [f"{CLAIMS}::test_a_claim_that_postgres_does_not_hear_makes_its_messages_void"],
    ),
    Mutation(
        "PostgreSQL is down when claimed",
        "the list of what is to be given back later",
        [Change("middleware/execution/claims.py", "            self._unreturned = jobs\n")],
        [f"{CLAIMS}::test_what_postgres_does_not_take_back_is_renewed_not_begun_and_given_back_later"],
    ),
    Mutation(
        "PostgreSQL refuses one outcome",
        "the second try with each outcome alone",
        [
            Change(
                "middleware/execution/recorder.py",
                "            return [self._record_alone(entry) for entry in ended]",
                "            raise",
            )
        ],
        ["integration/workers/test_recorder.py::test_a_record_that_postgres_refuses_does_not_sink_the_others"],
    ),
    Mutation(
        "a pooler in transaction mode",
        "the limit of `synchronous_commit` to the transaction",
        [Change(f"{FUNCTIONS}/claim_jobs.sql", "'off', true)", "'off', false)")],
        [f"{CLAIM}::test_a_claim_leaves_its_session_as_it_was"],
    ),
    Mutation(
        "a release changes a function",
        "the comparison of checksums",
        [
            Change(
                "persistence/core/migrate.py",
                "if marks.get(function.name) != function.mark]",
                "if function.name not in marks]",
            )
        ],
        [f"{MIGRATIONS}::test_a_function_that_changed_is_made_anew_and_the_others_are_left_alone"],
    ),
    Mutation(
        "another program has a table",
        "the look at functions before the first change",
        [
            Change(
                "persistence/core/migrate.py",
                "    _marks(connection, schema)\n    if _has_metadata",
                "    if _has_metadata",
            )
        ],
        [f"{MIGRATIONS}::test_a_function_of_somebody_else_is_refused_by_name_and_nothing_is_touched"],
    ),
    Mutation(
        "one of our statements does",
        "the statement timeout",
        [
            Change(
                "persistence/core/database.py",
                "    return text(_limits(limit_ms, lock_ms) + path + sql)",
                "    return text(path + sql)",
            )
        ],
        [
            "integration/persistence/test_database_pool.py::test_a_statement_of_ours_is_given_the_time_that_is_set_and_leaves_the_session_its_own"
        ],
    ),
    Mutation(
        "PostgreSQL is down when the",
        "the response to a transient error",
        [Change("api/http/errors.py", "    if is_transient(error):", "    if False:")],
        ["integration/api/test_api_errors.py::test_a_database_that_is_away_is_503_and_says_when_to_come_back"],
    ),
    Mutation(
        "ten processes migrate at once",
        "the lock",
        [
            Change(
                "persistence/core/migrate.py",
                '        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})\n',
            )
        ],
        ["integration/persistence/test_migrations.py::test_ten_processes_that_start_at_once_migrate_once"],
    ),
    Mutation(
        "another program has a table",
        "the check for existing objects",
        [Change("persistence/core/migrate.py", "    if names := list(taken):", "    if names := list(taken) and []:")],
        [
            "integration/persistence/test_migrations.py::test_an_object_of_a_name_that_we_need_is_refused_by_name_and_nothing_is_touched"
        ],
    ),
    Mutation(
        "… and the role's `search_path`",
        "the `search_path` of a statement",
        [
            Change(
                "persistence/core/database.py",
                "    return text(_limits(limit_ms, lock_ms) + path + sql)",
                "    return text(_limits(limit_ms, lock_ms) + sql)",
            )
        ],
        [
            "integration/persistence/test_own_schema.py::test_a_role_that_finds_somebody_elses_jobs_first_uses_ours_all_the_same"
        ],
    ),
]
