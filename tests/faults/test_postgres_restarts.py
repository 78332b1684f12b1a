"""PostgreSQL crashed and restarted, deadlocked, refused: workers wait, and nothing is acked before it is recorded."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg2
import pytest
import redis
from sqlalchemy.exc import DBAPIError

from aeon_jobs.middleware.dispatch.dispatcher import Dispatcher
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.ops.embedded import EmbeddedPostgres
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, load_settings
from aeon_jobs.persistence.queue import dispatch, executions
from aeon_jobs.persistence.queue.dispatch import Lane
from aeon_jobs.persistence.queue.executions import Claimed, Ended
from aeon_jobs.persistence.queue.process import registration
from aeon_jobs.persistence.queue.states import completed
from tests.faults.conftest import System
from tests.waiting import wait_for

# The bound of the promise is 2,000; `make faults` sets it.
JOBS = int(os.environ.get("FAULT_JOBS", "500"))


@pytest.fixture
def postgres(private_postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    return private_postgres


@pytest.fixture
def system(postgres: EmbeddedPostgres, redis_url: str, redis_client: redis.Redis, tmp_path: Path) -> Iterator[System]:
    settings = load_settings(database_url=postgres.url, redis_url=redis_url)
    database = Database(settings.postgres_dsn)
    migrate.up(database)
    yield System(settings, database, redis_client, tmp_path)
    database.dispose()


def test_a_crash_of_postgres_amid_hundreds_of_jobs_loses_and_doubles_no_record(
    system: System, postgres: EmbeddedPostgres
) -> None:
    system.submit("nap", JOBS, seconds=0.02)
    with system.workers(processes=2, threads=4) as group:
        wait_for(lambda: len(system.effects()) > JOBS // 10, "some ran")
        workers = group.processes()
        _crash(system, postgres)
        wait_for(lambda: len(system.effects()) > JOBS // 2, "more ran")
        _crash(system, postgres)
        system.wait_until(completed=JOBS)
        assert all(worker.is_running() for worker in workers), "a worker had to be replaced"

    completions = system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'completed' GROUP BY job_id")
    assert [row.count for row in completions] == [1] * JOBS
    assert len(system.effects()) == JOBS


def test_a_handler_that_ends_while_postgres_is_away_is_recorded_first_and_acked_then(
    system: System, postgres: EmbeddedPostgres
) -> None:
    system.submit("nap", 4, seconds=0.5)
    with system.workers(processes=1, threads=4):
        system.wait_for_running(4)
        # Claims are not flushed one by one: a crash right after them would have the jobs run again, as is told below.
        system.execute("CHECKPOINT")
        postgres.kill()
        wait_for(lambda: len(system.effects()) == 4, "the handlers ended")
        unacked = system.unacked()
        postgres.restart()
        system.database.dispose()
        system.wait_until(completed=4)
        assert unacked == 4
        wait_for(lambda: system.unacked() == 0, "the acks followed")

    assert set(system.effects().values()) == {1}
    assert system.execute("SELECT 1 FROM job_executions WHERE outcome <> 'completed'") == []


def test_a_dispatcher_and_a_scheduler_outlive_a_crash_of_postgres(system: System, postgres: EmbeddedPostgres) -> None:
    with (
        system.workers(processes=1, threads=2),
        system.ours("dispatcher") as dispatcher,
        system.ours("scheduler") as ticks,
    ):
        system.submit("note", 5)
        system.wait_until(completed=5)
        _crash(system, postgres)
        system.submit("note", 5)
        system.wait_until(completed=10)
        assert dispatcher.is_alive
        assert ticks.is_alive


def test_a_term_while_postgres_is_away_ends_the_process_and_its_jobs_come_back(
    system: System, postgres: EmbeddedPostgres, pipe: Path
) -> None:
    system.submit("blocked_until", 2, pipe=str(pipe))
    system.submit("nap", 2, seconds=600)
    command = [
        "-m",
        "dramatiq",
        "aeon_jobs.actors",
        "tests.handlers",
        "-p",
        "1",
        "-t",
        "4",
        "--worker-shutdown-timeout",
        "1000",
    ]
    with system.group(*command) as group:
        system.wait_for_running(4)
        # Claims are not flushed one by one.
        system.execute("CHECKPOINT")
        postgres.kill()
        with pipe.open("w"):
            wait_for(lambda: len(system.effects()) == 2, "two wait to be recorded, two still run")
        # Far less than a supervisor waits.
        group.stop(timeout_s=20)
        postgres.restart()
        system.database.dispose()
    assert system.statuses() == {"running": 4}
    system.execute("""UPDATE jobs SET payload = '{"seconds": 0}' WHERE job_type = 'nap'""")
    with system.workers(processes=1, threads=4), pipe.open("w"):
        system.wait_until(completed=4)

    outcomes = system.execute("SELECT outcome, count(*) FROM job_executions GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in outcomes] == [("completed", 4), ("lost", 4)]


def _crash(system: System, postgres: EmbeddedPostgres) -> None:
    postgres.restart(immediate=True)
    # The test's own connections are gone as well.
    system.database.dispose()


# --- two connections, one recorder ------------------------------------------------------------------


@pytest.fixture
def recorder(settings: Settings, database: Database) -> Recorder:
    recorder = Recorder(database, settings)
    recorder.worker_id = "w"
    return recorder


@pytest.fixture
def running(database: Database) -> list[Claimed]:
    """Two claimed jobs, in the order in which every statement locks them."""
    return _claim(database, "w", _queued(database, 2))


def test_a_record_that_is_the_victim_of_a_deadlock_is_made_again(
    settings: Settings, recorder: Recorder, running: list[Claimed]
) -> None:
    first, second = running
    with _rival(settings) as rival:
        rival("SET LOCAL deadlock_timeout = '60s'")
        rival("UPDATE jobs SET metadata = '{}' WHERE id = %s", second.id)
        with _recording(recorder, running) as answers:
            # The recorder holds the first and waits for the second; now we wait for the first: a circle.
            _wait_for_lock_waits(recorder, 1)
            rival("UPDATE jobs SET metadata = '{}' WHERE id = %s", first.id)
            assert answers == []
            rival("COMMIT")

    assert answers == [True, True]


def test_a_record_that_cannot_be_serialized_is_made_again(
    settings: Settings, recorder: Recorder, running: list[Claimed], database: Database
) -> None:
    """Somebody made REPEATABLE READ the default of the database."""
    with database.connection() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'")
    database.dispose()
    with _rival(settings) as rival:
        rival("UPDATE jobs SET metadata = '{}' WHERE id = %s", running[0].id)
        with _recording(recorder, running) as answers:
            _wait_for_lock_waits(recorder, 1)
            rival("COMMIT")

    assert answers == [True, True]


def test_an_attempt_whose_claim_a_crash_removed_cannot_record_for_the_next_one(
    database: Database, recorder: Recorder
) -> None:
    """Claims are not flushed to disk: after a crash of the server the same attempt may be claimed by another worker."""
    dispatched = _queued(database, 1)
    (before,) = _claim(database, "dead", dispatched)
    with database.connection() as connection:
        connection.exec_driver_sql("UPDATE jobs SET status = 'queued', attempt = 0")
    (after,) = _claim(database, "w", dispatched)
    assert (before.attempt, before.id) == (after.attempt, after.id)

    stale = Ended.of(before, completed("of the attempt that never was"))
    with database.connection() as connection:
        assert executions.record(connection, [stale], worker_id="dead", shard=0) == {(before.id, 1): False}
        assert executions.renew(connection, [(before.id, 1)], lease_ms=1_000) != []
    assert recorder.record(Ended.of(after, completed("true")))

    with database.connection() as connection:
        assert connection.exec_driver_sql("SELECT result FROM jobs").scalar_one() == "true"
        outcomes = connection.exec_driver_sql("SELECT outcome, worker_id FROM job_executions ORDER BY id").all()
        assert [tuple(row) for row in outcomes] == [("superseded", "dead"), ("completed", "w")]
        # Heard again because the reply was lost: still no change, and no second line in the history.
        assert executions.record(connection, [stale], worker_id="dead", shard=0) == {(before.id, 1): False}
        assert connection.exec_driver_sql("SELECT count(*) FROM job_executions").scalar_one() == 2


class Forgetting:
    """A PostgreSQL that crashes on request, and loses what was committed without a flush.

    Its WAL writer is frozen, and nobody else writes, so nothing that is not waited for reaches the disk. The death of that
    process is a crash: PostgreSQL starts again from what the disk has.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        (self._wal_writer,) = system.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
        os.kill(self._wal_writer.pid, signal.SIGSTOP)

    def crash(self) -> None:
        os.kill(self._wal_writer.pid, signal.SIGKILL)
        self._system.database.dispose()
        wait_for(self._answers, "PostgreSQL is back")
        self._system.database.dispose()

    def _answers(self) -> bool:
        try:
            return not self._system.execute("SELECT 1 FROM pg_stat_activity WHERE pid = :pid", pid=self._wal_writer.pid)
        except DBAPIError:
            return False


@pytest.fixture
def forgetting(system: System) -> Callable[[], Forgetting]:
    """Call it once everything that shall last is committed."""
    for setting in ("autovacuum = off", "bgwriter_lru_maxpages = 0"):
        system.execute(f"ALTER SYSTEM SET {setting}")
    system.execute("SELECT pg_reload_conf()")
    return lambda: Forgetting(system)


def test_a_dispatch_and_a_claim_that_a_crash_removed_are_made_again_under_the_same_numbers_and_recorded_once(
    system: System, forgetting: Callable[[], Forgetting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", system.settings.postgres_dsn)
    system.submit("note", 1)
    before, after = (Recorder(system.database, system.settings) for _ in range(2))
    before.worker_id, after.worker_id = "before", "after"
    lane = {Lane("lane", ("default",), ("note",)): 1}

    def dispatched() -> tuple[UUID, int]:
        with system.database.connection() as connection:
            (entry,) = dispatch.dispatch(connection, lane)
        return entry.id, entry.seq

    postgres = forgetting()
    first = dispatched()
    (lost,) = before.claim([first]).values()
    postgres.crash()
    (row,) = system.execute("SELECT status::text, dispatch_seq, attempt FROM jobs")
    assert tuple(row) == ("pending", 0, 0), "both were on the disk: this test shows nothing"

    assert dispatched() == first
    (kept,) = after.claim([first]).values()
    assert (kept.id, kept.attempt) == (lost.id, lost.attempt)
    before.unclaim([lost])
    assert system.statuses() == {"running": 1}
    assert not before.record(Ended.of(lost, completed("of the attempt that never was")))
    assert after.record(Ended.of(kept, completed("true")))
    outcomes = system.execute("SELECT outcome, worker_id FROM job_executions ORDER BY id")
    assert [tuple(row) for row in outcomes] == [("superseded", "before"), ("completed", "after")]


def test_jobs_whose_dispatch_a_crash_removed_are_dispatched_again_though_their_messages_are_in_redis(
    system: System, forgetting: Callable[[], Forgetting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", system.settings.postgres_dsn)
    with system.workers(processes=1, threads=4) as group:
        wait_for(lambda: system.execute("SELECT 1 FROM workers WHERE lane IS NOT NULL"), "the lane is known")
        # Not told: for the dispatcher its lane is alive for a while.
        group.kill()
    transport = RedisTransport(system.redis, system.settings.redis_queue_prefix)
    dispatcher = Dispatcher(system.database, transport, system.settings, registration("dispatcher", "d"))
    system.submit("note", 4)
    dispatcher._served()
    postgres = forgetting()
    assert dispatcher.dispatch_once().dispatched == 4
    postgres.crash()
    assert (system.statuses(), system.unacked()) == ({"pending": 4}, 4)
    with system.workers(processes=1, threads=4):
        system.wait_until(completed=4)
        wait_for(lambda: system.unacked() == 0, "no message is left")
    assert Counter(system.effects().values()) == {1: 4}
    assert system.execute("SELECT outcome, count(*) FROM job_executions GROUP BY 1") == [("completed", 4)]


def _queued(database: Database, count: int) -> list[tuple[UUID, int]]:
    with database.connection() as connection:
        rows = connection.exec_driver_sql(
            "INSERT INTO jobs (job_type, status, dispatch_seq) SELECT 'note', 'queued', 1 FROM generate_series(1, %s)"
            " RETURNING id",
            (count,),
        )
        return sorted((row.id, 1) for row in rows)


def _claim(database: Database, worker_id: str, dispatched: list[tuple[UUID, int]]) -> list[Claimed]:
    with database.connection() as connection:
        claimed = executions.claim(connection, dispatched, worker_id=worker_id, lease_ms=60_000)
    return [claimed[found] for found in dispatched]


class _Rival:
    """A transaction of somebody else."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg2.connect(dsn)

    def __call__(self, statement: str, *values: object) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, [str(value) for value in values])

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _rival(settings: Settings) -> Iterator[_Rival]:
    rival = _Rival(settings.postgres_dsn.replace("+psycopg2", ""))
    try:
        yield rival
    finally:
        rival.close()


@contextmanager
def _recording(recorder: Recorder, jobs: list[Claimed]) -> Iterator[list[bool]]:
    """A thread that records both jobs in one statement; the list is filled when it is answered."""
    answers: list[bool] = []
    ended = [Ended.of(job, completed(None)) for job in jobs]
    thread = threading.Thread(target=lambda: answers.extend(recorder._record(ended)))
    thread.start()
    try:
        yield answers
    finally:
        thread.join(30)


def _wait_for_lock_waits(recorder: Recorder, count: int) -> None:
    def look() -> bool:
        with recorder._database.connection() as connection:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return bool(connection.exec_driver_sql(waiting).scalar_one() >= count)

    wait_for(look, "the record waits for a lock")


def test_while_postgres_is_read_only_outcomes_wait_and_no_job_runs_twice(system: System) -> None:
    """As an old primary is in the middle of a failover."""
    system.submit("nap", 40, seconds=0.2)
    with system.workers(processes=1, threads=4) as group:
        wait_for(lambda: len(system.effects()) > 4, "some ran")
        _read_only(system, "on")
        wait_for(lambda: "PostgreSQL does not answer; waiting" in group.log(), "an outcome waits")
        _read_only(system, "off")
        system.wait_until(completed=40)
    assert [row.outcome for row in system.execute("SELECT DISTINCT outcome FROM job_executions")] == ["completed"]
    assert set(system.effects().values()) == {1}


def _read_only(system: System, switch: str) -> None:
    connection = psycopg2.connect(system.settings.postgres_dsn.replace("postgresql+psycopg2", "postgresql"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute(f"ALTER SYSTEM SET default_transaction_read_only = {switch}")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()
