"""A handler in a process of its own; that process imports this module by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import trace


def where_am_i() -> str:
    """The span that is current here."""
    context = trace.get_current_span().get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def declare(job: Callable[..., Any]) -> None:
    job(isolation="process")(where_am_i)


if __name__ != "tests.traced_handlers" or __import__("multiprocessing").parent_process():
    from aeon_jobs import job

    declare(job)
