"""Shell completion of what the system knows: ids, job types, queues, schedules. An error completes to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING

import typer

from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.output.console import Output
from aeon_jobs.ops.cli.output.values import first_line

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobsApi, JobSummary

Found = list[tuple[str, str]]
"""Values, and a word about each."""
MOST = 50
WORDS = 60
"""Characters about a value."""


def _completer(look_up: Callable[[JobsApi, str], Iterable[tuple[str, str]]]) -> Callable[[typer.Context, str], Found]:
    def complete(ctx: typer.Context, incomplete: str) -> Found:
        try:
            with redirect_stderr(StringIO()), Context(Output(as_json=True), ctx.params.get("api")) as context:
                found = look_up(context.jobs, incomplete)
                matching = [(value, first_line(about, WORDS)) for value, about in found if value.startswith(incomplete)]
                return matching[:MOST]
        except Exception:  # noqa: BLE001 - the shell has no place for an error
            return []

    return complete


@_completer
def job_ids(jobs: JobsApi, incomplete: str) -> Iterable[tuple[str, str]]:
    found: Iterable[JobSummary]
    found = jobs.find(incomplete) if len(incomplete.replace("-", "")) >= 4 else jobs.page(limit=MOST).items
    return [(str(job.job_id), f"{job.job_type} {job.status}") for job in found]


@_completer
def job_types(jobs: JobsApi, incomplete: str) -> Iterable[tuple[str, str]]:
    return [(found.name, found.description) for found in jobs.job_types()]


@_completer
def queues(jobs: JobsApi, incomplete: str) -> Iterable[tuple[str, str]]:
    return [(found.name, f"{found.ready} ready") for found in jobs.queues()]


@_completer
def schedules(jobs: JobsApi, incomplete: str) -> Iterable[tuple[str, str]]:
    return [(found.name, found.cron) for found in jobs.schedules()]


@_completer
def workers(jobs: JobsApi, incomplete: str) -> Iterable[tuple[str, str]]:
    return [(found.id, f"{found.kind} {found.state}") for found in jobs.workers()]


@_completer
def keys(jobs: JobsApi, incomplete: str) -> Iterable[tuple[str, str]]:
    return [(found.id, found.name) for found in jobs.api_keys() if found.revoked_at is None]


@_completer
def dead_letters(jobs: JobsApi, incomplete: str) -> Iterable[tuple[str, str]]:
    found = jobs.dead_letter_page(limit=MOST).items
    return [(str(entry.id), f"{entry.job_type} {entry.reason}") for entry in found]
