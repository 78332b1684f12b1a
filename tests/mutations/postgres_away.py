"""PostgreSQL is away, crashes, refuses."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.places import DISPATCHER_WITHOUT_POSTGRES, NO_MOMENT, POSTGRES, RECORD, SQL

IN_POSTGRES = [
    Mutation(
        "crashed and restarted",
        "the dispatcher's going on after an error of PostgreSQL",
        [DISPATCHER_WITHOUT_POSTGRES],
        [f"{POSTGRES}::test_a_crash_of_postgres_amid_hundreds_of_jobs_loses_and_doubles_no_record"],
    ),
    Mutation(
        "away while handlers end",
        "the patience of a record",
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
        "away, and a worker is told to stop",
        "the end of a record's patience",
        [Change("middleware/execution/shutdown.py", "        self._recorder.gave_up.set()\n")],
        [f"{POSTGRES}::test_a_term_while_postgres_is_away_ends_the_process_and_its_jobs_come_back"],
    ),
    Mutation(
        "back after an outage",
        "the wait of rescue and silent",
        [
            Change(
                "middleware/dispatch/upkeep.py",
                "        return time.monotonic() < self._blind_until",
                "        return False",
            )
        ],
        [
            "integration/workers/test_upkeep.py::test_after_an_outage_of_postgres_the_living_get_two_heartbeats_to_speak_first"
        ],
    ),
    Mutation(
        "crashed under dispatcher and scheduler",
        "the dispatcher's going on after an error of PostgreSQL",
        [DISPATCHER_WITHOUT_POSTGRES],
        [f"{POSTGRES}::test_a_dispatcher_and_a_scheduler_outlive_a_crash_of_postgres"],
    ),
    Mutation(
        "takes a claim back in a crash",
        "the moment of the claim from the guard of `record.sql`",
        [NO_MOMENT],
        [f"{POSTGRES}::test_a_claim_that_a_crash_took_back_leaves_no_key_to_the_next_one"],
    ),
    Mutation(
        "deadlock, serialization failure",
        "class 40 from the errors that pass, and the second try with each outcome alone",
        [
            Change(
                "persistence/core/database.py", '("08", "40", "53", "57P", "55P03")', '("08", "53", "57P", "55P03")'
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
        "the reply to a record is lost",
        "the answer of `supersede.sql` that it stands already",
        [Change(f"{SQL}/supersede.sql", "FROM verdicts WHERE recorded_before", "FROM verdicts WHERE false")],
        [f"{RECORD}::test_recording_again_when_the_reply_was_lost_changes_nothing_and_says_won"],
    ),
    Mutation(
        "the reply to a claim is lost",
        "the question for what was claimed before",
        [Change("middleware/execution/recorder.py", "            if is_repeated:", "            if False:")],
        ["integration/workers/test_recorder.py::test_a_claim_whose_reply_was_lost_is_still_ours"],
    ),
    Mutation(
        "the reply to a claim is lost",
        "what threads hold, from its answer",
        [Change("middleware/execution/recorder.py", " if (job.id, job.attempt) not in held}", "}")],
        ["integration/workers/test_recorder.py::test_a_repeated_claim_leaves_a_thread_what_it_has"],
    ),
    Mutation(
        "a statement of ours does not end",
        "the limit",
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
        "it is away while the API is asked",
        "the answer to an error that passes",
        [Change("api/errors.py", "    if is_transient(error):", "    if False:")],
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
        "a table of that name is somebody else's",
        "the look at what is there",
        [Change("persistence/core/migrate.py", "    if names := list(taken):", "    if names := list(taken) and []:")],
        [
            "integration/persistence/test_migrations.py::test_an_object_of_a_name_that_we_need_is_refused_by_name_and_nothing_is_touched"
        ],
    ),
    Mutation(
        "… and the role's search path",
        "the search path of a statement",
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
