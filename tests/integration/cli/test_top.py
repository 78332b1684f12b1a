"""`aeon-jobs top`: the system on one screen, on a terminal, in a pipe, once."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from uuid import UUID

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.metrics import history
from aeon_jobs.persistence.queue.states import Failure, completed, failed
from tests.rows import end, rows, start
from tests.terminal import Terminal
from tests.waiting import wait_for

COMMAND = [sys.executable, "-P", "-m", "aeon_jobs", "top", "--interval", "0.2"]
WORKERS = """
    INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, threads, busy, queues)
    VALUES ('w1', 'worker', 'h', 'b', 'n', 1, 1, '1.0', 8, 1, '{default}'),
        ('old', 'worker', 'h', 'b', 'n', 2, 1, '0.9', 8, 0, '{}')
"""


def work(cli: Terminal, database: Database) -> None:
    """A job of each kind: completed, dead, running, waiting; on two workers."""
    ids = [UUID(str(cli.json("submit", "echo", "{}", "--max-retries", 0)["job_id"])) for _ in range(4)]
    done, dead, _ = start(database, *ids[:3])
    assert end(database, done, completed(1))
    failure = Failure("Boom", "it broke\x1b[31m", "Traceback …")
    assert end(database, dead, failed(failure, retries_left=0, delay_ms=0))
    rows(database, WORKERS)
    with database.connection() as connection:
        history.record(connection, 60_000)


def test_a_look_shows_queues_workers_with_what_they_run_and_failures(cli: Terminal, database: Database) -> None:
    work(cli, database)
    shown = cli.ok("top", "--once").out
    for text in (
        "1 pending",
        "1 running",
        "completed",
        "wait p95",
        "default",
        "w1",
        "1/8",
        "Boom: it broke",
        "versions at once",
    ):
        assert text in shown, text
    assert next(line for line in shown.splitlines() if line.startswith("w1")).rstrip().endswith("echo")
    assert "\x1b[31m" not in shown
    assert "no dispatcher process" in shown

    found = cli.json("top", "--once")
    assert (found["metrics"]["queue_depths"]["running"], found["history"]["period"]) == (1, "5m")
    assert sum(point["completed"] for point in found["history"]["points"]) == 1
    assert [job["worker_id"] for job in found["running"]] == ["w1"]


def test_an_empty_system_says_what_to_do(environment: Settings, database: Database, terminal: Terminal) -> None:
    shown = terminal.ok("top", "--once").out
    assert "no worker is alive: aeon-jobs worker" in shown


def test_in_a_pipe_each_look_stands_below_the_one_before(environment: Settings, database: Database) -> None:
    with subprocess.Popen([*COMMAND, "--json"], stdout=subprocess.PIPE, text=True, env=os.environ) as top:
        assert top.stdout is not None
        looks = [json.loads(top.stdout.readline()) for _ in range(2)]
        top.terminate()
    assert [look["metrics"]["queue_depths"]["pending"] for look in looks] == [0, 0]


def test_on_a_terminal_it_draws_until_q(environment: Settings, database: Database) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    ) as top:
        os.close(theirs)
        drawn = ""

        def shows_a_look() -> bool:
            nonlocal drawn
            drawn += os.read(ours, 65_536).decode(errors="replace")
            return drawn.count("q: quit") >= 2

        wait_for(shows_a_look)
        os.write(ours, b"q")
        assert top.wait(30) == 0
    os.close(ours)
