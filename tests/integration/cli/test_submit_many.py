"""`submit --many`: files of jobs, against the database and against an API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from aeon_jobs.ops.cli.commands import submit_many
from aeon_jobs.ops.cli.input import job_files
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.settings import Settings
from tests.rows import register, rows, value
from tests.terminal import Terminal


def lines(*entries: Any) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def stored(database: Database) -> list[Any]:
    return [row.text for row in rows(database, "SELECT payload ->> 'text' AS text FROM jobs ORDER BY 1")]


def test_every_line_is_a_job(cli: Terminal, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "jobs.jsonl"
    parent = cli.json("submit", "echo")["job_id"]
    first = {"job_type": "echo", "payload": {"text": "ä"}, "priority": 7, "metadata": {"n": 1}, "queue_name": None}
    second = {"job_type": "echo", "scheduled_at": "2099-01-31T09:00:00Z", "depends_on": [parent]}
    file.write_text(
        f"\ufeff{lines(first)}\r\n  \n{lines(second).strip()}"
    )  # a mark, empty lines, no newline at the end
    answer = cli.json("submit", "--many", file)
    assert answer["errors"] == []
    assert [(job["line"], job["is_new"]) for job in answer["jobs"]] == [(1, True), (4, True)]
    shown = [cli.json("show", job["job_id"]) for job in answer["jobs"]]
    assert [job["payload"] for job in shown] == [{"text": "ä"}, {}]
    assert (shown[0]["priority"], shown[0]["metadata"]) == (7, {"n": 1})
    assert (shown[1]["scheduled_at"][:10], shown[1]["blocked_by"]) == ("2099-01-31", 1)


def test_what_a_line_leaves_out_the_options_say(cli: Terminal, database: Database) -> None:
    text = lines({}, {"priority": 1, "idempotency_key": "k"}, {"idempotency_key": "k"})
    done = cli.ok("submit", "echo", '{"text": "hi"}', "--priority", 9, "--many", "-", stdin=text)
    assert done.out == "3 jobs submitted, 1 of them existed already\n"
    found = rows(database, "SELECT priority, payload ->> 'text' AS text FROM jobs ORDER BY priority")
    assert [(row.priority, row.text) for row in found] == [(1, "hi"), (9, "hi")]


def test_an_array_is_as_good(cli: Terminal, database: Database) -> None:
    answer = cli.json(
        "submit", "echo", "--many", "-", stdin='\n [{"payload": {"text": "a"}},\n{"payload": {"text": "b"}}]'
    )
    assert [job["item"] for job in answer["jobs"]] == [1, 2]
    assert stored(database) == ["a", "b"]
    assert cli.ok("submit", "echo", "--many", "-", stdin="[]").out == "0 jobs submitted\n"
    assert cli.ok("submit", "echo", "--many", "-").out == "0 jobs submitted\n"


WRONG: list[tuple[str, str]] = [
    ("{nonsense", "is not JSON: Expecting property name enclosed in double quotes at character 1"),
    ("5", "must be a JSON object"),
    ('{"priority": NaN}', "is not JSON: NaN is no number"),
    ("[" * 100_000, "is nested too deeply"),
    ('{"priority": 101}', "priority: must be"),
    ('{"priority": "high"}', "priority: must be"),
    ('{"priority": ' + "9" * 5_000 + "}", "is not JSON: Exceeds the limit"),
    ('{"payload": {"times": 0}}', "payload.times: must be at least 1"),
    ('{"payload": []}', "payload: must be a JSON object"),
    ('{"payload": {"x": 1}}', "payload.x: is not a field of this job type"),
    ('{"colour": 1}', "colour: is not a known field"),
    ('{"job_type": "nobody"}', "job_type: 'nobody' is not registered by any worker"),
    ('{"job_type": 5}', "job_type: must be text"),
    ('{"scheduled_at": "2030-01-01T00:00:00"}', "scheduled_at: must carry a time zone"),
    ('{"scheduled_at": 5}', "scheduled_at: must be a time"),
    ('{"depends_on": ["x"]}', "depends_on[0]: must be a UUID"),
    ('{"depends_on": 5}', "depends_on: must be a list"),
    (json.dumps({"depends_on": [str(uuid4())]}), "depends_on: no job with id"),
    ('{"payload": {"text": "\\u0000"}}', "payload"),
]


def test_what_is_wrong_is_named_by_line_and_field_and_nothing_is_stored(cli: Terminal, database: Database) -> None:
    for text, words in WRONG:
        done = cli("submit", "echo", "--many", "-", "--json", stdin=f"{{}}\n{text}\n{{}}\n")
        (line,) = done.err.splitlines()
        assert (done.code, line.startswith(f"error: line 2: {words}")) == (2, True), (text[:80], done)
        (error,) = done.json["errors"]
        assert (error["line"], f"{error['field']}: {error['rule']}".removeprefix(": ").startswith(words)) == (2, True)
    assert value(database, "SELECT count(*) FROM jobs") == 0


def test_every_line_at_fault_is_named(cli: Terminal, database: Database) -> None:
    done = cli("submit", "echo", "--many", "-", stdin=lines({"payload": {"times": 0}}, {}, {"payload": {"text": 5}}))
    assert [line.split(": ")[1:3] for line in done.err.splitlines()] == [
        ["line 1", "payload.times"],
        ["line 3", "payload.text"],
    ]
    assert (done.code, done.out, stored(database)) == (2, "0 jobs submitted\n", [])


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"\xff\xfe\x00", "error: line 1: is not UTF-8 text"),
        (b"[\xff]", "error: --many: is not UTF-8 text"),
        (b'[{"job_type": "echo"},', "error: --many: is not JSON"),
    ],
)
def test_what_is_no_text_is_refused(stdin: bytes, words: str, cli: Terminal) -> None:
    done = cli("submit", "echo", "--many", "-", stdin=stdin)
    assert (done.code, done.err.startswith(words), len(done.err.splitlines())) == (2, True, 1), done


def test_a_file_that_cannot_be_read_and_options_that_do_not_fit(cli: Terminal, tmp_path: Path) -> None:
    for arguments, words in (
        (["--many", "/no/such/file"], "--many: cannot read /no/such/file (No such file or directory)"),
        (["--many", tmp_path], f"--many: cannot read {tmp_path} (Is a directory)"),
        (["--many", "-", "--wait"], "--wait: waits for one job, not for --many"),
        ([], "TYPE: is missing; see aeon-jobs types"),
    ):
        done = cli("submit", *arguments)
        assert (done.code, done.out, done.err) == (2, "", f"error: {words}\n")


def test_a_line_without_end_does_not_fill_the_memory(cli: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_files, "MOST_BYTES", 1 << 20)
    done = cli("submit", "echo", "--many", "/dev/zero")
    assert (done.code, done.err) == (2, "error: line 1: is longer than 1 MiB\n")


def test_all_faults_of_a_file_are_told_and_nothing_is_stored(
    cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit_many, "BATCH_JOBS", 2)
    monkeypatch.setattr(submit_many, "MOST_SHOWN", 3)
    entries: list[Any] = [{"payload": {"text": letter}} for letter in "abcdefg"]
    entries[1] = {"priority": 101, "payload": {"times": 0}, "colour": 1}
    entries[5] = "no object"
    entries[6] = {"job_type": "nobody"}
    done = cli("submit", "echo", "--many", "-", "--json", stdin=lines(*entries))
    assert [(error["line"], error["field"]) for error in done.json["errors"]] == [
        (2, "colour"),
        (2, "payload.times"),
        (2, "priority"),
        (6, ""),
        (7, "job_type"),
    ]
    assert (done.code, done.err.splitlines()[-1]) == (2, "error: 2 more; --json shows all")
    assert stored(database) == []


def test_batches_are_stored_one_by_one_up_to_the_first_that_is_refused(
    cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the database knows whether a job to depend on exists."""
    monkeypatch.setattr(submit_many, "BATCH_JOBS", 2)
    entries: list[dict[str, Any]] = [{"payload": {"text": letter}} for letter in "abcdefg"]
    assert cli.ok("submit", "echo", "--many", "-", stdin=lines(*entries)).out == "7 jobs submitted\n"
    rows(database, "DELETE FROM jobs")
    entries[5]["depends_on"] = [str(uuid4())]
    done = cli("submit", "echo", "--many", "-", stdin=lines(*entries))
    assert (done.code, done.out) == (2, "4 jobs submitted: up to line 4; nothing after it\n")
    assert done.err.startswith("error: line 6: depends_on: no job with id")
    assert stored(database) == ["a", "b", "c", "d"]


def test_a_batch_is_bounded_in_size_too(cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit_many, "BATCH_BYTES", 1)
    entries = [{"payload": {"text": "a"}}, {"depends_on": [str(uuid4())]}]
    assert cli("submit", "echo", "--many", "-", stdin=lines(*entries)).code == 2
    assert stored(database) == ["a"]


def test_a_pipe_is_as_good_as_a_file(environment: Settings, database: Database) -> None:
    register(database)
    command = f"printf '{{}}\\n{{}}\\n' | {sys.executable} -P -m aeon_jobs submit note --many -"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ)
    assert (done.returncode, done.stdout) == (0, "2 jobs submitted\n"), done


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (JobsError("gone"), 1)])
def test_what_was_stored_before_an_interruption_is_told(
    error: BaseException, code: int, cli: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit_many, "BATCH_JOBS", 1)
    add, calls = submit_many.Result.add, iter((False, True))

    def breaking(*arguments: Any) -> Any:
        if next(calls):
            raise error
        return add(*arguments)

    monkeypatch.setattr(submit_many.Result, "add", breaking)
    done = cli("submit", "echo", "--many", "-", stdin=lines({}, {}))
    told = "1 job submitted: up to line 1; the next batch may be stored, too\n"
    assert (done.code, done.out) == (code, told)
    assert value(database, "SELECT count(*) FROM jobs") == 2
