"""What a service gets from `from aeon_jobs import …`, and what it does not have to load for that."""

from __future__ import annotations

import os
import subprocess
import sys

import aeon_jobs

PRODUCER = """
import sys
sys.modules["opentelemetry"] = None  # an extra; where it is installed, redis loads it, and with it psutil

from aeon_jobs import Backoff, Retry, current_job, job

@job(queue="orders", backoff=Backoff.constant(1))
def order(number: int, language: str = "en") -> int:
    return number

@job
async def mail(to: str) -> None: ...

print(*sorted(sys.modules))
"""
BARE = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from aeon_jobs.actors import data_processing, email_notification, webhook_delivery
from aeon_jobs.actors import job
print(email_notification.message(to="a@example.com", subject="s", body="b").job_id)
"""
EXTRAS = ["periodiq", "pendulum", "psutil", "httpx", "httpcore", "polars", "litestar", "uvicorn", "msgspec", "rich"]
EXTRAS += ["typer", "prometheus_client"]

HEAVY = {
    "sqlalchemy",
    "psycopg2",
    "sqlmodel",
    "jsonschema",
    "structlog",
    "tenacity",
    "cronsim",
    "periodiq",
    "pendulum",
    "psutil",
    "prometheus_client",
    "litestar",
    "uvicorn",
    "msgspec",
    "httpx",
    "httpcore",
    "polars",
    "typer",
    "rich",
    "multiprocessing.forkserver",
    "aeon_jobs.actors",
    "aeon_jobs.persistence.core.spans",
    "aeon_jobs.api",
    "aeon_jobs.ops",
    "aeon_jobs.middleware.stack",
    "aeon_jobs.middleware.dispatch",
}


def _environment() -> dict[str, str]:
    given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**given, "DATABASE_URL": "postgresql://me:x@db:5432/mine", "REDIS_URL": "redis://cache:6379/1"}


def test_declaring_job_types_loads_nothing_that_only_workers_need(tmp_path):
    """Half a second and 90 MB, once, for every process of a service that sends a job now and then."""
    done = subprocess.run(
        [sys.executable, "-c", PRODUCER], capture_output=True, text=True, check=True, cwd=tmp_path, env=_environment()
    )
    loaded = set(done.stdout.split())
    assert "dramatiq" in loaded
    assert loaded.intersection(HEAVY) == set()


def test_every_public_name_is_there_and_listed():
    for name in aeon_jobs.__all__:
        assert getattr(aeon_jobs, name) is not None
    assert sorted(aeon_jobs.__all__) == aeon_jobs.__all__
    assert set(aeon_jobs._HOMES) == set(aeon_jobs.__all__)


def test_the_built_in_job_types_can_be_sent_with_the_base_install_alone(tmp_path):
    """What only a worker or a server needs is not installed with it."""
    done = subprocess.run(
        [sys.executable, "-c", BARE, *EXTRAS], capture_output=True, text=True, cwd=tmp_path, env=_environment()
    )
    assert done.returncode == 0, done.stderr
