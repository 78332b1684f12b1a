"""What an operator has: a directory with compose.yaml, .env and secrets; and the platform's database beside it."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

from aeon_jobs.ops.rehearsals.containers.engine import NETWORK, Engine
from aeon_jobs.ops.rehearsals.containers.report import wait_for

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


class Deployment:
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

    def up(self) -> str:
        """Until everything is healthy. Not by --wait: on a busy machine a container may be unhealthy before it is healthy."""
        self.compose("up", "--detach", "--no-build", "--remove-orphans")
        wait_for(lambda: not self._not_healthy(), lambda: "; ".join(self._not_healthy()))
        return f"{sum(state['Health'] == 'healthy' for state in self.states())} containers are healthy"

    def states(self) -> list[dict[str, Any]]:
        """Every container: Service, State, Health, ExitCode."""
        return [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]

    def _not_healthy(self) -> list[str]:
        """What is not: a container that has ended must have ended well."""
        return [
            f"{state['Service']} is {state['State']} {state['Health']} {self._last_check(state)}"
            for state in self.states()
            if state["Health"] not in ("healthy", "") or (state["State"] != "running" and state["ExitCode"] != 0)
        ]

    def _last_check(self, state: dict[str, Any]) -> str:
        """What its last health check said."""
        words = "{{with .State.Health}}{{range .Log}}{{.ExitCode}} {{.Output}}{{end}}{{end}}"
        return self.engine.docker("inspect", "--format", words, state["ID"]).strip()[-300:]

    def workers(self) -> list[str]:
        return self.compose("ps", "--quiet", "worker").split()

    def scale(self, count: int) -> None:
        """And wait until that many are healthy."""
        self.compose(
            "up", "--detach", "--no-build", "--no-deps", "--no-recreate", "--scale", f"worker={count}", "worker"
        )
        wait_for(
            lambda: self._health_of_workers() == ["healthy"] * count, lambda: f"workers: {self._health_of_workers()}"
        )

    def _health_of_workers(self) -> list[str]:
        return [state["Health"] for state in self.states() if state["Service"] == "worker"]

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
        wait_for(lambda: "accepting" in self._ready(), lambda: "the platform's PostgreSQL does not start")
        self.sql("CREATE TABLE customers AS SELECT g AS id FROM generate_series(1, 1000) g")

    def _ready(self) -> str:
        words = "pg_isready --host 127.0.0.1 || true"
        return self.engine.docker("exec", PLATFORM, "sh", "-c", words).replace("no response", "")

    def sql(self, statement: str) -> str:
        """The answer of the platform's PostgreSQL, unaligned."""
        words = ("psql", "-U", "postgres", "-d", DATABASE, "-v", "ON_ERROR_STOP=1", "-qtA", "-c", statement)
        return self.engine.docker("exec", PLATFORM, *words).strip()
