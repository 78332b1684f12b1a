"""The pool is bounded, connections that rested are replaced, and errors that pass are told from those that do not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from aeon_jobs.persistence.core import database as module
from aeon_jobs.persistence.core.database import IDLE_LIMIT_S, Database, is_transient, statement
from aeon_jobs.persistence.core.settings import Settings, get_settings, load_settings
from aeon_jobs.persistence.queue import dispatch, jobs
from aeon_jobs.persistence.queue.submissions import NewJob
from tests.faults.proxy import Proxy
from tests.races import rival
from tests.rows import add_job, job, register, rows, value


def pid(database: Database) -> int:
    return value(database, "SELECT pg_backend_pid()")


def test_by_default_ten_connections_are_all_there_are_and_whoever_comes_next_is_told_in_bounded_time(database):
    assert database.engine.pool.size() == 10
    assert 0 < database.engine.pool._timeout <= 5  # seconds
    database.engine.pool._timeout = 0.01
    with ExitStack() as stack:
        pids = {value(stack.enter_context(database.connection()), "SELECT pg_backend_pid()") for _ in range(10)}
        assert len(pids) == 10
        with pytest.raises(PoolTimeout) as error:
            stack.enter_context(database.connection())
    assert is_transient(error.value)
    assert pid(database) in pids


def test_the_size_of_the_pool_is_the_callers(settings):
    database = Database(settings.postgres_dsn, pool_size=1)
    database.engine.pool._timeout = 0.01
    with database.connection(), pytest.raises(PoolTimeout), database.connection():
        pass
    database.dispose()


def test_a_connection_is_given_back_after_an_error(database):
    for _ in range(11):
        with pytest.raises(DBAPIError), database.transaction() as connection:
            rows(connection, "SELECT 1 / 0")
    assert database.engine.pool.checkedout() == 0


def test_nothing_is_connected_before_first_use():
    Database("postgresql+psycopg2://nobody@127.0.0.1:1/nothing").dispose()


def test_a_child_process_has_connections_of_its_own_and_leaves_the_parents_open(database):
    before = pid(database)
    if (child := os.fork()) == 0:
        try:
            is_own = pid(database) != before
        finally:
            os._exit(0 if is_own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pid(database) == before


def test_a_connection_that_rested_is_replaced_and_one_that_did_not_is_used_again(database, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    first = pid(database)
    now += IDLE_LIMIT_S
    assert pid(database) == first
    now += IDLE_LIMIT_S + 0.001
    second = pid(database)
    assert second != first
    assert pid(database) == second


def test_the_connection_used_last_is_used_first(database):
    """Those beyond what is needed rest, and are replaced or never used again."""
    with database.connection(), database.connection() as inner:
        last = value(inner, "SELECT pg_backend_pid()")
        with database.connection():
            pass
    with database.connection() as one:
        assert value(one, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == 3
    assert pid(database) == pid(database)
    assert last


def test_a_server_is_given_two_seconds_to_answer(database):
    with database.engine.connect() as connection:
        parameters = connection.connection.dbapi_connection.get_dsn_parameters()
    assert (parameters["connect_timeout"], parameters["application_name"]) == ("2", "aeon-jobs")
    assert parameters["tcp_user_timeout"] == "10000"


def test_a_transaction_commits_at_its_end_and_rolls_back_on_an_exception(database):
    with database.transaction() as connection:
        job_id = add_job(connection)
    assert job(database, job_id).status == "pending"

    def fail(connection):
        rows(connection, "DELETE FROM jobs")
        raise KeyError

    with pytest.raises(KeyError), database.transaction() as connection:
        fail(connection)
    assert job(database, job_id).status == "pending"


def test_each_statement_on_a_connection_is_a_transaction_of_its_own(database):
    with database.connection() as connection:
        job_id = add_job(connection)
        assert job(database, job_id).status == "pending"
        with pytest.raises(DBAPIError):
            rows(connection, "SELECT 1 / 0")
        assert value(connection, "SELECT 1") == 1


def test_a_connection_comes_out_of_a_transaction_in_autocommit_again(database):
    with database.transaction() as connection:
        first = value(connection, "SELECT pg_backend_pid()")
    with database.connection() as connection:
        assert value(connection, "SELECT pg_backend_pid()") == first
        add_job(connection)
        assert value(database, "SELECT count(*) FROM jobs") == 1


@contextmanager
def database_beside(database: Database) -> Iterator[Database]:
    """The same, with connections of its own."""
    beside = Database(database.engine.url.render_as_string(hide_password=False))
    yield beside
    beside.dispose()


def test_a_connection_lost_under_a_submission_is_sqlalchemys_error_and_leaves_the_pool(database):
    register(database)
    with database.connection() as connection:
        pid = value(connection, "SELECT pg_backend_pid()")
    with database_beside(database) as beside:
        rows(beside, "SELECT pg_terminate_backend(:pid)", pid=pid)
    with pytest.raises(OperationalError) as error, database.connection() as connection:
        jobs.submit(connection, NewJob(job_type="note"))
    assert error.value.connection_invalidated
    assert is_transient(error.value)
    with database.connection() as connection:
        jobs.submit(connection, NewJob(job_type="note"))
    assert value(database, "SELECT count(*) FROM jobs") == 1


def test_a_submission_has_the_time_that_is_set(database, monkeypatch):
    register(database)
    monkeypatch.setenv("DATABASE_STATEMENT_TIMEOUT", "50")
    get_settings.cache_clear()
    with database.transaction() as holder:
        rows(holder, "LOCK TABLE jobs IN SHARE MODE")
        with pytest.raises(OperationalError) as error, database.connection() as connection:
            jobs.submit(connection, NewJob(job_type="note"))
    assert error.value.orig.pgcode == "57014"


def test_nothing_outlives_a_transaction_so_that_a_transaction_pooler_may_stand_between(settings: Settings, database):
    """PgBouncer gives the server's session to another client at every COMMIT."""
    with database.transaction() as connection:
        rows(connection, "CREATE SCHEMA aeon")
    aeon = Database(settings.postgres_dsn, schema="aeon")
    state = (
        "SELECT current_setting('search_path'), current_setting('synchronous_commit'),"
        " (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels()),"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
    )
    with aeon.engine.connect() as session:
        before = tuple(session.execute(text(state)).one())
        session.execute(statement("queue/missing_jobs", "public").bindparams(ids=[]))
        with pytest.raises(DBAPIError):  # there is no table of ours: what matters is what the attempt leaves behind
            session.execute(statement("queue/claim", "aeon").bindparams(ids=[], seqs=[], worker_id="w", lease_ms=1))
        assert tuple(session.execute(text(state)).one()) == before
    aeon.dispose()


@pytest.mark.parametrize("way", ["connection", "transaction"])
def test_a_statement_of_ours_is_given_the_time_that_is_set_and_leaves_the_session_its_own(database, monkeypatch, way):
    job_id = add_job(database)
    # Should the limit not hold, the wait for the lock ends all the same, with another error.
    url = database.engine.url.update_query_dict({"options": "-c lock_timeout=10s"})
    hasty = Database(url.render_as_string(hide_password=False), pool_size=1)
    with database.transaction() as holder:
        rows(holder, "SELECT FROM jobs FOR UPDATE")
        monkeypatch.setenv("DATABASE_STATEMENT_TIMEOUT", "50")
        get_settings.cache_clear()
        with pytest.raises(OperationalError) as error, getattr(hasty, way)() as connection:
            jobs.cancel(connection, job_id)
    assert error.value.orig.pgcode == "57014"
    assert value(hasty, "SHOW statement_timeout") == "0"
    hasty.dispose()
    assert job(database, job_id).status == "pending"


# --- errors that pass ---------------------------------------------------------------------------


def test_a_deadlock_passes(database):
    one, other = add_job(database), add_job(database)
    lock = "SELECT FROM jobs WHERE id = :id FOR UPDATE"

    def in_the_other_order(connection):
        rows(connection, lock, id=other)
        rows(connection, lock, id=one)

    errors = []
    with database.transaction() as connection:
        rows(connection, lock, id=one)
        with rival(database, in_the_other_order) as second:
            second.waits()
            for step in (lambda: rows(connection, lock, id=other), second.answer):
                try:
                    step()
                except OperationalError as error:
                    errors.append(error)
                connection.rollback()
    (error,) = errors
    assert error.orig.pgcode == "40P01"
    assert is_transient(error)


def terminate(database: Database, victim: int) -> None:
    assert value(database, "SELECT pg_terminate_backend(:pid, 5000)", pid=victim)


def test_a_connection_that_the_server_ended_passes_and_the_next_one_is_new(database):
    with database.connection() as connection:
        terminate(database, value(connection, "SELECT pg_backend_pid()"))
        with pytest.raises(DBAPIError) as error:
            rows(connection, "SELECT 1")
    assert is_transient(error.value)
    assert value(database, "SELECT 1") == 1


def test_a_transaction_that_the_server_ended_passes(database):
    def work(connection):
        add_job(connection)
        terminate(database, value(connection, "SELECT pg_backend_pid()"))
        dispatch.promote(connection)

    with pytest.raises(DBAPIError) as error, database.transaction() as connection:
        work(connection)
    assert is_transient(error.value)
    assert value(database, "SELECT count(*) FROM jobs") == 0


def test_a_connection_that_was_ended_while_it_rested_passes(settings, database):
    own = Database(settings.postgres_dsn, pool_size=1)
    terminate(database, pid(own))
    with pytest.raises(DBAPIError) as error:
        pid(own)
    assert is_transient(error.value)
    assert pid(own)
    own.dispose()


def test_a_connection_that_is_closed_already_passes(database):
    with database.connection() as connection:
        connection.connection.dbapi_connection.close()
        with pytest.raises(InterfaceError) as error:
            rows(connection, "SELECT 1")
    assert is_transient(error.value)


def test_a_server_that_is_not_there_passes():
    nowhere = Database("postgresql+psycopg2://postgres@127.0.0.1:1/x")
    with pytest.raises(OperationalError) as error:
        rows(nowhere, "SELECT 1")
    assert is_transient(error.value)
    nowhere.dispose()


def test_a_lock_that_was_not_free_in_time_passes(database):
    job_id = add_job(database)
    with database.transaction() as connection:
        rows(connection, "SELECT FROM jobs FOR UPDATE")
        impatient = f"SET LOCAL lock_timeout = '1ms'; UPDATE jobs SET priority = 1 WHERE id = '{job_id}'"
        with pytest.raises(OperationalError) as error:
            rows(database, impatient)
    assert error.value.orig.pgcode == "55P03"
    assert is_transient(error.value)


def test_a_serialization_failure_passes(database):
    job_id = add_job(database)
    with database.transaction() as connection:
        rows(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        job(connection, job_id)
        rows(database, "UPDATE jobs SET priority = 1")
        with pytest.raises(OperationalError) as error:
            rows(connection, "UPDATE jobs SET priority = 2")
        connection.rollback()
    assert is_transient(error.value)


@pytest.mark.parametrize(
    "mistake",
    [
        "SELECT 1 / 0",
        "SELECT * FROM nowhere",
        "INSERT INTO jobs (job_type, priority) VALUES ('x', 101)",
        "SELECT '{'::jsonb",
        "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (gen_random_uuid(), gen_random_uuid())",
        "SET LOCAL statement_timeout = 1; SELECT pg_sleep(10)",
    ],
)
def test_a_mistake_does_not_pass(database, mistake):
    with pytest.raises(DBAPIError) as error:
        rows(database, mistake)
    assert not is_transient(error.value)


def test_an_error_of_ours_does_not_pass():
    assert not is_transient(KeyError("x"))
    assert not is_transient(TimeoutError())


def test_a_server_that_became_read_only_is_left(settings):
    """As after a failover, when the server that was the primary answers still."""
    database = Database(settings.postgres_dsn, pool_size=1)
    register(database)
    for write in (lambda on: rows(on, "DELETE FROM jobs"), lambda on: jobs.submit(on, NewJob(job_type="note"))):
        with database.connection() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = on")
            before = value(connection, "SELECT pg_backend_pid()")
        with pytest.raises(DBAPIError) as error, database.connection() as connection:
            write(connection)
        assert is_transient(error.value)
        assert pid(database) != before
        with database.connection() as connection:
            write(connection)
    database.dispose()


def test_of_several_hosts_the_one_that_is_there_and_can_be_written_to_is_used(settings):
    with Proxy(settings.postgres_dsn) as proxy:
        url = f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{proxy.port}/{proxy.url.rpartition('/')[2]}"
        database = Database(load_settings(database_url=url).postgres_dsn)
        assert pid(database) > 0
        database.dispose()
        read_only = f"{url}?options=-c%20default_transaction_read_only%3Don"
        database = Database(load_settings(database_url=read_only).postgres_dsn)
        with pytest.raises(OperationalError, match="read-only") as error:
            pid(database)
        assert is_transient(error.value)
        database.dispose()
