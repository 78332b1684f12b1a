"""Every verb three times: as Python, over HTTP, on the command line. The answers are the same, so are the refusals.

1. A script of steps; each is a verb of `contract.JobsApi`, and, where there is one, the command that does the same.
2. The script runs in an empty database once per interface; what an answer cannot have in common (ids, times, names) is masked.
3. The three transcripts are compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import redis

from aeon_jobs import Jobs, JobsError
from aeon_jobs.api.client import ApiError, Client, Retries
from aeon_jobs.api.contract import (
    JobsApi,
)
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import job_types
from aeon_jobs.persistence.queue.states import Failure, failed
from aeon_jobs.persistence.queue.unique import Debounce, shape
from tests.api_server import running_api
from tests.integration.conftest import ECHO
from tests.integration.parity_script import STEPS, Memo, Step
from tests.rows import end, rows, start
from tests.terminal import Terminal


def test_the_script_has_every_verb() -> None:
    verbs = {name for name, member in vars(JobsApi).items() if callable(member) and not name.startswith("_")}
    assert {step.verb for step in STEPS} == verbs - {"close"}


def test_every_verb_answers_the_same_in_python_over_http_and_on_the_command_line(
    environment: Settings,
    database: Database,
    redis_client: redis.Redis,
    terminal: Terminal,
) -> None:
    with database.transaction() as connection:
        job_types.register(
            connection, [ECHO, JobType(name="index", uniqueness=shape(Debounce(5, max_wait=60, by=["n"])))]
        )
        key = api_keys.create(connection, "the-admin", "admin")
    with Jobs.from_settings(environment, name="the-admin") as jobs:
        in_python = _transcript(database, _by_calls(jobs))
    with running_api(environment) as server, Client(server.address, key, retries=Retries(most=0)) as client:
        over_http = _transcript(database, _by_calls(client))
    with Jobs.from_settings(environment) as besides:
        on_the_command_line = _transcript(database, _by_commands(terminal, besides))

    for step, here, there, typed in zip(STEPS, in_python, over_http, on_the_command_line, strict=True):
        assert here == there, step.verb
        if step.command:
            assert typed == here, step.verb


Answer = Callable[[Step, Memo], Any]


def _transcript(database: Database, answer: Answer) -> list[Any]:
    rows(
        database,
        "TRUNCATE workflows, workflow_changes, workflow_holds, jobs, job_schedules, dead_letter_jobs, job_queues, workers,"
        " job_bulk_changes, job_audit_log CASCADE",
    )
    rows(database, "DELETE FROM job_api_keys WHERE name = 'robot'")
    memo: Memo = {}
    told = []
    for step in STEPS:
        if step.verb == "dead_letter_page":
            _fail_three(database)
        if step.verb == "workers":
            _add_workers(database)
        found = answer(step, memo)
        if step.note:
            memo[step.note] = _id_in(found)
        told.append(_masked(found))
    return told


def _by_calls(jobs: JobsApi) -> Answer:
    def answer(step: Step, memo: Memo) -> Any:
        try:
            return msgspec.to_builtins(step.call(jobs, memo))
        except (JobsError, ApiError) as refused:
            return f"refused: {refused}"

    return answer


def _by_commands(terminal: Terminal, besides: Jobs) -> Answer:
    """What has no command is done in Python, so that the steps that follow find the same."""

    def answer(step: Step, memo: Memo) -> Any:
        if step.command is None:
            return _by_calls(besides)(step, memo)
        done = terminal(*step.command(memo), "--json")
        if done.err.startswith("error: "):
            return f"refused: {done.err.removeprefix('error: ').strip()}"
        return None if step.verb == "acknowledge_worker" else json.loads(done.out)

    return answer


def _fail_three(database: Database) -> None:
    rows(database, "DELETE FROM jobs")
    for number in range(3):
        sql = "INSERT INTO jobs (job_type, payload, max_retries) VALUES ('echo', '{}', 0) RETURNING id"
        ((job_id,),) = rows(database, sql)
        (claimed,) = start(database, job_id)
        failure = Failure("Boom", f"it broke {number}", "Traceback …")
        end(database, claimed, failed(failure, retries_left=0, delay_ms=0))


def _add_workers(database: Database) -> None:
    sql = (
        "INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, state)"
        " VALUES ('here', 'worker', 'h', 'b', 'n', 1, 1, '0', 'stopped'),"
        " ('busy', 'worker', 'h', 'b', 'n', 2, 1, '0', 'running')"
    )
    rows(database, sql)


def _id_in(found: Any) -> Any:
    if "items" in found:
        return [item["id"] for item in found["items"]]
    return found.get("job_id") or found["id"]


_WHO = {"created_by", "cancel_requested_by", "paused_by", "resolved_by", "revoked_by", "actor"}
_OF_THE_MOMENT = {"key", "request_id", "duration_ms", "fingerprint"}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY_ID = re.compile(r"[a-z0-9]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def _masked(value: Any, name: str = "") -> Any:
    match value:
        case _ if name in _OF_THE_MOMENT:
            return f"<{name}>"
        case dict():
            return {key: _masked(item, key) for key, item in value.items()}
        case list():
            return [_masked(item, name) for item in value]
        case str() if name in _WHO or (name == "id" and _KEY_ID.fullmatch(value)):
            return f"<{name}>"
        case str():
            return _TIME.sub("<time>", _ID.sub("<id>", value))
        case int() if name in {"id", "dead_letter_id"}:
            return f"<{name}>"
    return value
