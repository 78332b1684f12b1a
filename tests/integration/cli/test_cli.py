"""The command line, run as its users run it: what it prints, and its exit codes (`ops.cli.exits`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aeon_jobs.persistence.core.settings import Settings

NOWHERE = "postgresql://postgres@/nothing?host=/nonexistent"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "aeon_jobs", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environ,
        timeout=60,
    )


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    jobs = ("submit", "list", "show", "watch", "cancel", "retry", "explain", "dlq", "schedules", "types")
    system = ("queues", "workers", "keys", "migrate", "doctor", "version")
    processes = ("up", "env", "mails", "demo", "api", "worker", "dispatcher", "scheduler", "exporter")
    for command in jobs + system + processes:
        assert f" {command} " in done.stdout
    assert "Usage: aeon-jobs" in done.stdout


def test_help_loads_no_machinery() -> None:
    heavy = "{'dramatiq', 'litestar', 'sqlalchemy', 'redis', 'polars', 'psycopg2', 'httpx', 'pydantic'}"
    code = (
        f"import sys, aeon_jobs.ops.cli; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == 0


def test_looking_at_jobs_loads_no_dramatiq(environment: Settings) -> None:
    heavy = "{'dramatiq', 'litestar', 'polars', 'aeon_jobs.actors', 'aeon_jobs.middleware'}"
    code = (
        "import sys, atexit; from aeon_jobs.ops.cli import main; sys.argv[1:] = ['list'];"
        f" atexit.register(lambda: sys.stderr.write(str({heavy} & set(sys.modules)))); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert (done.stdout, done.stderr) == ("no job matches\n", "set()")


def test_the_shell_can_complete() -> None:
    done = run(_AEON_JOBS_COMPLETE="complete_bash", COMP_WORDS="aeon-jobs sub", COMP_CWORD="1")
    assert done.stdout.split() == ["submit"]


def test_a_reader_that_goes_away_is_no_crash(environment: Settings) -> None:
    command = f"{sys.executable} -P -m aeon_jobs types --json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("redirection", ["<&-", ">&-", ">/dev/full", "2>&-"])
def test_closed_and_full_streams_are_no_crash(redirection: str, environment: Settings) -> None:
    for command in ("types --json", "submit --many -", "version", "list --help"):
        line = f"{sys.executable} -P -m aeon_jobs {command} {redirection}"
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env=os.environ, stdin=subprocess.DEVNULL
        )
        assert done.returncode == (1 if redirection == ">/dev/full" else 0), (command, done)
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) <= 1


def test_version() -> None:
    done = run("version")
    assert done.returncode == 0
    assert done.stdout.strip().count(".") == 2
    assert json.loads(run("version", "--json").stdout) == {"version": done.stdout.strip()}


def test_migrating_makes_the_built_in_job_types_known(environment: Settings) -> None:
    assert json.loads(run("migrate", "up", "--json").stdout) == {"applied": []}
    names = [entry["name"] for entry in json.loads(run("types", "--json").stdout)]
    assert {"data_processing", "email_notification", "webhook_delivery"} <= set(names)
    assert all(entry["applied_at"] for entry in json.loads(run("migrate", "status", "--json").stdout))


@pytest.mark.parametrize("arguments", [["no-such-command"], ["migrate", "down"], ["up", "--no-such-option"]])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


@pytest.mark.parametrize("command", ["api", "worker", "dispatcher", "scheduler", "exporter", "up"])
def test_a_wrong_setting_is_2_and_named_in_one_line_without_its_value(command: str, private_dir: Path) -> None:
    extra = ["--data-dir", str(private_dir)] if command == "up" else []
    # Servers that need not exist: `up` starts none of its own then.
    done = run(command, *extra, API_PORT="hush", DATABASE_URL=NOWHERE, REDIS_URL="redis://localhost:1")
    assert done.returncode == 2
    [line] = done.stderr.strip().splitlines()
    # The log of a process is JSON from its first line on.
    said = json.loads(line)["event"] if line.startswith("{") else line.removeprefix("error: ")
    assert said.startswith("API_PORT: ")
    assert "hush" not in done.stderr


def test_an_unreachable_database_is_5_and_one_line() -> None:
    done = run("migrate", "up", DATABASE_URL=NOWHERE)
    assert done.returncode == 5
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_misspelt_variable_is_pointed_out(environment: Settings) -> None:
    done = run("migrate", "status", WORKER_CONCURENCY="3")
    assert "WORKER_CONCURENCY is not a setting; did you mean WORKER_CONCURRENCY?" in done.stderr


def test_migrations_down_and_up_with_status_in_between(environment: Settings) -> None:
    assert run("migrate", "status").returncode == 0
    assert run("migrate", "up").stdout == "nothing to do\n"
    down = run("migrate", "down", "--target", "0", "--yes")
    assert down.returncode == 0
    assert "rolled back 0001_" in down.stdout
    missing = run("migrate", "status")
    assert missing.returncode == 1
    assert "missing" in missing.stdout
    up = run("migrate", "up")
    assert up.returncode == 0
    assert "applied 0001_" in up.stdout
    assert run("migrate", "status").returncode == 0


def test_migrating_down_asks_first(environment: Settings) -> None:
    done = run("migrate", "down", "--target", "0")
    assert done.returncode == 1
    assert "Roll back everything above version 0, data included?" in done.stderr
    assert run("migrate", "status").returncode == 0


def test_a_worker_that_is_disabled_says_so_and_is_no_failure() -> None:
    done = run("worker", WORKER_ENABLED="false")
    assert done.returncode == 0
    assert "WORKER_ENABLED=false" in done.stderr
