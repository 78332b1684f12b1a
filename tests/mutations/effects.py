"""Transactions, idempotency keys, priorities."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import DISPATCH, FUNCTIONS, LIFE, SEPARATE_RECORD, TRANSACTION, UNIQUE_KEY

EFFECTS = [
    Mutation(
        "a job is sent in",
        "the use of the caller's connection",
        [
            Change(
                "middleware/transport/submission.py",
                "with self._connection(session, in_transaction=bool(new.depends_on)) as connection:",
                "with self._connection(None, in_transaction=bool(new.depends_on)) as connection:",
            )
        ],
        [f"{LIFE}::test_a_job_sent_in_a_session_that_rolls_back_never_was"],
    ),
    Mutation(
        "a job is sent twice",
        "the unique index on idempotency keys",
        [UNIQUE_KEY],
        ["integration/persistence/test_submit.py::test_many_submissions_with_one_key_make_one_job"],
    ),
    Mutation(
        "a job is sent twice",
        "the comparison of payloads",
        [Change("persistence/queue/inserts.py", "            if not holder.same_payload:", "            if False:")],
        ["integration/persistence/test_submit.py::test_a_key_with_another_payload_is_a_conflict"],
    ),
    Mutation(
        "a handler writes in `transaction()`",
        "the record in the handler's transaction (it gets its own transaction)",
        [SEPARATE_RECORD],
        [f"{TRANSACTION}::test_a_commit_that_fails_completes_nothing"],
    ),
    Mutation(
        "a handler writes in `transaction()`",
        "the commit",
        [
            Change(
                "persistence/core/database.py",
                "                with connection.begin():\n                    yield connection",
                "                yield connection\n                connection.rollback()",
            )
        ],
        [f"{TRANSACTION}::test_writes_and_completion_commit_together"],
    ),
    Mutation(
        "… and ends after it",
        "the look whether the handler has recorded its end",
        [Change("middleware/execution/state.py", "        if job.is_recorded:", "        if False:")],
        [f"{TRANSACTION}::test_what_the_handlers_transaction_completed_is_not_recorded_again"],
    ),
    Mutation(
        "… and another worker has",
        "`LeaseLost` when the record changes no row",
        [
            Change(
                "middleware/execution/running.py", "                    raise LeaseLost\n", "                    pass\n"
            )
        ],
        [f"{TRANSACTION}::test_a_job_that_was_taken_away_keeps_none_of_its_writes"],
    ),
    Mutation(
        "… and the job is",
        "the transaction",
        [
            Change(
                "persistence/core/database.py",
                "            raw.autocommit = False",
                "            raw.autocommit = True",
            )
        ],
        [f"{TRANSACTION}::test_a_cancelled_job_keeps_none_of_its_writes"],
    ),
    Mutation(
        "… and the job is",
        "the check for a cancellation at the end of the block",
        [
            Change(
                "middleware/execution/running.py",
                "                session.flush()\n            self.check()\n",
                "                session.flush()\n",
            )
        ],
        [f"{TRANSACTION}::test_a_cancelled_job_whose_handler_does_not_listen_keeps_none_of_its_writes"],
    ),
    Mutation(
        "… and sends jobs in",
        "our schema during a submission in the caller's transaction",
        [
            Change(
                "persistence/core/database.py",
                """    return f'"{schema}".{name}' if schema else name""",
                "    return name",
            )
        ],
        [
            "integration/persistence/test_own_schema.py::test_a_handler_writes_its_tables_and_sends_jobs_in_the_one_transaction_of_its_completion"
        ],
    ),
    Mutation(
        "jobs have priorities",
        "`priority DESC` in `dispatch_jobs.sql`",
        [
            Change(
                f"{FUNCTIONS}/dispatch_jobs.sql",
                "ORDER BY priority DESC, seq LIMIT s.share",
                "ORDER BY seq LIMIT s.share",
            ),
            Change(
                f"{FUNCTIONS}/dispatch_jobs.sql",
                "ORDER BY priority DESC, seq LIMIT only_free",
                "ORDER BY seq LIMIT only_free",
            ),
        ],
        [f"{LIFE}::test_jobs_start_in_priority_order_but_for_a_window"],
    ),
    Mutation(
        "jobs have priorities",
        "the order of job types by their first jobs",
        [Change(f"{FUNCTIONS}/dispatch_jobs.sql", "ORDER BY p.priority DESC, p.seq)", "ORDER BY p.seq)")],
        [f"{DISPATCH}::test_priority_holds_over_very_many_job_types_of_which_each_has_a_backlog"],
    ),
    Mutation(
        "jobs have priorities",
        "the count of each job type's share",
        [
            Change(
                f"{FUNCTIONS}/dispatch_jobs.sql",
                "PARTITION BY lane ORDER BY priority DESC, seq",
                "PARTITION BY lane ORDER BY seq",
            )
        ],
        [f"{DISPATCH}::test_priority_holds_over_all_job_types_of_a_lane"],
    ),
]
