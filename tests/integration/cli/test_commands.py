"""Every verb of the command line, once against the database and once against an API: the same answers from both."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis

from aeon_jobs.ops.cli.commands import bulk
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.admin import bulk as bulk_changes
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue.states import Failure, failed
from tests.api_server import running_api
from tests.rows import end, rows, start, value
from tests.terminal import Terminal
from tests.waiting import wait_for

COMPLETE = "UPDATE jobs SET status = 'completed', completed_at = now(), result = '42' WHERE id = :id"


def submit(cli: Terminal, *options: object) -> UUID:
    return UUID(cli.json("submit", "echo", *options)["job_id"])


def dead(cli: Terminal, database: Database, error: str = "Boom") -> tuple[UUID, int]:
    """A job that failed for good, and the number of its dead letter."""
    job_id = submit(cli, '{"text": "doomed"}', "--max-retries", 0)
    (claimed,) = start(database, job_id)
    assert end(database, claimed, failed(Failure(error, "it broke"), retries_left=0, delay_ms=0))
    return job_id, value(database, "SELECT id FROM dead_letter_jobs WHERE job_id = :id", id=job_id)


# --- submitting ---------------------------------------------------------------------------------


def test_a_payload_comes_from_the_argument_a_file_or_stdin(cli: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"text": "from a file"}')
    for argument, text in [('{"text": "typed"}', "typed"), (f"@{file}", "from a file"), ("-", "piped")]:
        submitted = cli.json("submit", "echo", argument, stdin='{"text": "piped"}')
        assert cli.json("show", submitted["job_id"])["payload"] == {"text": text}


def test_every_option_of_a_submission_reaches_the_job(cli: Terminal, database: Database) -> None:
    rows(database, "INSERT INTO job_queues (name, max_running) VALUES ('other', 100)")
    parent = submit(cli)
    job_id = submit(
        cli,
        *('{"text": "hi"}', "--priority", 75, "--max-retries", 1, "--timeout-ms", 5_000, "--queue", "other"),
        *("--at", "2099-01-31T09:00:00Z", "--idempotency-key", "k", "--depends-on", parent),
        *("--metadata", "a=b", "--metadata", '{"n": 5}'),
    )
    job = cli.json("show", job_id)
    assert (job["priority"], job["max_retries"], job["timeout_ms"], job["queue_name"]) == (75, 1, 5_000, "other")
    assert (job["scheduled_at"][:10], job["idempotency_key"]) == ("2099-01-31", "k")
    assert (job["metadata"], job["blocked_by"]) == ({"a": "b", "n": 5}, 1)
    again = cli.ok("submit", "echo", '{"text": "hi"}', "--idempotency-key", "k")
    assert "exists already" in again.out
    later = cli.json("show", submit(cli, "{}", "--in", "2h"))
    assert later["scheduled_at"] > later["created_at"]


def test_waiting_for_a_job_shows_it_and_tells_by_the_exit_code(cli: Terminal, database: Database) -> None:
    def play(sql: str) -> threading.Thread:
        def act() -> None:
            wait_for(lambda: rows(database, "SELECT FROM jobs WHERE status = 'pending'"), "a job to play with")
            rows(database, sql)

        thread = threading.Thread(target=act)
        thread.start()
        return thread

    completing = play("UPDATE jobs SET status = 'completed', completed_at = now(), result = '42'")
    done = cli("submit", "echo", "--wait", "--json")
    completing.join()
    assert (done.code, done.json["result"]) == (0, 42)
    cancelling = play("UPDATE jobs SET status = 'cancelled', completed_at = now() WHERE status = 'pending'")
    done = cli("submit", "echo", "--wait")
    cancelling.join()
    assert done.code == 1
    assert "cancelled" in done.out


WRONG: list[tuple[list[str], int, str]] = [
    (["submit", "echo", '{"times": "two"}'], 2, "error: payload.times: must be of type integer"),
    (["submit", "echo", '{"times": 1, "x": 2}'], 2, "error: payload.x: is not a field of this job type"),
    (["submit", "echo", "{nonsense"], 2, "error: payload: is not JSON"),
    (["submit", "echo", "[]"], 2, "error: payload: must be a JSON object"),
    (["submit", "echo", "@/no/such/file"], 2, "error: payload: cannot read /no/such/file"),
    (["submit", "echo", "--priority", "101"], 2, "error: priority: must be"),
    (["submit", "echo", "--at", "2030-01-01T00:00:00"], 2, "error: --at: must carry a time zone"),
    (["submit", "echo", "--in", "soon"], 2, "error: --in: must be a duration"),
    (["submit", "echo", "--metadata", "novalue"], 2, "error: metadata: must be key=value"),
    (["submit", "no_such_type"], 2, "error: job_type: 'no_such_type' is not registered by any worker"),
    (["show", str(uuid4())], 3, "error: no job with id"),
    (["explain", str(uuid4())], 3, "error: no job with id"),
    (["cancel", str(uuid4())], 3, "error: no job with id"),
    (["watch", str(uuid4())], 3, "error: no job with id"),
    (["cancel"], 2, "error: say which"),
    (["list", "--cursor", "nonsense"], 2, "error: cursor: is not a cursor"),
    (["dlq", "show", "999"], 3, "error: no dead letter with id 999"),
    (["dlq", "requeue"], 2, "error: say which"),
    (["schedules", "show", "nope"], 3, "error: no schedule 'nope'"),
    (["schedules", "create", "s", "echo", "61 * * * *"], 2, "error: cron:"),
    (["types", "nope"], 3, "error: no job type 'nope'"),
    (["keys", "revoke", "nope"], 3, "error: no key nope"),
    (["workers", "--acknowledge", "nobody"], 3, "error: no process 'nobody'"),
    (["queues", "limit", "default", "many"], 2, "error: NUMBER: must be a whole number"),
    (["queues", "pause", "x" * 101], 2, "error: name: "),
    (["keys", "create", "--role", "viewer", "--name", ""], 2, "error: name: "),
    (["keys", "create", "--role", "viewer", "--name", "x", "--expires-in", "999999999d"], 2, "error: --expires-in: is"),
    (["submit", "echo", "--in", "999999999d"], 2, "error: --in: is too long"),
    (["list", "--after", "999999999d"], 2, "error: --after: is too long"),
    (["list", "--type", "\udcff"], 2, "error: argument 3: is not UTF-8 text"),
    (["submit", "echo", '{"times": ' + "9" * 5_000 + "}"], 2, "error: payload: is not JSON: Exceeds"),
    (["submit", "echo", '{"text": "\\ud800"}'], 2, "error: payload.text: "),
    (["submit", "echo", '{"times": NaN}'], 2, "error: payload: is not JSON: NaN is no number"),
]


def test_what_is_wrong_is_one_line_and_a_code(cli: Terminal) -> None:
    for arguments, code, words in WRONG:
        done = cli(*arguments)
        assert (done.code, done.out) == (code, ""), (arguments, done)
        assert done.err.startswith(words), (arguments, done)
        assert len(done.err.splitlines()) == 1, (arguments, done)


# --- looking ------------------------------------------------------------------------------------


def test_lists_filter_sort_and_go_on(cli: Terminal) -> None:
    low, high = submit(cli, "{}", "--priority", 1), submit(cli, "{}", "--priority", 99, "--metadata", "team=red")
    middle = submit(cli, "{}", "--priority", 50)
    first = cli.json("list", "--sort", "priority", "--limit", 2)
    assert [UUID(job["job_id"]) for job in first["items"]] == [high, middle]
    rest = cli.json("list", "--sort", "priority", "--limit", 2, "--cursor", first["next_cursor"])
    assert ([UUID(job["job_id"]) for job in rest["items"]], rest["next_cursor"]) == ([low], None)
    assert [job["job_id"] for job in cli.json("list", "--metadata", "team=red")["items"]] == [str(high)]
    assert cli.json("list", "--status", "failed", "--status", "completed")["items"] == []
    assert cli.json("list", "--before", "1h")["items"] == []
    assert len(cli.json("list", "--after", "1h", "--type", "echo", "--queue", "default")["items"]) == 3
    assert "more: --cursor " in cli.ok("list", "--limit", 1).out


def test_people_see_tables(cli: Terminal, database: Database) -> None:
    job_id, number = dead(cli, database)
    assert str(job_id) in cli.ok("list").out
    shown = cli.ok("show", job_id).out
    for text in ("echo", "failed", "doomed", "Boom: it broke"):
        assert text in shown
    assert "failed after 1 attempt(s)" in cli.ok("explain", job_id).out
    assert "exhausted" in cli.ok("dlq", "list").out
    assert "doomed" in cli.ok("dlq", "show", number).out
    assert "Boom" in cli.ok("dlq", "groups").out
    assert "default" in cli.ok("queues", "list").out
    shown = cli.ok("system").out
    for text in ("none is alive: no job runs", "job_executions", "rescue", "0001_foundation"):
        assert text in shown
    assert "no bulk change" in cli.ok("bulk", "list").out
    assert "no process is known" in cli.ok("workers", "--kind", "worker").out
    assert "Says it again." in cli.ok("types").out
    assert '"hello"' in cli.ok("types", "echo").out
    assert "the-admin" in cli.ok("keys", "list").out
    assert "no schedule" in cli.ok("schedules", "list").out


def test_what_a_terminal_would_obey_is_not_shown_to_it(cli: Terminal) -> None:
    job_id = submit(cli, json.dumps({"text": "\x1b[2Jgone [red]not markup[/]"}))
    shown = cli.ok("show", job_id).out
    assert "\x1b" not in shown
    assert "[red]not markup[/]" in shown


def test_a_job_is_watched_to_its_end(cli: Terminal, database: Database) -> None:
    job_id = submit(cli)
    rows(database, COMPLETE, id=job_id)
    (event,) = map(json.loads, cli.ok("watch", job_id, "--json").out.splitlines())
    assert (event["job_id"], event["status"]) == (str(job_id), "completed")
    assert "completed" in cli.ok("watch", job_id).out
    failed_job, _ = dead(cli, database)
    assert cli("watch", failed_job).code == 1


# --- changing -----------------------------------------------------------------------------------


def test_a_job_is_cancelled_once_and_retried(cli: Terminal) -> None:
    job_id = submit(cli)
    assert cli.json("cancel", job_id, "--reason", "changed my mind")["cancel_reason"] == "changed my mind"
    again = cli("cancel", job_id)
    assert (again.code, again.out) == (4, "")
    assert f"job {job_id} is cancelled" in again.err
    assert "is pending" in cli.ok("retry", job_id).out
    assert cli.ok("cancel", job_id).out == f"{job_id} is cancelled\n"


def test_a_running_job_is_asked_to_stop(cli: Terminal, database: Database, redis_client: redis.Redis) -> None:
    job_id = submit(cli)
    start(database, job_id)
    assert "asked to stop" in cli.ok("cancel", job_id).out
    wait_for(lambda: redis_client.exists(f"job:cancel:{job_id}"), "the flag")
    assert value(database, "SELECT cancel_requested_at FROM jobs WHERE id = :id", id=job_id)


def test_several_jobs_are_changed_and_each_is_answered(cli: Terminal) -> None:
    one, two, missing = submit(cli), submit(cli), uuid4()
    cli.ok("cancel", two)
    done = cli("cancel", one, two, missing, "--json")
    outcomes = {item["job_id"]: item["outcome"] for item in done.json["items"]}
    assert outcomes == {str(one): "done", str(two): "wrong_state", str(missing): "not_found"}
    assert done.code == 3
    assert cli("cancel", one, two).code == 4
    assert cli.json("retry", one, two)["changed"] == 2


def test_a_filter_is_looked_at_then_asked_about_then_done(cli: Terminal, database: Database) -> None:
    rows(database, "INSERT INTO job_queues (name, max_running) VALUES ('other', 100)")
    for _ in range(3):
        submit(cli, "{}", "--queue", "other")
    untouched = submit(cli)
    looked = cli.json("cancel", "--queue", "other", "--dry-run")
    assert (looked["dry_run"], looked["changed"], len(looked["items"])) == (True, 3, 3)
    refused = cli("cancel", "--queue", "other", stdin="n\n")
    assert (refused.code, refused.out) == (1, "")
    assert "Cancel 3 jobs?" in refused.err
    assert value(database, "SELECT count(*) FROM jobs WHERE status = 'cancelled'") == 0

    assert cli.json("cancel", "--queue", "other", "--yes", "--reason", "bad batch")["changed"] == 3
    assert cli.json("show", untouched)["status"] == "pending"
    assert "3 done" in cli.ok("retry", "--queue", "other", "--status", "cancelled", stdin="y\n").out
    assert cli.json("cancel", "--queue", "none such", "--yes")["items"] == []


def test_a_filter_goes_on_until_all_that_match_are_changed(
    cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.ok("cancel", submit(cli), submit(cli), submit(cli))  # older, and over: they must not stand in the way
    monkeypatch.setattr(bulk_changes, "MAX_BATCH", 2)
    monkeypatch.setattr(bulk, "PORTION", 2)
    waiting, running = [submit(cli) for _ in range(3)], submit(cli)
    start(database, running)
    answer = cli.json("cancel", "--type", "echo", "--yes")
    assert {UUID(item["job_id"]): item["outcome"] for item in answer["items"]} == {
        **dict.fromkeys(waiting, "done"),
        running: "requested",
    }
    assert cli.json("retry", "--type", "echo", "--yes")["changed"] == 6


def test_changes_are_in_the_audit_log(cli: Terminal, database: Database) -> None:
    cli.ok("cancel", submit(cli), "--reason", "a test")
    cli.ok("queues", "pause", "default", "--reason", "a look")
    entries = rows(database, "SELECT action, reason, actor FROM job_audit_log ORDER BY id")
    assert [(entry.action, entry.reason) for entry in entries] == [
        ("job.cancel", "a test"),
        ("queue.pause", "a look"),
    ]
    assert entries[0].actor.startswith(("cli:", "the-admin"))


# --- dead letters -------------------------------------------------------------------------------


def test_dead_letters_are_requeued_edited_and_discarded(cli: Terminal, database: Database) -> None:
    (one, first), (two, second), (three, third) = (dead(cli, database) for _ in range(3))
    assert len(cli.json("dlq", "list", "--error", "Boom", "--because", "exhausted")["items"]) == 3

    assert "1 requeued" in cli.ok("dlq", "requeue", first).out
    bad = cli("dlq", "edit", second, "--payload", '{"text": 5}')
    assert (bad.code, bad.err) == (2, "error: payload.text: must be of type string\n")
    cli.ok("dlq", "edit", second, "--payload", '{"text": "better"}')
    assert cli.json("show", two)["payload"] == {"text": "better"}
    assert "would be discarded" in cli.ok("dlq", "discard", third, "--dry-run").out
    cli.ok("dlq", "discard", third, "--reason", "no use")

    assert cli.json("dlq", "list")["items"] == []
    assert len(cli.json("dlq", "list", "--state", "resolved")["items"]) == 3
    assert [cli.json("show", job)["status"] for job in (one, two, three)] == ["pending", "pending", "failed"]
    assert cli("dlq", "requeue", first).code == 4


def test_an_editor_changes_a_payload(cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, number = dead(cli, database)
    monkeypatch.setenv("EDITOR", "sed -i s/doomed/saved/")
    cli.ok("dlq", "edit", number)
    assert cli.json("show", job_id)["payload"] == {"text": "saved"}
    _, other = dead(cli, database)
    monkeypatch.setenv("EDITOR", "true")
    unchanged = cli("dlq", "edit", other)
    assert (unchanged.code, unchanged.err) == (2, "error: payload: was not changed; nothing is requeued\n")


def test_dead_letters_are_requeued_by_what_they_have_in_common(cli: Terminal, database: Database) -> None:
    dead(cli, database, "Boom")
    dead(cli, database, "Boom")
    dead(cli, database, "Bang")
    assert cli.json("dlq", "requeue", "--error", "Boom", "--dry-run")["changed"] == 2
    assert cli.json("dlq", "requeue", "--error", "Boom", "--yes")["changed"] == 2
    assert cli.json("dlq", "discard", "--all", "--yes")["changed"] == 1
    assert cli.json("dlq", "list")["items"] == []


def test_dead_letters_are_requeued_at_a_pace_that_goes_on_over_portions(
    cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PORTION", 2)
    for _ in range(5):
        dead(cli, database, "Boom")
    assert cli("dlq", "requeue", "1", "--per-second", "1").code == 2
    assert cli.json("dlq", "requeue", "--all", "--per-second", "0.01", "--yes")["changed"] == 5
    begins = [
        row.s for row in rows(database, "SELECT extract(epoch FROM scheduled_at)::integer AS s FROM jobs ORDER BY id")
    ]
    assert [round((later - begins[0]) / 100) for later in begins] == [0, 1, 2, 3, 4]


# --- schedules, queues, processes, keys ---------------------------------------------------------


def test_a_schedule_lives_its_life(cli: Terminal) -> None:
    times = cli.ok("schedules", "preview", "echo", "0 9 * * *", "--timezone", "Asia/Kolkata", "--count", 2).out
    assert times.count("09:00:00 IST\n") == 2
    assert cli.json("schedules", "list") == []
    made = cli.json("schedules", "create", "hourly", "echo", "0 * * * *", "--payload", '{"text": "tick"}')
    assert (made["name"], made["enabled"], made["payload"]) == ("hourly", True, {"text": "tick"})
    assert [moment[14:16] for moment in cli.json("schedules", "next", "hourly", "--count", 2)] == ["00", "00"]
    changed = cli.json("schedules", "update", "hourly", "--cron", "30 * * * *", "--timezone", "Europe/Berlin")
    assert (changed["cron"], changed["timezone"]) == ("30 * * * *", "Europe/Berlin")
    assert "CE" in cli.ok("schedules", "next", made["id"], "--count", 1).out
    assert cli.json("schedules", "pause", "hourly")["enabled"] is False
    assert cli.json("schedules", "resume", "hourly")["enabled"] is True
    job = cli.json("schedules", "run", "hourly")
    assert cli.json("show", job["job_id"])["metadata"] == {"schedule": "hourly"}
    taken = cli("schedules", "create", "hourly", "echo", "0 * * * *")
    assert (taken.code, taken.err) == (4, "error: a schedule named 'hourly' exists already\n")
    cli.ok("schedules", "create", "other", "echo", "0 * * * *")
    taken = cli("schedules", "update", "other", "--name", "hourly")
    assert (taken.code, taken.err) == (4, "error: a schedule named 'hourly' exists already\n")
    assert cli.json("schedules", "update", "hourly", "--name", "hourly")["name"] == "hourly"
    long = cli("schedules", "update", "other", "--name", "x" * 101)
    assert (long.code, long.err.startswith("error: name: ")) == (2, True)
    cli.ok("schedules", "delete", "other", "--yes")
    assert cli("schedules", "delete", "hourly", stdin="n\n").code == 1
    cli.ok("schedules", "delete", "hourly", "--yes")
    assert cli.json("schedules", "list") == []


def test_queues_are_paused_limited_and_resumed(cli: Terminal) -> None:
    assert cli.json("queues", "pause", "default", "--reason", "a look")["pause_reason"] == "a look"
    assert cli.json("queues", "limit", "default", 5)["max_running"] == 5
    assert cli.json("queues", "limit", "default", "none")["max_running"] is None
    assert cli.json("queues", "resume", "default")["paused_at"] is None


def test_a_lost_worker_is_acknowledged_and_a_living_one_is_not(cli: Terminal, database: Database) -> None:
    insert = (
        "INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, state)"
        " VALUES (:id, 'worker', 'h', 'b', 'n', 1, 0, '1', :state)"
    )
    rows(database, insert, id="gone", state="lost")
    rows(database, insert, id="here", state="running")
    found = {worker["id"]: worker["alive"] for worker in cli.json("workers", "--kind", "worker")}
    assert found == {"gone": False, "here": True}
    cli.ok("workers", "--acknowledge", "gone")
    assert cli("workers", "--acknowledge", "here").code == 4
    assert [worker["id"] for worker in cli.json("workers", "--kind", "worker")] == ["here"]


def test_a_key_is_shown_once_and_revoked(cli: Terminal) -> None:
    key = cli.ok("keys", "create", "--name", "robot", "--role", "viewer", "--expires-in", "90d").out.strip()
    assert api_keys.key_id_of(key)
    listed = cli.ok("keys", "list", "--json").out
    assert key not in listed
    assert key[18:] not in listed
    key_id = next(entry["id"] for entry in json.loads(listed) if entry["name"] == "robot")
    assert cli.json("keys", "revoke", key_id)["revoked_by"].startswith(("cli:", "the-admin"))
    assert cli("keys", "revoke", key_id).code == 3


# --- who answers --------------------------------------------------------------------------------


def test_an_api_that_is_not_there_is_5(terminal: Terminal) -> None:
    done = terminal("list", "--api", "http://127.0.0.1:9")
    assert (done.code, done.out) == (5, "")
    assert done.err.startswith("error: no answer from the API: ")


def test_an_address_that_is_none_and_a_key_given_twice_are_2(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert terminal("list", "--api", "localhost:8000").code == 2
    monkeypatch.setenv("AEON_JOBS_API_KEY", "x")
    monkeypatch.setenv("AEON_JOBS_API_KEY_FILE", str(tmp_path))
    done = terminal("list", "--api", "http://127.0.0.1:9")
    assert (done.code, "not both" in done.err) == (2, True)


def test_a_wrong_key_is_1_and_not_shown(
    terminal: Terminal, environment: Settings, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEON_JOBS_API_KEY", "aeon_secret")
    with running_api(environment) as server:
        done = terminal("list", "--api", server.address)
    assert (done.code, done.out) == (1, "")
    assert "a valid API key is needed" in done.err
    assert "aeon_secret" not in done.err


def test_a_database_without_our_tables_says_what_to_do(
    terminal: Terminal, environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    rows(database, "DROP TABLE jobs CASCADE")
    done = terminal("list")
    assert (done.code, done.out) == (5, "")
    assert "aeon-jobs migrate up" in done.err
