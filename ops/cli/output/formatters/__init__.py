"""How things look on a terminal: one function per view, one module per noun."""

from aeon_jobs.ops.cli.output.formatters.archive import archive_run, archive_status
from aeon_jobs.ops.cli.output.formatters.bulk_changes import bulk_change, bulk_change_list
from aeon_jobs.ops.cli.output.formatters.database import system_report
from aeon_jobs.ops.cli.output.formatters.dead_letters import dead_letter, dead_letter_list, failure_groups
from aeon_jobs.ops.cli.output.formatters.history import history
from aeon_jobs.ops.cli.output.formatters.job_logs import log_lines
from aeon_jobs.ops.cli.output.formatters.jobs import batch, event, explanation, job, job_list
from aeon_jobs.ops.cli.output.formatters.overview import overview
from aeon_jobs.ops.cli.output.formatters.schedules import schedule, schedule_list, schedule_runs
from aeon_jobs.ops.cli.output.formatters.statistics import depths, statistics
from aeon_jobs.ops.cli.output.formatters.system import (
    audit_list,
    job_type,
    key_list,
    key_usage,
    queue_list,
    type_limits,
    type_list,
    worker_list,
)
from aeon_jobs.ops.cli.output.formatters.workflows import workflow, workflow_list, workflow_tree

__all__ = [
    "archive_run",
    "archive_status",
    "audit_list",
    "batch",
    "bulk_change",
    "bulk_change_list",
    "dead_letter",
    "dead_letter_list",
    "depths",
    "event",
    "explanation",
    "failure_groups",
    "history",
    "job",
    "job_list",
    "job_type",
    "key_list",
    "key_usage",
    "log_lines",
    "overview",
    "queue_list",
    "schedule",
    "schedule_list",
    "schedule_runs",
    "statistics",
    "system_report",
    "type_limits",
    "type_list",
    "worker_list",
    "workflow",
    "workflow_list",
    "workflow_tree",
]
