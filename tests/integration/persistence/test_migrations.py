"""Up, down and up again; many at once; beside other people's objects."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database, borrowed
from aeon_jobs.persistence.core.errors import ForeignObjects, InvalidJob, MigrationError
from aeon_jobs.persistence.queue import executions, jobs
from aeon_jobs.persistence.queue.submissions import NewJob
from tests.conftest import _administration, _dsn, _of_database
from tests.rows import NOTE, dispatch_all, job, register, rows, value

LABELS = [migration.label for migration in migrate.available()]
MakeDatabase = Callable[..., Database]


@pytest.fixture
def empty(postgres_url: str) -> Iterator[MakeDatabase]:
    """Makes Databases of one empty database: `empty()`, `empty(schema="aeon")`."""
    name = f"{make_url(postgres_url).database}_empty"
    with _administration(postgres_url) as execute, ExitStack() as stack:
        execute(f'CREATE DATABASE "{name}"')
        stack.callback(execute, f'DROP DATABASE "{name}" WITH (FORCE)')

        def make(schema: str = "public", **query: str) -> Database:
            url = make_url(_dsn(_of_database(postgres_url, name))).update_query_dict(query)
            database = Database(url.render_as_string(hide_password=False), schema=schema)
            stack.callback(database.dispose)
            return database

        yield make


@contextmanager
def engine_of_theirs(database: Database) -> Iterator[Session]:
    """A session of another program, which knows nothing of us, on the same database."""
    engine = create_engine(database.engine.url)
    with Session(engine) as session:
        yield session
    engine.dispose()


CATALOGUE = """
    SELECT 'column', table_name, column_name, concat_ws(' ', udt_name, character_maximum_length, is_nullable,
           column_default, is_identity, identity_generation)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'function', proname, '', pg_get_functiondef(oid)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'type', typname, '', array_to_string(ARRAY(
        SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder), ',')
    FROM pg_type t WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
    UNION ALL SELECT 'relation', relname, relkind::text, concat_ws(' ', array_to_string(reloptions, ','),
        obj_description(oid, 'pg_class'))
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3, 4
"""


def catalogue(database: Database) -> list[tuple[str, ...]]:
    """Everything that stands in the schema, but for the rows."""
    return [tuple(row) for row in rows(database, CATALOGUE)]


def test_up_down_and_up_again_leaves_the_same_schema(empty):
    database = empty()
    assert migrate.up(database) == LABELS
    first = catalogue(database)
    assert migrate.down(database, 0) == LABELS[::-1]
    assert catalogue(database) == []
    assert migrate.up(database) == LABELS
    assert catalogue(database) == first


@pytest.mark.parametrize("migration", migrate.available(), ids=lambda migration: migration.label)
def test_every_single_migration_undoes_what_it_did(empty, migration):
    database = empty()
    if migration.version > 1:
        migrate.up(database, migration.version - 1)
    before = catalogue(database)
    assert migrate.up(database, migration.version) == [migration.label]
    assert catalogue(database) != before
    assert migrate.down(database, migration.version - 1) == [migration.label]
    assert catalogue(database) == before


def test_migrating_twice_does_nothing_the_second_time(database):
    before = catalogue(database)
    assert migrate.up(database) == []
    assert catalogue(database) == before


def test_status_tells_what_is_applied_and_when(empty):
    database = empty()
    assert [entry.applied_at for entry in migrate.status(database)] == [None] * len(LABELS)
    assert not migrate.is_current(database)
    migrate.up(database, 1)
    assert [entry.applied_at is not None for entry in migrate.status(database)] == [True] + [False] * (len(LABELS) - 1)
    assert not migrate.is_current(database)
    migrate.up(database)
    assert migrate.is_current(database)
    assert not any(entry.changed for entry in migrate.status(database))
    assert [entry.migration.label for entry in migrate.status(database)] == LABELS


def test_status_shows_a_file_that_is_not_the_one_that_was_applied(database):
    rows(database, "UPDATE job_migrations SET checksum = 'other' WHERE version = 1")
    assert [entry.changed for entry in migrate.status(database)] == [True] + [False] * (len(LABELS) - 1)


def test_ten_processes_that_start_at_once_migrate_once(empty):
    """Let go together: all of them wait for a lock that is held here until the last has come."""
    database = empty()
    program = (
        "import sys\n"
        "from aeon_jobs.persistence.core import migrate\n"
        "from aeon_jobs.persistence.core.database import get_database\n"
        "print(' '.join(migrate.up(get_database())))"
    )
    environment = {**os.environ, "DATABASE_URL": database.engine.url.render_as_string(hide_password=False)}
    with database.transaction() as gate, ExitStack() as stack:
        rows(gate, "SELECT pg_advisory_xact_lock(:key)", key=migrate._LOCK)
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program],
                    env=environment,
                    cwd=Path(__file__).parents[3],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(10)
        ]
        _wait_for_waiters(database, len(processes))
        gate.commit()
        finished = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in finished if error] == []
    assert sorted(" ".join(output.split()) for output, _ in finished)[:-1] == [""] * 9 or _each_once(finished)
    assert migrate.is_current(database)


def _each_once(finished: list[tuple[str, str]]) -> bool:
    """Two migrations may be applied by two processes; each by one."""
    return sorted(label for output, _ in finished for label in output.split()) == LABELS


def _wait_for_waiters(database: Database, count: int) -> None:
    from tests.waiting import wait_for

    sql = (
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()"
    )
    wait_for(lambda: value(database, sql) == count, f"{count} processes at the lock", 60)


def test_a_database_full_of_other_peoples_tables_is_no_obstacle(empty):
    database = empty()
    for n in range(40):
        rows(database, f"CREATE TABLE theirs_{n} (id serial PRIMARY KEY, status text, job text)")
    rows(database, "CREATE SCHEMA other; CREATE TABLE other.jobs (id int); CREATE TYPE other.job_status AS ENUM ('x')")
    before = catalogue(database)
    migrate.up(database)
    migrate.down(database, 0)
    assert catalogue(database) == before
    assert value(database, "SELECT count(*) FROM other.jobs") == 0


FOREIGN = {
    "jobs": "CREATE TABLE jobs (id int)",
    "job_status": "CREATE TYPE job_status AS ENUM ('a')",
    "update_updated_at": "CREATE FUNCTION update_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "workers": "CREATE VIEW workers AS SELECT 1 AS one",
    "jobs_ready_idx": "CREATE TABLE x (a int); CREATE INDEX jobs_ready_idx ON x (a)",
    "get_ready_jobs": "CREATE FUNCTION get_ready_jobs(text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "job_migrations": "CREATE TABLE job_migrations (version integer, applied_at timestamptz)",
    # Of the second migration: the first must not have been applied either.
    "job_audit_log": "CREATE TABLE job_audit_log (id int)",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_an_object_of_a_name_that_we_need_is_refused_by_name_and_nothing_is_touched(empty, name):
    database = empty()
    rows(database, FOREIGN[name])
    before = catalogue(database)
    with pytest.raises(ForeignObjects) as refusal:
        migrate.up(database)
    assert refusal.value.names == (name,)
    assert name in str(refusal.value)
    assert "JOB_SCHEMA" in str(refusal.value)
    assert catalogue(database) == before


def test_every_foreign_name_is_told_at_once(empty):
    database = empty()
    for name in ("jobs", "job_status", "job_audit_log"):
        rows(database, FOREIGN[name])
    with pytest.raises(ForeignObjects) as refusal:
        migrate.up(database)
    assert refusal.value.names == ("job_audit_log", "job_status", "jobs")


def test_a_foreign_object_met_by_an_upgrade_is_refused_before_anything_is_changed(empty):
    database = empty()
    migrate.up(database, 1)
    rows(database, FOREIGN["job_audit_log"])
    before = catalogue(database)
    with pytest.raises(ForeignObjects):
        migrate.up(database)
    assert catalogue(database) == before


def test_a_foreign_metadata_table_is_refused_by_every_command(empty):
    database = empty()
    rows(database, FOREIGN["job_migrations"])
    before = catalogue(database)
    for command in (migrate.up, migrate.status, lambda d: migrate.down(d, 0)):
        with pytest.raises(ForeignObjects, match="job_migrations"):
            command(database)
    assert catalogue(database) == before


@pytest.fixture
def beside(empty: MakeDatabase) -> Iterator[Database]:
    """Ours in schema aeon, beside a foreign `jobs`, enum and trigger function in public."""
    theirs = empty()
    rows(theirs, "CREATE TABLE jobs (id int PRIMARY KEY, title text)")
    for name in ("job_status", "update_updated_at"):
        rows(theirs, FOREIGN[name])
    rows(theirs, "CREATE TABLE job_types (name text)")
    before = catalogue(theirs)
    ours = empty(schema="aeon")
    migrate.up(ours)
    register(ours)
    yield ours
    assert catalogue(theirs) == before
    assert value(theirs, "SELECT count(*) FROM jobs") == 0


def test_a_schema_of_our_own_works_beside_a_foreign_jobs_table(beside):
    assert migrate.is_current(beside)
    with beside.transaction() as connection:
        parent = jobs.submit(connection, NewJob(job_type="note"))
        child = jobs.submit(connection, NewJob(job_type="note", depends_on=[parent.id]))
    assert dispatch_all(beside) == [parent.id]
    with beside.connection() as connection:
        entry = [(parent.id, 1)]
        claimed = executions.claim(connection, entry, worker_id="w", lease_ms=1_000)[entry[0]]
    from aeon_jobs.persistence.queue import states
    from tests.rows import end

    assert end(beside, claimed, states.completed(None))
    assert dispatch_all(beside) == [child.id]
    with beside.connection() as connection:
        assert jobs.get(connection, parent.id).status == "completed"


def test_a_plain_insert_from_a_session_with_another_search_path_is_a_submission(beside):
    with engine_of_theirs(beside) as session:
        sql = "INSERT INTO aeon.jobs (job_type, scheduled_at) VALUES ('note', now() - interval '1 s') RETURNING id"
        job_id = session.execute(text(sql)).scalar_one()
        parent = session.execute(text("INSERT INTO aeon.jobs (job_type) VALUES ('note') RETURNING id")).scalar_one()
        dependency = "INSERT INTO aeon.job_dependencies (job_id, depends_on_job_id) VALUES (:c, :p)"
        session.execute(text(dependency), {"c": job_id, "p": parent})
        session.execute(text("UPDATE aeon.jobs SET status = 'completed' WHERE id = :id"), {"id": parent})
        ready = session.execute(text("SELECT id, queue_name, ready FROM aeon.get_ready_jobs(5)")).all()
        assert [tuple(row) for row in ready] == [(job_id, "default", True)]
        assert session.execute(text("SELECT aeon.retry_failed_jobs(0)")).scalar_one() == 0


@pytest.mark.parametrize("path", ['public, "$user"', "pg_catalog", "''"])
def test_submitting_in_a_callers_session_leaves_its_search_path_as_it_was(beside, path):
    with engine_of_theirs(beside) as session:
        session.execute(text(f"SET search_path = {path}"))
        before = session.execute(text("SHOW search_path")).scalar_one()
        with borrowed(session.connection(), "aeon"):
            submitted = jobs.submit(session.connection(), NewJob(job_type="note"))
        assert session.execute(text("SHOW search_path")).scalar_one() == before
        session.commit()
        assert session.execute(text("SHOW search_path")).scalar_one() == before
    with beside.connection() as connection:
        assert jobs.get(connection, submitted.id).status == "pending"


def test_a_refused_submission_too_leaves_the_callers_search_path_as_it_was(beside):
    with engine_of_theirs(beside) as session:
        before = session.execute(text("SHOW search_path")).scalar_one()
        with pytest.raises(InvalidJob), borrowed(session.connection(), "aeon"):
            jobs.submit(session.connection(), NewJob(job_type="note", priority=101))
        assert session.execute(text("SHOW search_path")).scalar_one() == before
        # Theirs again, in the same transaction.
        session.execute(text("INSERT INTO jobs (id, title) VALUES (1, 'plumber')"))
        session.rollback()


def test_a_submission_that_postgresql_fails_shows_its_own_error(beside):
    with engine_of_theirs(beside) as session:
        with pytest.raises(DBAPIError, match="division by zero"), borrowed(session.connection(), "aeon"):
            session.execute(text("SELECT 1 / 0"))
        session.rollback()
        assert session.execute(text("SHOW search_path")).scalar_one() == '"$user", public'


def test_a_callers_rollback_takes_the_submission_along(beside):
    with engine_of_theirs(beside) as session:
        with borrowed(session.connection(), "aeon"):
            jobs.submit(session.connection(), NewJob(job_type="note"))
        session.rollback()
    assert value(beside, "SELECT count(*) FROM aeon.jobs") == 0


def test_in_public_too_the_table_that_a_caller_calls_jobs_is_not_taken_for_ours(database):
    register(database)
    rows(database, "CREATE SCHEMA tenant; CREATE TABLE tenant.jobs (LIKE public.jobs INCLUDING ALL)")
    with engine_of_theirs(database) as session:
        session.execute(text("SET search_path = tenant, public"))
        with borrowed(session.connection(), "public"):
            submitted = jobs.submit(session.connection(), NewJob(job_type="note"), NOTE)
        assert session.execute(text("SHOW search_path")).scalar_one() == "tenant, public"
        session.commit()
    assert job(database, submitted.id).status == "pending"


def test_a_role_with_a_schema_of_its_own_name_migrates_public_all_the_same(empty):
    elsewhere = empty(options=f"-c search_path={quote('theirs,public')}".replace("%2C", ","))
    rows(elsewhere, "CREATE SCHEMA theirs; CREATE TABLE theirs.jobs (id int)")
    migrate.up(elsewhere)
    assert migrate.up(elsewhere) == []
    assert migrate.is_current(elsewhere)
    assert value(elsewhere, "SELECT to_regclass('public.jobs') IS NOT NULL")
    migrate.down(elsewhere, 0)
    assert catalogue(elsewhere) == []
    assert value(elsewhere, "SELECT count(*) FROM theirs.jobs") == 0


def test_a_database_newer_than_the_program_is_neither_migrated_nor_rolled_back(database):
    rows(database, "INSERT INTO job_migrations (version, name, checksum) VALUES (9999, 'of_tomorrow', 'x')")
    before = catalogue(database)
    for command in (migrate.up, lambda d: migrate.down(d, 0), lambda d: migrate.down(d, 1)):
        with pytest.raises(MigrationError, match="version 9999, newer than this program"):
            command(database)
    assert catalogue(database) == before
    assert value(database, "SELECT count(*) FROM job_migrations") == len(LABELS) + 1


def test_a_roll_back_that_other_objects_depend_on_is_refused_with_their_name(database):
    rows(database, "CREATE VIEW report AS SELECT status, count(*) FROM jobs GROUP BY 1")
    with pytest.raises(MigrationError, match=r"cannot drop .* view report depends on table jobs"):
        migrate.down(database, 0)
    assert value(database, "SELECT count(*) FROM report") == 0
    # What the failing migration had begun was undone; those above it stay rolled back, and status says so.
    assert [bool(entry.applied_at) for entry in migrate.status(database)] == [True] + [False] * (len(LABELS) - 1)
    migrate.up(database)


def test_rolling_back_what_is_not_there_does_nothing(empty):
    assert migrate.down(empty(), 0) == []
    assert migrate.down(empty(schema="nowhere"), 0) == []


def test_an_unreachable_server_is_an_error_of_one_line():
    database = Database("postgresql+psycopg2://postgres:hunter2@127.0.0.1:1/x")
    for command in (migrate.up, migrate.status, lambda d: migrate.down(d, 0)):
        with pytest.raises(MigrationError) as refusal:
            command(database)
        assert str(refusal.value).startswith("PostgreSQL cannot be reached: ")
        assert "\n" not in str(refusal.value)
        assert "hunter2" not in str(refusal.value)
    database.dispose()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_store_every_text_is_refused(postgres_url, encoding):
    name = f"{make_url(postgres_url).database}_{encoding.lower()}"
    with _administration(postgres_url) as execute, ExitStack() as stack:
        execute(f"""CREATE DATABASE "{name}" ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0""")
        stack.callback(execute, f'DROP DATABASE "{name}" WITH (FORCE)')
        database = Database(_dsn(_of_database(postgres_url, name)))
        stack.callback(database.dispose)
        with pytest.raises(MigrationError, match=f"has the encoding {encoding}: create one with ENCODING 'UTF8'"):
            migrate.up(database)
        with database.connection() as connection:
            assert (
                connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").scalar() == 0
            )


def test_a_role_that_may_not_create_is_told_so(empty, postgres_url):
    database = empty()
    role = f"{make_url(postgres_url).database}_guest"
    with _administration(postgres_url) as execute:
        execute(f'CREATE ROLE "{role}"')
        try:
            guest = empty(options=f"-c role={role}")
            for schema in (guest, empty(schema="theirs", options=f"-c role={role}")):
                rows(database, f'REVOKE CREATE ON SCHEMA public FROM PUBLIC, "{role}"')
                with pytest.raises(MigrationError, match="permission denied"):
                    migrate.up(schema)
        finally:
            execute(f'DROP ROLE "{role}"')
    assert catalogue(database) == []


# --- functions ----------------------------------------------------------------------------------


FUNCTIONS = [function.name for function in migrate.functions()]


def made(database: Database) -> dict[str, str]:
    """Each function and the transaction that made it."""
    sql = "SELECT proname, xmin::text FROM pg_proc WHERE pronamespace = to_regnamespace(:schema) AND proname = ANY(:names)"
    return dict(tuple(row) for row in rows(database, sql, schema=database.schema, names=FUNCTIONS))


def test_a_function_that_changed_is_made_anew_and_the_others_are_left_alone(empty):
    database = empty()
    migrate.up(database)
    before = made(database)
    assert sorted(before) == sorted(FUNCTIONS)
    rows(database, "COMMENT ON FUNCTION claim_jobs IS 'aeon-jobs migrations: of another version'")
    # For the processes of that version: they go on.
    assert migrate.is_current(database)
    assert migrate.up(database) == []
    after = made(database)
    assert {name for name in FUNCTIONS if after[name] != before[name]} == {"claim_jobs"}


def test_a_function_that_is_missing_is_made(empty):
    database = empty()
    migrate.up(database)
    rows(database, "DROP FUNCTION record_jobs")
    assert not migrate.is_current(database)
    migrate.up(database)
    assert migrate.is_current(database)
    assert sorted(made(database)) == sorted(FUNCTIONS)


def test_a_session_that_has_called_a_function_calls_the_new_one_from_then_on(empty):
    """A worker goes on while `migrate` makes its functions anew."""
    database = empty()
    migrate.up(database)
    register(database)
    with database.connection() as session:
        jobs.submit(session, NewJob(job_type="note"))
        (first,) = dispatch_all(database)
        assert executions.claim(session, [(first, 1)], worker_id="w", lease_ms=1_000)
        old = rows(database, "SELECT pg_get_functiondef('claim_jobs'::regproc)")[0][0]
        rows(database, old.replace("'running'", "'queued'").replace(":", "\\:"))
        jobs.submit(session, NewJob(job_type="note"))
        (second,) = dispatch_all(database)
        executions.claim(session, [(second, 1)], worker_id="w", lease_ms=1_000)
    assert [job(database, id_).status for id_ in (first, second)] == ["running", "queued"]


def test_each_schema_has_its_own_functions_and_they_see_its_own_tables(empty):
    public, own = empty(), empty(schema="aeon")
    migrate.up(public)
    migrate.up(own)
    assert set(made(public)) == set(made(own)) == set(FUNCTIONS)
    for database in (public, own):
        register(database)
        with database.connection() as connection:
            jobs.submit(connection, NewJob(job_type="note"))
    (ours,) = dispatch_all(own)
    with own.connection() as connection:
        assert executions.claim(connection, [(ours, 1)], worker_id="w", lease_ms=1_000)
    assert rows(public, "SELECT status::text FROM public.jobs") == [("pending",)]


def test_a_function_of_somebody_else_is_refused_by_name_and_nothing_is_touched(empty):
    database = empty()
    rows(database, "CREATE FUNCTION claim_jobs(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    before = catalogue(database)
    with pytest.raises(ForeignObjects, match="claim_jobs"):
        migrate.up(database)
    assert catalogue(database) == before


def test_rolling_back_everything_takes_the_functions_along(empty):
    database = empty()
    migrate.up(database)
    migrate.down(database, 0)
    assert made(database) == {}


@pytest.fixture
def guest(empty, postgres_url: str) -> Iterator[tuple[Database, Callable[..., None]]]:
    """A role that may use the tables and is not their owner; and a way to give it more."""
    migrate.up(empty())
    role = f"{make_url(postgres_url).database}_guest"
    with _administration(postgres_url) as execute:
        execute(f'CREATE ROLE "{role}"')

        def grant(sql: str) -> None:
            rows(empty(), sql.replace("ROLE", f'"{role}"'))

        try:
            grant("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ROLE")
            yield empty(options=f"-c role={role}"), grant
        finally:
            rows(empty(), f'DROP OWNED BY "{role}"')
            execute(f'DROP ROLE "{role}"')


def test_a_role_that_may_use_the_tables_may_call_the_functions(guest):
    database, _ = guest
    register(database)
    with database.connection() as connection:
        jobs.submit(connection, NewJob(job_type="note"))
    (job_id,) = dispatch_all(database)
    with database.connection() as connection:
        assert executions.claim(connection, [(job_id, 1)], worker_id="w", lease_ms=1_000)


def test_a_role_that_may_not_use_the_tables_may_not_through_the_functions(guest):
    database, grant = guest
    grant("REVOKE UPDATE ON jobs FROM ROLE")
    with database.connection() as connection, pytest.raises(DBAPIError, match="permission denied for table jobs"):
        executions.claim(connection, [(uuid4(), 1)], worker_id="w", lease_ms=1_000)


def test_a_role_that_may_not_make_functions_anew_is_told_so(guest, empty):
    database, grant = guest
    rows(empty(), "COMMENT ON FUNCTION claim_jobs IS 'aeon-jobs migrations: of another version'")
    with pytest.raises(MigrationError, match=r"permission denied for schema|must be owner of function claim_jobs"):
        migrate.up(database)
    grant("GRANT CREATE ON SCHEMA public TO ROLE")
    with pytest.raises(MigrationError, match="must be owner of function claim_jobs"):
        migrate.up(database)


def test_every_migration_has_a_way_back_and_stands_in_order():
    versions = [migration.version for migration in migrate.available()]
    assert versions == sorted(set(versions))
    assert all(migration.down.strip() for migration in migrate.available())
