"""A backup holds everything; what is restored from it runs on."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psutil
import pytest
from sqlalchemy import make_url

from aeon_jobs.ops.backup import programs
from aeon_jobs.ops.backup.dump import dump
from aeon_jobs.ops.backup.errors import BackupError
from aeon_jobs.ops.backup.restore import restore
from aeon_jobs.persistence.archive.moving import ArchivePass
from aeon_jobs.persistence.archive.retention import Retention
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import executions
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.states import Failure, completed, failed
from tests.conftest import _administration, _dsn, _of_database
from tests.rows import add_job, dispatch_all, end, job, outcomes, queue, register, rows, running_job, value
from tests.waiting import wait_for


@pytest.fixture
def other(postgres_url: str) -> Iterator[Database]:
    """An empty database."""
    name = f"{make_url(postgres_url).database}_restored"
    with _administration(postgres_url) as execute:
        execute(f'CREATE DATABASE "{name}"')
        database = Database(_dsn(_of_database(postgres_url, name)))
        yield database
        database.dispose()
        execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def dsn(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def everything(database: Database) -> dict[str, list[Any]]:
    """The rows of every table that a backup has, but for times that triggers write."""
    found = {}
    for table in migrate.tables():
        sql = f"SELECT to_jsonb(t) - 'updated_at' AS row FROM {table} t ORDER BY 1"
        found[table] = [row for (row,) in rows(database, sql)]
    return found


def filled(database: Database) -> dict[str, Any]:
    """Jobs in every state, and what hangs on them."""
    register(database)
    jobs: dict[str, Any] = {"old": running_job(database).id}
    end_of(database, jobs["old"])
    rows(database, "UPDATE jobs SET completed_at = now() - interval '40 days'")
    with database.connection() as connection:
        ArchivePass(Retention()).go_on(connection, 10)
    rows(database, "SELECT add_archive_partitions('2020-01-01', '2020-01-01')")
    rows(database, "UPDATE job_archive SET archived_at = '2020-01-05'")
    jobs["done"] = running_job(database).id
    end_of(database, jobs["done"])
    dead = running_job(database)
    end(database, dead, failed(Failure("Boom", "it broke", "Traceback …"), retries_left=0, delay_ms=0))
    jobs |= {"dead": dead.id, "running": running_job(database).id, "stopping": running_job(database).id}
    rows(database, "UPDATE jobs SET cancel_requested_at = now() WHERE id = :id", id=jobs["stopping"])
    jobs |= {"queued": add_job(database), "pending": add_job(database), "blocked": add_job(database)}
    queue(database, jobs["queued"])
    sql = "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:child, :parent)"
    rows(database, sql, child=jobs["blocked"], parent=jobs["running"])
    rows(database, "INSERT INTO workflows (id, name) VALUES (new_job_id(), 'w')")
    for _ in range(2):
        rows(database, "INSERT INTO jobs (job_type, workflow_id) SELECT 'note', id FROM workflows")
    rows(database, "UPDATE jobs SET status = 'completed' WHERE seq = (SELECT max(seq) FROM jobs)")
    rows(database, "INSERT INTO job_schedules (name, job_type, cron) VALUES ('s', 'note', '* * * * *')")
    rows(database, "INSERT INTO job_audit_log (actor, action, subject_type, subject_id) VALUES ('me', 'x', 'job', '1')")
    return jobs


def end_of(database: Database, job_id: Any) -> None:
    row = job(database, job_id)
    with database.connection() as connection:
        executions.record(
            connection, [Ended(job_id, row.attempt, row.started_at, completed(1))], worker_id="w1", shard=3
        )


def test_a_restored_database_has_every_row_and_every_job_that_was_in_motion_waits(database, other, tmp_path):
    jobs = filled(database)
    before = everything(database)
    done = dump(database, dsn(database), tmp_path / "backup")
    assert (stat.S_IMODE(done.file.stat().st_mode), done.version) == (0o600, migrate.available()[-1].version)
    back = restore(other, dsn(other), done.file)
    assert (back.archived, back.interrupted) == (1, 2)
    assert back.jobs == {"cancelled": 1, "completed": 2, "failed": 1, "pending": 5}
    after = everything(other)
    for table in before.keys() - {"jobs", "job_executions", "workers"}:
        assert after[table] == before[table], table
    assert len(after["job_executions"]) == len(before["job_executions"]) + 2
    assert [job(other, jobs[name]).status for name in ("running", "stopping", "queued", "blocked")] == [
        "pending",
        "cancelled",
        "pending",
        "pending",
    ]
    assert (job(other, jobs["running"]).worker_deaths, outcomes(other, jobs["running"])) == (0, [(1, "lost")])
    assert (job(other, jobs["blocked"]).blocked_by, job(other, jobs["blocked"]).ready) == (1, False)
    # Messages with the numbers of before mean nothing any more.
    assert job(other, jobs["queued"]).dispatch_seq > 1_000_000
    assert set(dispatch_all(other)) >= {jobs["running"], jobs["queued"], jobs["pending"]}
    assert migrate.is_current(other)
    # New rows get numbers of their own.
    rows(other, "INSERT INTO job_audit_log (actor, action, subject_type, subject_id) VALUES ('me', 'x', 'job', '2')")
    assert value(other, "SELECT max(seq) FROM jobs") < add_seq(other)


def add_seq(database: Database) -> int:
    return int(job(database, add_job(database)).seq)


def test_what_would_destroy_or_break_something_is_refused(database, other, tmp_path):
    register(database)
    add_job(database)
    file = dump(database, dsn(database), tmp_path / "backup").file
    with pytest.raises(BackupError, match="exists already"):
        dump(database, dsn(database), file)
    with pytest.raises(BackupError, match="there is no such file"):
        restore(other, dsn(other), tmp_path / "nothing")
    (tmp_path / "text").write_text("no backup")
    with pytest.raises(BackupError, match="pg_restore failed"):
        restore(other, dsn(other), tmp_path / "text")
    with pytest.raises(BackupError, match=r"has jobs\. --replace"):
        restore(database, dsn(database), file)
    with pytest.raises(BackupError, match="nothing to back up"):
        dump(other, dsn(other), tmp_path / "empty")
    with pytest.raises(BackupError, match="JOB_SCHEMA"):
        restore(Database(dsn(other), schema="elsewhere"), dsn(other), file)
    sql = (
        "INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version)"
        " VALUES ('w9', 'worker', 'h', 'b', 'n', 1, 1, '0')"
    )
    rows(database, sql)
    with pytest.raises(BackupError, match=r"stop them first \(w9\)"):
        restore(database, dsn(database), file, replace=True)
    rows(database, "UPDATE workers SET state = 'stopped'")
    add_job(database)
    assert restore(database, dsn(database), file, replace=True).jobs == {"pending": 1}


def test_no_process_shows_the_password_or_the_address(database, tmp_path):
    """The program waits for a lock while we look at its arguments."""
    register(database)
    url = database.engine.url.set(password="s3cret-word")
    secret = url.render_as_string(hide_password=False)

    def command_lines() -> list[str]:
        lines = list[str]()
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # it ended meanwhile
                lines.append(" ".join(child.cmdline()))
        return [line for line in lines if "--format=custom" in line]

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            rows(connection, "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            running = pool.submit(dump, database, secret, tmp_path / "backup")
            (line,) = wait_for(command_lines, "pg_dump runs")
        assert running.result(60).bytes > 0
    assert "s3cret-word" not in line
    assert str(url.database) not in line


def test_a_program_that_is_missing_is_named_with_the_way_to_get_it():
    with pytest.raises(BackupError, match="apt-get install postgresql-client-99"):
        programs.pg_dump(99)
    with pytest.raises(BackupError, match="apk add postgresql99-client"):
        programs.pg_restore(99)
