"""Schedules: rules by which jobs are submitted.

timetable     a rule becomes due times; pure
policy        what happens to missed due times, and while an earlier run is not over; pure
definitions   what a schedule is, and the rules that it must keep
repository    the rows: list, create, change, delete
runs          one run: its row, its job, its place behind earlier runs
    history       runs, as people and handlers see them
tick          due schedules become runs, and move on
backfill      runs of a past span
declared      schedules that code declares
"""
