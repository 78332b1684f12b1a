"""What an operator has: a directory with compose.yaml, .env and secrets; and the platform's database beside it."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from aeon_jobs.ops.rehearsals.containers.engine import NETWORK, Engine
from aeon_jobs.ops.rehearsals.containers.report import check

DATABASE, PLATFORM = "aeon_saas_dev", "aeon-postgres-dev"
SECRETS = ("postgres_password", "redis_password", "alert_webhook_url", "grafana_password")
HANDLERS = "rehearsal_jobs"
OVERRIDE = f"""
services:
  worker:
    command: [worker, {HANDLERS}]
    environment:
      PYTHONPATH: /handlers
    volumes:
      - ./handlers:/handlers:ro
"""
HANDLER = '''
"""A service's own job type: it works for a tenth of a second."""

import time

from aeon_jobs import job


@job
def rehearsal(number: int) -> int:
    time.sleep(0.1)
    return number
'''


class Site:
    def __init__(self, engine: Engine, directory: Path) -> None:
        self.engine, self.directory = engine, directory
        (directory / "handlers").mkdir(parents=True)
        (directory / "handlers" / f"{HANDLERS}.py").write_text(HANDLER)
        (directory / "compose.override.yaml").write_text(OVERRIDE)
        (directory / "secrets").mkdir(mode=0o700)
        for name in SECRETS:
            (directory / "secrets" / name).write_text(secrets.token_hex(16))
            (directory / "secrets" / name).chmod(0o444)

    def use(self, source: Path, image: str, **settings: str) -> None:
        """As `git pull`, and new settings in .env."""
        shutil.copy(source / "compose.yaml", self.directory)
        shutil.rmtree(self.directory / "ops", ignore_errors=True)
        shutil.copytree(source / "ops", self.directory / "ops")
        lines = [f"{name}={value}" for name, value in {"AEON_JOBS_IMAGE": image, **settings}.items()]
        (self.directory / ".env").write_text("\n".join([*lines, ""]))

    def compose(self, *arguments: str) -> str:
        return self.engine.docker("compose", *arguments, cwd=self.directory)

    def up(self, *services: str) -> None:
        """Until everything is healthy."""
        self.compose("up", "--detach", "--wait", "--no-build", "--remove-orphans", *services)

    def states(self) -> list[dict[str, Any]]:
        """Every container: Service, State, Health, ExitCode."""
        return [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]

    def check_healthy(self) -> str:
        states = self.states()
        bad = [
            f"{state['Service']} is {state['State']} {state['Health']}"
            for state in states
            if state["Health"] not in ("healthy", "") or (state["State"] != "running" and state["ExitCode"] != 0)
        ]
        check(not bad, "; ".join(bad))
        return f"{sum(state['Health'] == 'healthy' for state in states)} containers are healthy"

    def workers(self) -> list[str]:
        return self.compose("ps", "--quiet", "worker").split()

    def scale(self, count: int) -> None:
        """And wait until that many are healthy."""
        self.compose(
            "up", "--detach", "--no-build", "--no-deps", "--no-recreate", "--scale", f"worker={count}", "worker"
        )
        self.wait_healthy(count)

    def wait_healthy(self, workers: int, timeout_s: float = 240) -> None:
        ends_at = time.monotonic() + timeout_s
        while True:
            states = [state["Health"] for state in self.states() if state["Service"] == "worker"]
            if states == ["healthy"] * workers:
                return
            check(time.monotonic() < ends_at, f"workers after {timeout_s} s: {states}")
            time.sleep(1)

    def smoke(self, *options: str, service: str = "api") -> str:
        """The last line of the smoke test, run in a container."""
        return self.compose("exec", "-T", service, "aeon-jobs", "smoke", *options).strip().splitlines()[-1]

    def start_platform(self) -> None:
        """The network, and a PostgreSQL with a table of somebody else."""
        self.engine.docker("network", "create", NETWORK)
        secret = self.directory / "secrets" / "postgres_password"
        self.engine.docker(
            *("run", "--detach", "--name", PLATFORM, "--network", NETWORK, "--env", f"POSTGRES_DB={DATABASE}"),
            *(
                "--env",
                "POSTGRES_PASSWORD_FILE=/run/secrets/password",
                "--volume",
                f"{secret}:/run/secrets/password:ro",
            ),
            "postgres:16",
        )
        ends_at = time.monotonic() + 60
        while "accepting" not in self._ready():
            check(time.monotonic() < ends_at, "the platform's PostgreSQL does not start")
            time.sleep(0.5)
        self.sql("CREATE TABLE customers AS SELECT g AS id FROM generate_series(1, 1000) g")

    def _ready(self) -> str:
        words = "pg_isready --host 127.0.0.1 || true"
        return self.engine.docker("exec", PLATFORM, "sh", "-c", words).replace("no response", "")

    def sql(self, statement: str) -> str:
        """The answer of the platform's PostgreSQL, unaligned."""
        words = ("psql", "-U", "postgres", "-d", DATABASE, "-v", "ON_ERROR_STOP=1", "-qtA", "-c", statement)
        return self.engine.docker("exec", PLATFORM, *words).strip()
