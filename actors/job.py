"""The `job` decorator under its first name; it lives in `aeon_jobs.middleware.job`, apart from the built-in job types."""

from __future__ import annotations

from aeon_jobs.middleware.actor import JobActor
from aeon_jobs.middleware.execution.running import CurrentJob, current_job
from aeon_jobs.middleware.job import broker, job

__all__ = ["CurrentJob", "JobActor", "broker", "current_job", "job"]
