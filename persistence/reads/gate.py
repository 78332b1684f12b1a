"""Why a job waits for the limits of its type. See `persistence.queue.limits`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row

from aeon_jobs.persistence.reads.reasons import Reason


def reasons(row: Row[Any]) -> list[Reason]:
    """The limits that leave no place; if none does, the jobs of its key that come first."""
    return [*_full(row), *_spent(row)] or [_before(row)]


def _full(row: Row[Any]) -> Iterator[Reason]:
    for name, held, whose in (
        ("running", row.type_holds, f"{row.job_type} jobs"),
        ("running_per_key", row.key_holds, _jobs_of_key(row)),
    ):
        most = (row.limits or {}).get(name)
        if most is not None and held >= most:
            message = f"waits for a limit: {held} of {most} {whose} run"
            yield Reason("limit_of_type", message, {"limit": name, "running": held, "most": most, "key": row.limit_key})


def _spent(row: Row[Any]) -> Iterator[Reason]:
    for name, tokens, age_s, whose in (
        ("starts", row.type_tokens, row.type_refilled_s, f"{row.job_type} jobs"),
        ("starts_per_key", row.key_tokens, row.key_refilled_s, _jobs_of_key(row)),
    ):
        rate = (row.limits or {}).get(name)
        if rate is None or tokens is None:
            continue
        per_s = rate["count"] * 1_000 / rate["period_ms"]
        wait_s = round((1 - tokens) / per_s - age_s, 1)
        if wait_s > 0:
            period = f"{rate['period_ms'] / 1_000:g} s"
            message = f"waits for a limit: {rate['count']} {whose} start in {period}, the next one in {wait_s:g} s"
            yield Reason("rate_of_type", message, {"limit": name, "wait_s": wait_s, "key": row.limit_key})


def _before(row: Row[Any]) -> Reason:
    count = f"{row.gated_before}" if row.gated_before < row.counted else f"at least {row.counted}"
    message = f"waits for its turn at the limits of {row.job_type}: {count} {_jobs_of_key(row)} come first"
    return Reason("waits_for_turn", message, {"ahead": row.gated_before, "key": row.limit_key})


def _jobs_of_key(row: Row[Any]) -> str:
    path = (row.limits or {}).get("key")
    return f"jobs with {path} = {row.limit_key}" if path else f"{row.job_type} jobs"
