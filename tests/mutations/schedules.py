"""Schedules: due times, missed ones, overlap, backfill, declarations."""

from __future__ import annotations

from tests.mutate import Change, Mutation

TIMETABLE = "persistence/schedules/timetable.py"
POLICY = "persistence/schedules/policy.py"
SCHEDULES_SQL = "integration/persistence/test_schedules.py"

SCHEDULES = [
    Mutation(
        "a clock changes",
        "the moment of the jump, for a time that the clock leaves out",
        [Change(TIMETABLE, "    return _change(due - jump, due, zone)", "    return due")],
        [
            "unit/persistence/test_timetable_oracle.py::test_a_schedule_is_due_when_the_clock_on_the_wall_says_so",
            "integration/persistence/test_schedule_year.py"
            "::test_each_due_time_is_run_once_by_the_first_tick_through_both_changes_of_the_clock",
        ],
    ),
    Mutation(
        "all schedulers are away",
        "the window of the catch-up",
        [Change(POLICY, "first if window is None else now - max(window, ON_TIME)", "first")],
        [
            "unit/persistence/test_schedule_policies.py"
            "::test_an_outage_of_three_hours_is_caught_up_with_as_policy_and_window_say"
        ],
    ),
    Mutation(
        "a run is due while",
        "the look at earlier runs",
        [Change(POLICY, 'if not live or overlap == "allow_all":', "if True:")],
        [f"{SCHEDULES_SQL}::test_what_becomes_of_a_run_while_an_earlier_one_is_not_over"],
    ),
    Mutation(
        "a backfill is made twice",
        "the look at runs that are decided",
        [
            Change(
                "persistence/schedules/runs.py",
                "    if _is_decided(connection, schedule, due_at, origin):",
                "    if False:",
            )
        ],
        [f"{SCHEDULES_SQL}::test_a_second_backfill_changes_nothing_and_what_ran_does_not_run_again"],
    ),
    Mutation(
        "an operator has edited",
        "the look at what the code said before",
        [Change("persistence/schedules/declared.py", " and stored[name] == before.get(name)]", "]")],
        [
            "integration/workers/test_declared_schedules.py"
            "::test_a_change_in_the_code_is_taken_but_not_over_an_edit_or_a_pause"
        ],
    ),
]
