"""Batches, and long loops."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import FUNCTIONS, KILLED

WORKFLOWS_SQL = "integration/persistence/test_workflows_sql.py"
LOOP = f"{KILLED}::test_a_loop_whose_worker_is_killed_goes_on_from_its_cursor_and_its_batch_calls_back_once"
SETTLE = f"{FUNCTIONS}/settle_workflows.sql"

BATCHES = [
    Mutation(
        "`kill -9` of a worker in the middle of `iterate`",
        "the stored cursor",
        [
            Change(
                "middleware/execution/running.py",
                "            return executions.checkpoint(connection, self.id).get(name)",
                "            return None",
            )
        ],
        [LOOP],
    ),
    Mutation(
        "the last two jobs",
        "the deletion of changes that are added up, and the look whether it has ended before",
        [
            Change(
                SETTLE,
                "DELETE FROM workflow_changes WHERE workflow_id = ANY(held) RETURNING *",
                "SELECT * FROM workflow_changes WHERE workflow_id = ANY(held)",
            ),
            Change(SETTLE, "    WHERE has_ended AND callback", "    WHERE finished_at IS NOT NULL AND callback"),
        ],
        [f"{WORKFLOWS_SQL}::test_the_two_last_jobs_at_the_same_time_end_the_workflow_once"],
    ),
    Mutation(
        "a job adds a job",
        "the jobs that were added, from the count of the workflow",
        [Change(SETTLE, "w.total + sum(t.total) AS total", "w.total AS total")],
        [f"{WORKFLOWS_SQL}::test_a_job_that_ends_never_ends_the_workflow_before_the_one_that_it_added"],
    ),
]
