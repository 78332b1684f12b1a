"""What a person at a terminal needs: tables that fit, short ids, completion, Ctrl-C, versions."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from uuid import UUID

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue.states import Failure, failed
from tests.rows import NOTE, end, register, rows, start, value
from tests.terminal import Terminal
from tests.waiting import wait_for

ID = "0198c0de-1234-7abc-8000-00000000000{}"


def submit(cli: Terminal, *options: object) -> str:
    return str(cli.json("submit", "echo", *options)["job_id"])


def dead(cli: Terminal, database: Database) -> str:
    """A job that failed for good, with a traceback."""
    job_id = submit(cli, "{}", "--max-retries", 0)
    (claimed,) = start(database, UUID(job_id))
    failure = Failure("Boom", "it broke", "Traceback …\n  the very line")
    assert end(database, claimed, failed(failure, retries_left=0, delay_ms=0))
    return job_id


def program(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "aeon_jobs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environ, timeout=60)


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_list_has_one_line_per_row(
    width: int, cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    job_id = dead(cli, database)
    submit(cli, "{}", "--in", "2h", "--metadata", "tenant=a-tenant-with-a-long-name")
    cli.ok("schedules", "create", "a schedule with a long name", "echo", "0 * * * *")
    cli.ok("queues", "pause", "default", "--reason", "a reason of many words that does not fit into any table " * 3)
    for command in ("list", "dlq list", "dlq groups", "schedules list", "queues list", "workers", "types"):
        lines = cli.ok(*command.split()).out.splitlines()
        assert all(len(line.rstrip()) <= width for line in lines), (command, lines)
    for command in ("keys list", "audit", "stats"):
        assert all(len(line.rstrip()) <= width for line in cli.ok(*command.split()).out.splitlines()), command
    listed = cli.ok("list").out
    assert listed.count("\n") <= 4
    assert job_id[:18] in listed
    assert (job_id in listed) == (width == 200)


def test_a_pipe_gets_everything(cli: Terminal) -> None:
    job_id = submit(cli, "{}", "--metadata", "a=b")
    cli.ok("cancel", job_id, "--reason", "x" * 150)
    listed = cli.ok("list").out
    assert job_id in listed
    assert "x" * 150 in listed


# --- ids ----------------------------------------------------------------------------------------


def test_the_first_characters_of_an_id_are_enough(cli: Terminal) -> None:
    job_id = submit(cli)
    for beginning in (job_id, job_id[:18], job_id[:14].upper(), job_id.replace("-", "")[:20]):
        assert cli.json("show", beginning)["job_id"] == job_id
    assert cli.json("explain", job_id[:20])["job_id"] == job_id
    child = submit(cli, "{}", "--depends-on", job_id[:20])
    assert [parent["job_id"] for parent in cli.json("show", child)["dependencies"]] == [job_id]
    assert cli.json("change", job_id[:23], "--priority", 7)["priority"] == 7
    assert cli.json("cancel", job_id[:23])["status"] == "cancelled"
    assert cli.json("retry", job_id[:23])["status"] == "pending"


def test_an_id_that_is_not_clear_is_refused(cli: Terminal, database: Database) -> None:
    for number in (1, 2):
        rows(database, "INSERT INTO jobs (id, job_type) VALUES (:id, 'echo')", id=ID.format(number))
    several = cli("show", ID[:-3])
    assert (several.code, several.out) == (2, "")
    assert ID.format(1) in several.err
    assert ID.format(2) in several.err
    assert cli.json("show", ID.format(2))["job_id"] == ID.format(2)
    for text, code, words in (
        ("ffffffff", 3, "error: no job with an id that begins with ffffffff"),
        ("fff", 2, "error: JOB: must be an id, or its first characters (4 at least), is 'fff'"),
        ("no-id", 2, "error: JOB: must be an id"),
    ):
        done = cli("show", text)
        assert (done.code, done.err.startswith(words)) == (code, True), done


def test_other_ids_may_be_shortened_too(cli: Terminal, database: Database) -> None:
    schedule = cli.json("schedules", "create", "hourly", "echo", "0 * * * *")
    assert cli.json("schedules", "show", schedule["id"][:18])["name"] == "hourly"
    key = cli.json("keys", "create", "--name", "robot", "--role", "viewer")
    assert cli.json("keys", "revoke", key["id"][:8])["id"] == key["id"]
    insert = (
        "INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, state)"
        " VALUES ('host:1:aaa', 'worker', 'h', 'b', 'n', 1, 0, '1', 'running'),"
        " ('host:1:bbb', 'worker', 'h', 'b', 'n', 2, 0, '1', 'lost')"
    )
    rows(database, insert)
    assert cli("workers", "--acknowledge", "host:1").code == 2
    cli.ok("workers", "--acknowledge", "host:1:b")
    assert [worker["id"] for worker in cli.json("workers", "--kind", "worker")] == ["host:1:aaa"]


# --- looking ------------------------------------------------------------------------------------


def test_a_job_is_shown_with_dependencies_traceback_and_dead_letter(cli: Terminal, database: Database) -> None:
    parent = dead(cli, database)
    shown = cli.ok("show", parent).out
    number = value(database, "SELECT id FROM dead_letter_jobs")
    assert f"dead letter  {number}" in [line.rstrip() for line in shown.splitlines()]
    assert "Traceback …\n  the very line" in shown
    waiting = submit(cli)
    assert waiting in cli.ok("show", submit(cli, "{}", "--depends-on", waiting)).out


def test_statistics_and_the_audit_log(cli: Terminal, database: Database) -> None:
    job_id = dead(cli, database)
    assert cli.json("stats")["queue_depths"]["failed"] == 1
    assert "1 failed" in cli.ok("stats").out
    cli.ok("retry", job_id, "--reason", "once more")
    cli.ok("queues", "pause", "default")
    (entry,) = cli.json("audit", "--job", job_id[:20])["items"]
    assert (entry["action"], entry["reason"], entry["subject_id"]) == ("job.retry", "once more", job_id)
    assert [entry["action"] for entry in cli.json("audit", "--subject-type", "queue")["items"]] == ["queue.pause"]
    assert cli.json("audit", "--before", "1h")["items"] == []
    first = cli.json("audit", "--limit", 1)
    assert [entry["action"] for entry in first["items"]] == ["queue.pause"]
    rest = cli.json("audit", "--cursor", first["next_cursor"], "--limit", 1)
    assert [entry["action"] for entry in rest["items"]] == ["job.retry"]


def test_all_jobs_of_a_type_are_watched_until_ctrl_c(environment: Settings, database: Database) -> None:
    types = [NOTE.name, "other"]
    register(database, NOTE, NOTE.model_copy(update={"name": "other"}))
    command = [sys.executable, "-P", "-m", "aeon_jobs", "watch", "--json", "--type"]
    watching = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True, env=os.environ) for name in types]
    try:
        # They tell what changes from their start on: jobs are added until each has told of one.
        def told() -> bool:
            rows(database, "INSERT INTO jobs (job_type) SELECT unnest(CAST(:types AS text[]))", types=types)
            return len(select.select([one.stdout for one in watching], [], [], 0)[0]) == len(watching)

        wait_for(told, "a line about a job of each type", 30)
    finally:
        for one in watching:
            one.send_signal(signal.SIGINT)
        outputs = [one.communicate(timeout=20)[0] for one in watching]
    for name, output in zip(types, outputs, strict=True):
        assert {json.loads(line)["job_type"] for line in output.splitlines()} == {name}
    assert [one.returncode for one in watching] == [0, 0]


# --- changing -----------------------------------------------------------------------------------


def test_jobs_that_wait_get_another_priority_and_time(cli: Terminal, database: Database) -> None:
    one, two = submit(cli), submit(cli, "{}", "--queue", "default")
    over = submit(cli)
    cli.ok("cancel", over)
    assert (
        cli.json("change", one, "--priority", 90, "--at", "2099-01-31T09:00:00Z")["scheduled_at"][:10] == "2099-01-31"
    )
    assert cli("change", over, "--priority", 90).code == 4
    nothing = cli("change", one)
    assert (nothing.code, nothing.err) == (2, "error: say what to change: --priority, --at or --in\n")
    assert cli("change", "--priority", 5).code == 2
    looked = cli.json("change", "--type", "echo", "--priority", 5, "--dry-run")
    assert (looked["dry_run"], looked["changed"]) == (True, 2)
    assert "Change 2 jobs?" in cli("change", "--type", "echo", "--priority", 5, stdin="n\n").err
    assert cli.json("change", "--type", "echo", "--priority", 5, "--yes")["changed"] == 2
    assert [cli.json("show", job)["priority"] for job in (one, two, over)] == [5, 5, 50]
    assert cli("change", one, "--priority", 101).code == 2


def test_a_queue_is_purged_after_a_look(cli: Terminal, database: Database) -> None:
    waiting, running = submit(cli), submit(cli)
    start(database, UUID(running))
    assert cli.json("queues", "purge", "default", "--dry-run")["changed"] == 1
    refused = cli("queues", "purge", "default", stdin="n\n")
    assert (refused.code, "Cancel 1 waiting jobs of queue default?" in refused.err) == (1, True)
    assert cli.json("show", waiting)["status"] == "pending"
    assert cli.json("queues", "purge", "default", "--yes", "--reason", "away")["changed"] == 1
    assert cli.json("show", waiting)["cancel_reason"] == "away"
    assert cli.json("show", running)["status"] == "running"
    assert cli("queues", "purge", "defualt").code == 3
    assert cli("queues", "delete", "default", "--yes").code == 4


def test_a_cron_line_with_seven_fields_is_refused(cli: Terminal) -> None:
    done = cli("schedules", "create", "s", "echo", "0 0 * * * * *")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "error: cron: must have 5 fields (minute hour day month weekday), or 6 with seconds before them"
    )


def test_ctrl_c_ends_the_waiting_and_not_the_job(environment: Settings, database: Database) -> None:
    register(database)
    command = [sys.executable, "-P", "-m", "aeon_jobs", "submit", "note", "--wait"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert child.stderr
    said = child.stderr.readline()
    job_id = value(database, "SELECT id FROM jobs")
    assert said == f"{job_id} submitted\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out) == (130, "")
    assert err.strip() == f"the job goes on; see it with: aeon-jobs watch {job_id}"
    assert value(database, "SELECT status FROM jobs") == "pending"


# --- the shell ----------------------------------------------------------------------------------


def test_the_shell_completes_what_the_system_knows(cli: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = submit(cli)
    cli.ok("schedules", "create", "hourly", "echo", "0 * * * *")
    monkeypatch.setenv("_AEON_JOBS_COMPLETE", "complete_bash")
    for typed, found in (
        ("show 01", job_id),
        (f"cancel {job_id[:13]}", job_id),
        ("submit ec", "echo"),
        ("list --queue ", "default"),
        ("watch --type e", "echo"),
        ("schedules pause ho", "hourly"),
    ):
        monkeypatch.setenv("COMP_WORDS", f"aeon-jobs {typed}")
        monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) + typed.endswith(" ")))
        assert cli().out.split() == [found], typed


def test_completion_without_a_server_is_silent() -> None:
    done = program(
        DATABASE_URL="postgresql://postgres@/nothing?host=/nonexistent",
        _AEON_JOBS_COMPLETE="complete_bash",
        COMP_WORDS="aeon-jobs show ",
        COMP_CWORD="2",
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_the_version_is_an_option_too() -> None:
    assert program("--version").stdout == program("version").stdout
