"""Workflows: steps that wait for each other."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import CRASHES, FUNCTIONS, SQL

GRAPHS = "integration/persistence/test_graphs.py"
PIPELINES = "integration/workers/test_workflows.py"
MIGRATION = "persistence/core/migrations/0015_graph.up.sql"
QUEUE = "persistence/queue/graphs.py"

ROW_BY_ROW = Change(f"{FUNCTIONS}/record_jobs.sql", "\nSET aeon_jobs.releases_jobs = 'on'")

WORKFLOWS = [
    Mutation(
        "many parents of a step end",
        "the release of what waits for a whole group (the trigger does it, job by job)",
        [ROW_BY_ROW],
        [f"{GRAPHS}::test_a_record_updates_a_child_once_however_many_of_its_parents_it_has"],
    ),
    Mutation(
        "two groups of parents",
        "the release of what waits for a whole group (the trigger does it, job by job)",
        [ROW_BY_ROW],
        [f"{GRAPHS}::test_groups_whose_parents_share_children_crosswise_do_not_deadlock"],
    ),
    Mutation(
        "two groups of parents",
        "the order of locks (it is another one)",
        [
            Change(f"{FUNCTIONS}/release_dependents.sql", "ORDER BY child.id FOR", "ORDER BY child.id DESC FOR"),
            Change(f"{FUNCTIONS}/release_dependents.sql", "ORDER BY id FOR", "ORDER BY id DESC FOR"),
        ],
        [f"{GRAPHS}::test_a_group_locks_its_children_in_the_order_of_their_ids"],
    ),
    Mutation(
        "a running step adds",
        "the edges from the steps that wait for the running one",
        [Change(QUEUE, "own + [(join.id, job.id, join.on_failure) for join in joins for job in jobs.values()]", "own")],
        [f"{GRAPHS}::test_the_join_of_a_running_step_waits_for_what_it_adds_also_for_what_is_added_later"],
    ),
    Mutation(
        "a worker that has lost",
        "the look at the attempt",
        [Change(f"{SQL}/lock_running_step.sql", " AND attempt = :attempt AND status = 'running'")],
        [f"{GRAPHS}::test_only_the_attempt_that_runs_adds_steps_and_none_that_wait_for_their_own_join"],
    ),
    Mutation(
        "a signal comes",
        "the look at a signal that has come",
        [Change(f"{FUNCTIONS}/decide_hold.sql", "hold.kind = 'signal' AND hold.signalled_at IS NOT NULL", "false")],
        [f"{GRAPHS}::test_a_signal_completes_the_step_that_waits_for_it_also_if_it_came_first"],
    ),
    Mutation(
        "a signal does not come",
        "the task `holds`",
        [Change(f"{FUNCTIONS}/release_holds.sql", "WHERE due_at <= now()", "WHERE false AND due_at <= now()")],
        [f"{GRAPHS}::test_a_signal_that_does_not_come_in_time_cancels_its_step_and_a_timer_completes_its_own"],
    ),
    Mutation(
        "a failed or cancelled workflow",
        "the look at who cancelled a step",
        [Change(f"{FUNCTIONS}/retry_workflow.sql", "j.cancel_requested_at >= w.cancel_requested_at", "true")],
        [f"{GRAPHS}::test_a_retry_brings_back_what_failed_and_what_was_cancelled_because_of_it"],
    ),
    Mutation(
        "a failed or cancelled workflow",
        "the new decision of a step that begins anew",
        [Change(MIGRATION, "due_at = NULL WHERE job_id = NEW.id;", "due_at = NULL WHERE false;")],
        [f"{GRAPHS}::test_a_workflow_that_was_cancelled_begins_anew_where_it_stood"],
    ),
    Mutation(
        "a dispatcher cancels",
        "the look at the workflow in the statement that cancels its jobs",
        [Change(f"{SQL}/cancel_workflow_jobs.sql", " AND w.cancel_requested_at IS NOT NULL")],
        [f"{GRAPHS}::test_a_dispatcher_that_saw_the_cancellation_before_a_retry_cancels_nothing_after_it"],
    ),
    Mutation(
        "a pipeline of Dramatiq",
        "the results that become arguments",
        [Change(f"{FUNCTIONS}/decide_hold.sql", ", payload = payload || arguments")],
        [f"{PIPELINES}::test_a_pipeline_of_dramatiq_passes_results_and_finds_its_own"],
    ),
    Mutation(
        "a worker, in the middle of a workflow",
        "the look at steps that were added before",
        [Change(QUEUE, "fresh = [step for step in steps if step.name not in there]", "fresh = list(steps)")],
        [f"{CRASHES}::test_a_worker_that_dies_in_a_workflow_leaves_its_steps_to_the_next"],
    ),
]
