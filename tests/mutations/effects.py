"""What is sent and written, and in which order."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.places import LIFE, RECORD_APART, SQL, TRANSACTION, UNIQUE_KEY

EFFECTS = [
    Mutation(
        "sent in a transaction",
        "the caller's connection",
        [
            Change(
                "middleware/transport/broker.py",
                "with self._connection(session, new) as connection:",
                "with self._connection(None, new) as connection:",
            )
        ],
        [f"{LIFE}::test_a_job_sent_in_a_session_that_rolls_back_never_was"],
    ),
    Mutation(
        "sent twice under one idempotency key",
        "the unique index",
        [UNIQUE_KEY],
        ["integration/persistence/test_submit.py::test_a_crowd_with_one_key_makes_one_job"],
    ),
    Mutation(
        "sent twice under one idempotency key",
        "the comparison of the payloads",
        [Change("persistence/queue/jobs.py", "            if not holder.same_payload:", "            if False:")],
        ["integration/persistence/test_submit.py::test_a_key_with_another_payload_is_a_conflict"],
    ),
    Mutation(
        "handler's writes exactly once",
        "the record within the handler's transaction (made beside it)",
        [RECORD_APART],
        [f"{TRANSACTION}::test_a_commit_that_fails_completes_nothing"],
    ),
    Mutation(
        "handler's writes exactly once",
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
        "… though the job was taken away",
        "`LeaseLost` for a record that changed nothing",
        [
            Change(
                "middleware/execution/running.py", "                    raise LeaseLost\n", "                    pass\n"
            )
        ],
        [f"{TRANSACTION}::test_a_job_that_was_taken_away_keeps_none_of_its_writes"],
    ),
    Mutation(
        "… or cancelled",
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
        "… or cancelled",
        "the check at the end of the block",
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
        "… and jobs sent in the same session",
        "our schema around a submission in somebody's transaction",
        [
            Change(
                "middleware/transport/broker.py",
                "        with borrowed(connection, self.database.schema):\n            yield connection",
                "        yield connection",
            )
        ],
        [
            "integration/persistence/test_own_schema.py::test_a_handler_writes_its_tables_and_sends_jobs_in_the_one_transaction_of_its_completion"
        ],
    ),
    Mutation(
        "priority",
        "`priority DESC` in `dispatch.sql`",
        [Change(f"{SQL}/dispatch.sql", "ORDER BY priority DESC, seq", "ORDER BY seq")],
        [f"{LIFE}::test_jobs_start_in_priority_order_but_for_a_window"],
    ),
]
