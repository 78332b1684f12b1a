"""The migrated schema: equal to the models, and to what docs/schema.md says of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import SQLModel

from aeon_jobs.persistence.core.models import (
    DeadLetterJob,
    Job,
    JobExecution,
    JobSchedule,
    JobStatus,
    JobType,
    Worker,
)
from aeon_jobs.persistence.queue import dead_letters, executions, job_types, jobs, process, states, workers
from aeon_jobs.persistence.queue.states import Failure
from aeon_jobs.persistence.reads import dead_letter_lists
from aeon_jobs.persistence.schedules import repository
from aeon_jobs.persistence.schedules.definitions import NewSchedule
from tests.rows import add_job, end, register, rows, running_job

NOW = datetime.now(UTC)
DOCUMENT = Path(__file__).parents[3] / "docs" / "schema.md"
NOT_MODELLED = {
    "job_migrations",
    "job_api_keys",
    "job_audit_log",
    "job_api_requests",
    "job_bulk_changes",
    "job_dashboard_sessions",
    "job_dashboard_views",
    "workflows",
    "workflow_changes",
    "workflow_holds",
}
ARCHIVE = ("job_archive", "job_dead_letter_archive", "job_audit_archive")
"""Tables that are read and written by named SQL alone."""


def differences(database: Any, *kinds: str) -> list[Any]:
    """What alembic would do to make the database like the models, by kind of operation."""

    def flat(found: list[Any]) -> list[Any]:
        return [entry for item in found for entry in (item if isinstance(item, list) else [item])]

    options = {
        "compare_type": True,
        "include_object": lambda _o, name, kind, _r, _c: (
            kind != "table" or not (name in NOT_MODELLED or name.startswith(ARCHIVE))
        ),
    }
    with database.transaction() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return [entry for entry in flat(compare_metadata(context, SQLModel.metadata)) if entry[0] in kinds]


STRUCTURE = ["add_table", "remove_table", "add_column", "remove_column", "modify_type", "modify_nullable"]
STRUCTURE += ["add_fk", "remove_fk", "add_constraint"]


def test_the_models_are_the_migrated_tables_columns_types_nullability_and_foreign_keys(database):
    assert differences(database, *STRUCTURE) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("ALTER TABLE jobs ADD COLUMN extra text", "remove_column"),
        ("ALTER TABLE jobs DROP COLUMN traceparent", "add_column"),
        ("ALTER TABLE jobs ALTER priority TYPE bigint", "modify_type"),
        ("ALTER TABLE jobs ALTER created_by TYPE varchar(200)", "modify_type"),
        ("ALTER TABLE jobs ALTER worker_id SET NOT NULL", "modify_nullable"),
        ("ALTER TABLE job_executions DROP CONSTRAINT job_executions_job_id_fkey", "add_fk"),
        ("CREATE TABLE extra (id int)", "remove_table"),
    ],
)
def test_the_comparison_sees_a_difference(database, change, kind):
    rows(database, change)
    assert [entry[0] for entry in differences(database, *STRUCTURE)] == [kind]


def test_whatever_the_models_give_by_default_the_database_gives_too(database):
    job_id = add_job(database)
    with database.connection() as connection:
        stored = jobs.get(connection, job_id)
    model = Job(job_type="note")
    for name in (
        "status",
        "priority",
        "payload",
        "retry_count",
        "max_retries",
        "timeout_ms",
        "meta",
        "ready",
        "attempt",
    ):
        assert getattr(stored, name) == getattr(model, name), name


def test_the_states_of_the_models_are_those_of_the_enum_in_order(database):
    labels = rows(database, "SELECT unnest(enum_range(NULL::job_status))::text")
    assert [label for (label,) in labels] == [status.value for status in JobStatus]


def test_what_is_read_has_every_attribute_of_its_model(database):
    register(database)
    failed = running_job(database)
    end(database, failed, states.failed(Failure("Error", "no"), retries_left=0, delay_ms=0))
    with database.transaction() as connection:
        workers.register(connection, process.registration("worker", "one"))
        schedule = repository.create(connection, NewSchedule(name="one", job_type="note", cron="@daily"), NOW)
        letters = dead_letters.of_job(connection, failed.id)
        assert dead_letter_lists.get(connection, letters[0].id) == (letters[0], None)
        read = {
            Job: jobs.get(connection, failed.id),
            JobExecution: executions.of_job(connection, failed.id)[0],
            DeadLetterJob: letters[0],
            JobType: job_types.get(connection, "note"),
            Worker: workers.every(connection)[0],
            JobSchedule: repository.get(connection, schedule),
        }
    for model, row in read.items():
        assert set(model.model_fields) - set(row._fields) == set(), model
    assert (read[JobType].limits_in_force, read[Job].meta, read[JobSchedule].meta) == (None, {}, {})


def test_the_columns_of_the_specification_have_its_types_and_defaults(database):
    specified = {
        "job_type": "varchar(100) not null",
        "status": "job_status not null 'pending'::job_status",
        "priority": "int4 not null 50",
        "payload": "jsonb not null '{}'::jsonb",
        "result": "jsonb",
        "error_message": "text",
        "retry_count": "int4 not null 0",
        "max_retries": "int4 not null 3",
        "timeout_ms": "int4 not null 300000",
        "scheduled_at": "timestamptz",
        "started_at": "timestamptz",
        "completed_at": "timestamptz",
        "created_at": "timestamptz not null now()",
        "updated_at": "timestamptz not null now()",
        "created_by": "varchar(255)",
        "metadata": "jsonb not null '{}'::jsonb",
    }
    sql = """
        SELECT column_name AS name, concat_ws(' ',
            udt_name || coalesce('(' || character_maximum_length || ')', ''),
            CASE is_nullable WHEN 'NO' THEN 'not null' END, column_default) AS definition
        FROM information_schema.columns WHERE table_name = 'jobs'
    """
    found = {row.name: row.definition for row in rows(database, sql)}
    assert {name: found[name] for name in specified} == specified


# --- docs/schema.md -----------------------------------------------------------------------------


def sections(heading: str) -> str:
    """The text under a heading of the document."""
    return re.split(rf"^## {heading}$", DOCUMENT.read_text(), flags=re.MULTILINE)[1].split("\n## ")[0]


def tables(database: Any) -> set[str]:
    """Without the months of the archive."""
    found = rows(database, "SELECT relname FROM pg_class WHERE relispartition")
    return set(inspect(database.engine).get_table_names()) - {name for (name,) in found}


def test_every_table_is_documented_and_nothing_else_is(database):
    told = re.findall(r"^\| `(\w+)` \|", sections("Tables"), flags=re.MULTILINE)
    assert sorted(told) == sorted(tables(database))


def test_the_diagram_shows_every_table_with_its_key_and_every_foreign_key(database):
    diagram = re.search(r"```mermaid\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    assert diagram is not None
    drawn = dict(re.findall(r"^    (\w+) \{\n(.*?)^    \}", diagram[1], flags=re.DOTALL | re.MULTILINE))
    assert set(drawn) == tables(database)
    arrows = set(re.findall(r"^    (\w+) \S+ (\w+) :", diagram[1], flags=re.MULTILINE))
    inspector = inspect(database.engine)
    for table, columns in drawn.items():
        keys = set(re.findall(r"^        \S+ (\w+) PK", columns, flags=re.MULTILINE))
        assert keys == set(inspector.get_pk_constraint(table)["constrained_columns"]), table
        real = {column["name"] for column in inspector.get_columns(table)}
        assert set(re.findall(r"^        \S+ (\w+)", columns, flags=re.MULTILINE)) <= real, table
    referred = {(key["referred_table"], table) for table in drawn for key in inspector.get_foreign_keys(table)}
    assert arrows == referred


def test_every_index_is_documented_with_a_statement_and_nothing_else_is(database):
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", sections("Indexes"), flags=re.MULTILINE))
    sql = (
        "SELECT relname FROM pg_class WHERE relkind IN ('i', 'I') AND relnamespace = 'public'::regnamespace"
        " AND NOT relispartition AND relname NOT LIKE 'job_migrations%'"
    )
    assert sorted(told) == sorted(name for (name,) in rows(database, sql))
    assert len(told) >= 15


def test_every_function_is_documented(database):
    told = set(re.findall(r"^\| `(\w+)\(", sections("Functions and triggers"), flags=re.MULTILINE))
    assert told == {
        name for (name,) in rows(database, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    }
