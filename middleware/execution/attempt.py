"""One attempt, in the thread of a worker: from the stored payload to the handler's result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.execution.isolation import run_isolated
from aeon_jobs.middleware.execution.retries import InvalidPayload
from aeon_jobs.middleware.execution.running import CurrentJob
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.core.stored_json import RULE, Cut

FORKED = 70
"""Exit status of a child that a handler forked and did not end: EX_SOFTWARE of sysexits.h."""


def run_attempt(
    definition: Definition, handler: Callable[..., Any], running: CurrentJob, payload: Mapping[str, Any]
) -> None:
    """Run `handler`; its result stands in `running` afterwards.

    Raises:
        InvalidPayload: the stored payload does not fit.
    """
    _refuse_cut(running)
    try:
        arguments = definition.arguments(payload)
    except InvalidJob as error:
        raise InvalidPayload(error.violations) from None
    result = _run(definition, handler, running, arguments)
    # Set by the handler itself, in a transaction, it stands.
    running.result = running.result if running.verdict else result


def _refuse_cut(running: CurrentJob) -> None:
    """What a plain INSERT stored, and Python cannot read as a whole."""
    assert running.claimed is not None
    for name in ("payload", "metadata"):
        if isinstance(getattr(running.claimed, name), Cut):
            raise InvalidPayload([Violation(name, RULE)])


def _run(definition: Definition, handler: Callable[..., Any], running: CurrentJob, arguments: dict[str, Any]) -> Any:
    if definition.isolation == "process":
        return run_isolated(definition, running)
    worker = os.getpid()
    try:
        with running.gate:
            running.check()
            return handler(**arguments)
    finally:
        if os.getpid() != worker:
            # The handler called os.fork, and this is the child: it must not go on as a worker, on the parent's connections.
            os._exit(FORKED)
