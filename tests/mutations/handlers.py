"""Handlers that fail, do not stop, or are cancelled."""

from __future__ import annotations

from tests.mutate import Change, Mutation
from tests.mutations.shared import FUNCTIONS, ISOLATED, KILLED, LIFE

HANDLERS = [
    Mutation(
        "runs longer than its timeout",
        "the interrupt at the deadline",
        [
            Change(
                "middleware/execution/deadline.py",
                "        job.interrupt(JobStalled if stalled_at < job.deadline_at else JobTimedOut)\n",
            )
        ],
        [f"{LIFE}::test_a_handler_that_runs_too_long_is_interrupted_and_retried"],
    ),
    Mutation(
        "does not react, because it",
        "the end of an attempt without its handler",
        [
            Change(
                "middleware/execution/deadline.py",
                "        if job.verdict is not None:\n            return",
                "        return",
            )
        ],
        [f"{KILLED}::test_a_stuck_thread_is_settled_and_stops_nobody_else"],
    ),
    Mutation(
        "… while another outcome cannot",
        "the extra thread for this record",
        [
            Change(
                "middleware/execution/deadline.py",
                '        Thread(target=settle, args=(self._recorder, job), name="aeon-abandon", daemon=True).start()',
                "        settle(self._recorder, job)",
            )
        ],
        [
            "integration/workers/test_stuck_handlers.py::test_deadlines_hold_while_the_outcome_of_another_cannot_be_recorded"
        ],
    ),
    Mutation(
        "… and it is async",
        "the check of the event loop",
        [Change("middleware/execution/heartbeat.py", "        elif self._is_loop_lost():", "        elif False:")],
        [
            "integration/workers/test_stuck_handlers.py::test_a_process_whose_event_loop_is_blocked_ends_when_the_attempt_that_blocks_it_is_over_and_not_before"
        ],
    ),
    Mutation(
        "… and it is async",
        "the wait for the attempt that blocks the event loop",
        [
            Change(
                "middleware/execution/heartbeat.py",
                "        return all(job.begun_at > since for job in self._running.in_threads())",
                "        return True",
            )
        ],
        [
            "integration/workers/test_stuck_handlers.py::test_a_process_whose_event_loop_is_blocked_ends_when_the_attempt_that_blocks_it_is_over_and_not_before"
        ],
    ),
    Mutation(
        "all threads of a process",
        "the check for blocked threads in `heartbeat.py`",
        [
            Change(
                "middleware/execution/heartbeat.py",
                "elif len(self._deadline.stuck) >= self._worker.worker_threads and not self._recorder.unrecorded:",
                "elif False:",
            )
        ],
        [f"{KILLED}::test_a_process_whose_threads_are_all_stuck_is_replaced"],
    ),
    Mutation(
        "is an endless C loop",
        "the kill of the child process",
        [
            Change(
                "middleware/execution/isolation.py",
                "        _kill_group(child)\n        ours.close()",
                "        ours.close()",
            )
        ],
        [f"{ISOLATED}::test_an_endless_c_loop_that_ignores_signals_is_killed"],
    ),
    Mutation(
        "starts processes of its own",
        "the kill of the process group and of all descendants",
        [
            Change("middleware/execution/isolation.py", "        os.killpg(child.pid, signal.SIGKILL)", "        pass"),
            Change(
                "middleware/execution/isolation.py",
                "            process.kill()\n    child.join(5)",
                "            pass\n    child.join(5)",
            ),
        ],
        [f"{ISOLATED}::test_its_own_children_die_with_it"],
    ),
    Mutation(
        "starts processes of its own",
        "the signal that ends the child when its parent dies",
        [Change("middleware/execution/isolation.py", "    _die_with_parent()\n    for", "    for")],
        [f"{ISOLATED}::test_a_worker_killed_with_minus_nine_takes_its_isolated_children_along"],
    ),
    Mutation(
        "crashes its child process",
        "the outcome for a child process that died",
        [
            Change(
                "middleware/execution/isolation.py",
                "    except EOFError:\n        child.join(1)\n        raise ChildDied(_cause(child)) from None",
                "    except MemoryError:\n        raise",
            )
        ],
        [f"{ISOLATED}::test_a_crash_in_the_child_is_a_failed_attempt_and_no_more"],
    ),
    Mutation(
        "is cancelled while it runs",
        "the check for cancel flags in Redis",
        [Change("middleware/execution/cancellation.py", "            if flagged:", "            if False:")],
        [f"{LIFE}::test_a_running_job_is_cancelled_through_the_flag"],
    ),
    Mutation(
        "is cancelled while it runs",
        "the check of `cancel_requested` in a renewal",
        [
            Change(
                "middleware/execution/heartbeat.py", "            if renewal.cancel_requested:", "            if False:"
            )
        ],
        [f"{LIFE}::test_a_running_job_is_cancelled_by_the_next_renewal_when_redis_carries_no_flag"],
    ),
    Mutation(
        "… was cancelled, and then",
        "the deletion of the cancel flag",
        [
            Change(
                "middleware/execution/claims.py",
                "                self._hints.lower_cancel_flag(entry.id)",
                "                pass",
            )
        ],
        [f"{LIFE}::test_a_cancel_flag_from_before_a_requeue_does_not_cancel_the_job"],
    ),
    Mutation(
        "is async, and its cleanup",
        "the search for the cause behind Dramatiq's own error",
        [
            Change(
                "middleware/execution/retries.py",
                "_safely(definition, job, _told(exception))",
                "_safely(definition, job, exception)",
            )
        ],
        [f"{LIFE}::test_an_async_handler_that_takes_long_to_clean_up_ends_as_what_stopped_it"],
    ),
    Mutation(
        "does not react to its",
        "the end of an attempt without its handler",
        [Change("middleware/execution/heartbeat.py", "            self._deadline.see_to(job)\n")],
        [f"{KILLED}::test_a_handler_that_ignores_its_cancellation_loses_its_job"],
    ),
    Mutation(
        "fails, and has retries left",
        "the growth of the backoff",
        [Change("persistence/queue/states.py", "self.base_ms * self.multiplier ** min(retry - 1, 64)", "self.base_ms")],
        ["unit/persistence/test_states.py::test_by_default_retries_wait_1_2_4_8_16_seconds"],
    ),
    Mutation(
        "fails, and has retries left",
        "`retry_after` of an error",
        [
            Change(
                "middleware/execution/retries.py",
                "error.retry_after if isinstance(error, TransientError) else None",
                "None",
            )
        ],
        [f"{LIFE}::test_the_time_that_the_other_side_names_is_respected"],
    ),
    Mutation(
        "fails for good",
        "the dead letter in `record_jobs.sql`",
        [
            Change(
                f"{FUNCTIONS}/record_jobs.sql", "WHERE reason IS NOT NULL AND new_status", "WHERE false AND new_status"
            )
        ],
        [
            f"{LIFE}::test_an_exhausted_job_is_dead_lettered_with_its_error_and_history",
            f"{LIFE}::test_a_permanent_error_is_dead_lettered_at_once",
        ],
    ),
    Mutation(
        "fails for good",
        "the classification of errors as permanent",
        [Change("middleware/execution/retries.py", '        return "permanent"\n', "        return None\n")],
        [f"{LIFE}::test_a_permanent_error_is_dead_lettered_at_once"],
    ),
    Mutation(
        "forks, and does not end",
        "the end of a forked child",
        [Change("middleware/execution/attempt.py", "            os._exit(FORKED)", "            pass")],
        [f"{LIFE}::test_a_child_that_a_handler_forks_and_does_not_end_is_no_second_worker"],
    ),
    Mutation(
        "the payload does not match",
        "the outcome `invalid_payload`",
        [Change("middleware/execution/retries.py", '        return "invalid_payload"\n', "        return None\n")],
        [f"{LIFE}::test_a_payload_inserted_by_hand_that_does_not_fit_is_dead_lettered"],
    ),
]
