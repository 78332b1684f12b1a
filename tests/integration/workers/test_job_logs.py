"""Lines that a handler logs are kept with its job."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import text

from aeon_jobs import Jobs
from aeon_jobs.middleware.execution import job_logs
from aeon_jobs.middleware.execution.outcomes import Retry
from tests.harness import Harness

log = structlog.get_logger("their.service")


def lines_of(job_id: UUID, **options: Any) -> list[tuple[int, int, str, str]]:
    with Jobs.from_settings() as jobs:
        return [(line.attempt, line.line, line.level, line.message) for line in jobs.logs(job_id, **options)]


def test_lines_of_structlog_and_of_the_standard_library_are_kept_by_attempt(harness: Harness) -> None:
    @harness.job(max_retries=1)
    def talk(name: str) -> None:
        log.info("said hello", name=name)
        logging.getLogger("their.library").warning("%s of %s", 1, 2)
        try:
            raise ValueError("odd")
        except ValueError:
            log.exception("went wrong")
        logging.getLogger("their.library").debug("below the level of the log")
        if len(lines) == 0:
            lines.append(1)
            raise Retry(after=0)

    lines: list[int] = []
    with harness.working():
        job = harness.finished(talk.send("Ada"))

    found = lines_of(job.id)
    assert [line[:3] for line in found] == [
        *((1, 1, "info"), (1, 2, "warning"), (1, 3, "error")),
        *((2, 1, "info"), (2, 2, "warning"), (2, 3, "error")),
    ]
    assert found[0][3] == "said hello name=Ada"
    assert found[1][3] == "1 of 2"
    assert found[2][3].startswith("went wrong\nTraceback")
    assert found[2][3].endswith("ValueError: odd")
    assert [line[0] for line in lines_of(job.id, attempt=2)] == [2, 2, 2]


def test_an_async_handler_logs_too(harness: Harness) -> None:
    @harness.job
    async def talk() -> None:
        log.info("in the loop")

    with harness.working():
        job = harness.finished(talk.send())

    assert lines_of(job.id) == [(1, 1, "info", "in the loop")]


def test_a_job_that_logs_nothing_and_one_that_must_not_be_kept_have_no_lines(harness: Harness) -> None:
    @harness.job
    def quiet() -> None: ...

    @harness.job(keep_logs=False)
    def private() -> None:
        log.info("a secret")

    with harness.working():
        finished = [harness.finished(quiet.send()), harness.finished(private.send())]

    assert [lines_of(job.id) for job in finished] == [[], []]


def test_an_attempt_keeps_so_many_lines_and_says_so(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_logs, "MAX_LINES", 3)
    monkeypatch.setattr(job_logs, "MAX_CHARACTERS", 20)

    @harness.job
    def chatter() -> None:
        for number in range(9):
            log.info("x" * 30, number=number)

    with harness.working():
        job = harness.finished(chatter.send())

    found = lines_of(job.id)
    assert [line[1] for line in found] == [1, 2, 3, 4]
    assert found[0][3] == "x" * 20 + " …"
    assert found[3][2:] == ("warning", "no more lines are kept: an attempt keeps 3 lines, of 256 KiB at most")


def test_lines_that_postgresql_cannot_take_now_are_stored_later(harness: Harness) -> None:
    logs = job_logs.JobLogs(harness.database, {"talk"})

    @harness.job
    def talk() -> None:
        log.info("kept")

    with harness.working():
        job = harness.finished(talk.send())
    harness.execute("DELETE FROM job_logs")
    line = job_logs.LogLine(job.id, 1, 1, "2026-01-01T00:00:00+00:00", "info", "late")
    logs._lines.append(line)
    harness.execute("ALTER TABLE job_logs RENAME TO away")
    try:
        assert not logs.store()
    finally:
        harness.execute("ALTER TABLE away RENAME TO job_logs")

    assert logs.store()
    assert [row[3] for row in lines_of(job.id)] == ["late"]
    with harness.database.connection() as connection:
        connection.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": job.id})
    logs._lines.append(line)
    assert logs.store()  # the job is gone: so is the line
    assert harness.execute("SELECT count(*) FROM job_logs") == [(0,)]
    logs.close()
