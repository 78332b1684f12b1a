"""PostgreSQL is down, crashes, or refuses."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import DISPATCHER_WITHOUT_POSTGRES, NO_CLAIM_TIME, POSTGRES, RECORD, SQL

POSTGRES_FAILURES = [
    Mutation(
        "PostgreSQL is read-only",
        "error 25006 as transient",
        [Change("persistence/core/database.py", ', "25006")', ")")],
        ["faults/test_postgres_restarts.py::test_while_postgres_is_read_only_outcomes_wait_and_no_job_runs_twice"],
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
        "the time of the claim in the guard of `record.sql`",
        [NO_CLAIM_TIME],
        [f"{POSTGRES}::test_an_attempt_whose_claim_a_crash_removed_cannot_record_for_the_next_one"],
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
        "one of our statements does",
        "the statement timeout",
        [
            Change(
                "persistence/core/database.py",
                "    return text(limit + lock + path + sql)",
                "    return text(lock + path + sql)",
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
                "    return text(limit + lock + path + sql)",
                "    return text(limit + lock + sql)",
            )
        ],
        [
            "integration/persistence/test_own_schema.py::test_a_role_that_finds_somebody_elses_jobs_first_uses_ours_all_the_same"
        ],
    ),
]
